// Package link proves that somebody reads a mailbox: a link with a secret goes
// there, and opening it is the proof. It recovers accounts and verifies
// addresses.
//
// It refuses to reach anything but mail, and to tell from which mailbox a link
// was asked for whether somebody has it.
//
// Invariants: a secret counts for one flow, once; links are built from the
// configured public address only.
package link
