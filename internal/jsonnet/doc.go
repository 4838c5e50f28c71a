// Package jsonnet evaluates Jsonnet that operators write: claims mappers, bodies
// of web hooks, session claims. The interpreter has no limits of its own, so it
// never runs in this process: a Pool keeps a few child processes, hands each one
// program at a time, and kills the child that takes too long, grows too big or
// answers too much.
//
// The package refuses imports, native functions and everything else that reaches
// out of the program. Variables are data: they are never parsed as Jsonnet.
//
// Invariants:
//   - Evaluations get their turn in the order in which they asked, those of programs
//     that had to be stopped after all others and one at a time.
//   - A child works on one evaluation at a time and starts each with a fresh
//     interpreter; only parsed programs are kept between evaluations.
//   - A child that misbehaved is killed and reaped before its place is given away,
//     so there are never more children than Options.Workers.
//   - The text of an error never holds data from the variables, except where the
//     program's own `error` or `assert` put it there.
package jsonnet
