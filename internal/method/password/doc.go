// Package password signs people in and up with a password: the steps of the
// login and registration flows, the policy for new passwords, and the lookup in
// lists of breached ones. Hashing itself is done by package secret, in a bounded
// pool.
//
// Invariants: whatever is wrong with an account (there is none, it has no
// password, the password is another one), the answer and the work for it are
// the same, except that an old system is asked about passwords it alone knows; a
// password is in no message, fact or error.
package password
