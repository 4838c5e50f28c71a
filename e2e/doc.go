// Package e2e holds the tests that use a real browser: they build the server,
// start it on this machine and visit the account pages, without JavaScript except for
// security keys and passkeys.
//
// They need chromium, node and `npm ci --prefix e2e`, and are skipped where one of
// these is missing.
package e2e
