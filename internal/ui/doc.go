// Package ui owns what a form is made of: nodes and their attributes, the
// container around them, and the messages on them with their ids, types and
// texts. It knows how these look as JSON, in which order they are shown, and how
// a schema property becomes an input.
//
// It refuses to know flows, HTTP, storage and HTML. It builds no message on its
// own: which message goes where is the business of the methods.
//
// Invariants:
//   - A message's text is filled by a [Locale], late, so that labels and languages
//     can change under a living flow. Only a text that came from outside is kept
//     with its message (Message.Verbatim).
//   - Attributes is a closed set: nothing outside this package adds a kind of node.
//   - Every message id of the contract has a definition, and every catalogue a text
//     for it that is never empty and uses only the definition's context keys.
package ui
