// Package flow is the engine behind the five self-service journeys: login,
// registration, settings, recovery and verification.
//
// A journey is a [Flow] of a [Kind]. A kind is data (kinds.go): who may start
// it, which checks run in which order, which messages and status codes its
// clients expect. A way to get on is a [Step] of a method (password, code,
// passkey, …): it renders nodes and judges a submission, and knows neither HTTP
// nor SQL nor a configuration file.
//
// What happens to a request is one pipeline:
//
//	Start    guards of the kind → prepare steps → store → answer
//	Fetch    load → owner → expiry → render
//	Submit   guards of the kind → read body → pick step → enabled? → fit and
//	         validate → anti-CSRF → Submit of the step → conclude → answer
//
// Conclude is where identities, sessions and flows are written, in one
// transaction (conclude.go). A step says what it found out by returning one of
// the closed set of [Result]s; it cannot write, redirect or set a cookie.
//
// The engine refuses to decide anything by the look of a request: the edge says
// once what kind of client is there ([Visit]), and is told exactly what to write
// ([Answer]).
//
// Invariants: no network call and no hook happens inside a transaction; what a
// client sees of a flow is rendered when it is read; a flow holds no secret.
package flow
