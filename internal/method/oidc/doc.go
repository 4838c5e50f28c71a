// Package oidc lets people sign up and sign in with an account that they have
// somewhere else, and connect such accounts to theirs: OpenID Connect and those
// relatives of OAuth 2.0 that say who somebody is.
//
// It refuses to believe anything that a provider's signature or a connection to the
// provider does not stand for, to take over an account because somebody at a
// provider has the same address, and to send people to a callback that the
// configuration does not name. A browser that comes back is bound to its flow by the
// engine ([flow.Leave]); the answer it brings is bound to the request by PKCE
// (RFC 7636) or, where a provider does not do that, by a nonce (OpenID Connect Core,
// section 3.1.2.1).
//
// Invariant: a link is made with an account in one of four ways: the account was
// created by it, its owner is signed in and asked for it, its owner has just proved to
// be the one, or the operator trusts the provider with the address that both have
// proved.
package oidc
