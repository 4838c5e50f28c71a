// Package httpapi is the wire: routes, cookies, CORS, content negotiation and
// the JSON of the contract, on the public and on the admin port. It decides
// nothing about journeys or sessions; it asks the engine and the stores, and
// writes exactly what they answer.
//
// Routes are one table (routes.go). From it come the mux, the anti-CSRF class
// of a path, and the test that holds the API description against the handlers.
//
// Invariants: links are built from the configured URLs, never from request
// headers; a cause never reaches a client; only this package sets cookies.
package httpapi
