// Package account owns the built-in pages: what people without a user interface
// of their own see when they sign up, sign in, verify, recover or change their
// account, and the page that says who is signed in.
//
// A page is a flow's nodes put into HTML. The pages are a client of the same
// journeys as everybody else: they ask through [Journeys] and post to the flow's
// own action, so that a custom user interface can do whatever they can.
//
// It refuses to decide anything about journeys, to set cookies and to know a
// method: a node is drawn by its type, and a type that it does not know is left
// out.
//
// Invariants:
//   - Pages work without JavaScript, except for keys and behind the barrier against
//     robots. They hold no script and no inline style, and load nothing from elsewhere
//     but the operator's logo, and the widget of a service that the operator has put
//     in place of our own barrier.
//   - Whatever comes from a flow, a person or the configuration is escaped by
//     html/template; links lead to http, https or a place that the configuration
//     names, images to those or to data.
//   - A redirect leads below the configured public URL and never in a circle.
package account
