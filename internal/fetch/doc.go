// Package fetch owns every outgoing HTTP request: the one guarded client. It
// decides where a request may go, at the moment a connection is dialled and on
// the address that is dialled, so that a name which changes its address between
// check and use (DNS rebinding) gains nothing.
//
// It refuses addresses that are not of the public internet wherever a URL came
// from data, redirects that leave what an operator wrote for such an address,
// redirects that would carry headers or a body to another origin, unbounded
// answers, and proxies that nobody configured.
//
// Invariants: what is checked is what is dialled; a connection that was allowed
// for one request is never reused for a request that is not; no error of Do
// carries a path, a query or user information of a URL.
package fetch
