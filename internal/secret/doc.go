// Package secret owns everything that must stay unknown to others: random
// tokens and codes, the keyring that seals and authenticates, the values of the
// session and anti-CSRF cookies, password hashes in every format that may be
// imported, and the bounded pool in which they are computed.
//
// It refuses to persist, log or compare in variable time: no error of this
// package carries a password, a hash, a key or a plaintext, and a Keyring
// prints as the number of its secrets only.
//
// Invariants: the first secret of a keyring writes, all of them read; a key is
// used for one label only; sealed data opens only with the associated data it
// was sealed with; a password is hashed nowhere else and, through Passwords,
// never outside of the pool.
package secret
