// Package hook makes the calls of web hooks: HTTP requests to systems that the
// operator named, about what happens in a journey.
//
// It owns the settings of a hook, the body that a Jsonnet program makes of what is
// known, the attempts, and the reading of the answer. When a hook is called, and
// what becomes of its answer, is the engine's business (internal/flow).
//
// The question whether an old system knows a password goes the same way: its answer
// is a yes or a no, and both body and answer are never repeated to anybody.
//
// It refuses to reach further than the guarded client it is given, to read more of
// an answer than that client does, and to let an answer say anything in a log.
//
// Invariants:
//   - Settings, bodies and answers never stand in an error: they hold secrets. An
//     error names the hook by its id, else by scheme and host of its address.
//   - A hook whose answer is ignored is an errand: it changes nothing for the one who
//     waits, and is called at least once, whatever becomes of this process.
package hook
