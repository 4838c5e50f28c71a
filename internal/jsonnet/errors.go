package jsonnet

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what went wrong with an evaluation.
type Kind string

// The kinds of failure. Syntax, Runtime, Timeout, TooLarge and Memory are the
// program's doing, Input the caller's, Unavailable the machine's.
const (
	Syntax      Kind = "syntax"      // the program does not parse, or imports something
	Runtime     Kind = "runtime"     // the program failed while it ran
	Timeout     Kind = "timeout"     // it ran longer than Options.Timeout
	TooLarge    Kind = "too_large"   // program, variables or output exceed their limit
	Memory      Kind = "memory"      // it needed more than Options.MemoryLimit
	Input       Kind = "input"       // a variable is not JSON that Jsonnet can represent
	Unavailable Kind = "unavailable" // no child could do the work; trying again may help
)

// ErrClosed is the cause of an Unavailable error after Pool.Close.
var ErrClosed = errors.New("the pool is closed")

// Error is a failed evaluation. Its text is fit for logs: it says nothing of the
// variables' values that the program did not say itself.
type Error struct {
	Kind    Kind
	Message string
	// Raised tells that Message is the text of the program's own `error` or
	// `assert`, unchanged except that very long ones are cut.
	Raised bool
	// File is Program.Filename; Line and Column count from 1 and are 0 when the
	// place in the program is not known.
	File         string
	Line, Column int

	cause error
}

// Error gives the place, when it is known, and the message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("jsonnet: ")
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

// Unwrap gives the system's error behind an Unavailable one.
func (e *Error) Unwrap() error { return e.cause }

func unavailable(message string, cause error) *Error {
	return &Error{Kind: Unavailable, Message: message, cause: cause}
}
