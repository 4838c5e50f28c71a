// Package code proves that somebody reads an address: six digits go there and
// come back. It signs in and up with codes, asks for them as a second factor,
// recovers accounts and verifies addresses.
//
// It refuses to keep a code: the engine stores keyed hashes and hands back what a
// right code stands for, once.
//
// Invariants: a code counts for one flow and one purpose; submissions are counted
// for the flow, however often codes are sent; an address that nobody has is
// answered like one that somebody has, as far as the contract allows.
package code
