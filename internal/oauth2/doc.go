// Package oauth2 speaks with an OAuth2 server that lets somebody else sign people
// in: the login part of Ory Hydra's admin API (section 15 of the HTTP reference).
//
// It owns the two calls there are, what is sent and what is believed of the
// answers. When a login request is looked up or accepted is the engine's business
// (internal/flow).
//
// It refuses to follow redirects (the operator's headers would travel along), to
// send a browser to anything but an absolute http(s) address, and to call anything
// but the configured server.
//
// Invariants: challenges, headers and answers never stand in an error, except the
// server's own hint, which the contract shows.
package oauth2
