// Package webauthn signs people in and up with public key credentials (WebAuthn
// Level 3, https://www.w3.org/TR/webauthn-3/), and manages them. Two methods live
// here, because the library has one home: webauthn, security keys that are a second
// factor or, with an identifier, the first one; and passkey, credentials that know
// whose they are.
//
// It refuses to trust what a browser says beyond what the library has verified
// against the session that was kept with the flow: challenge, relying party, origin,
// allowed keys, user verification.
//
// Invariants: a challenge is drawn with the flow, kept whole with its facts (it is
// public, so it is not sealed), and answers once: of parallel answers at most one
// wins. Whose keys may answer is decided by what the server remembers, never by the
// form. The level of a proof is that of the key: a key enrolled as a first factor is
// no second one. The user handle of an account does not change. A signature counter
// only moves forward, and one that does not is noted, not punished.
package webauthn
