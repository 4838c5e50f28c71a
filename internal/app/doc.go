// Package app is the composition root: it builds every part of a running server
// once, eagerly and in order, and is the only package that knows everyone. It
// also owns the life of the process: listeners, background work, reload and an
// orderly end.
package app
