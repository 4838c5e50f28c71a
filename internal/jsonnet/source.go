package jsonnet

import (
	"bytes"
	"errors"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/formatter"
	"github.com/google/go-jsonnet/linter"
)

// Format lays out the source of a program in the usual way. It parses and never
// evaluates; the error is an *Error of kind Syntax.
func Format(filename, source string) (string, error) {
	text, err := formatter.Format(filename, source, formatter.DefaultOptions())
	if err != nil {
		return "", sourceError(filename, syntaxFailure(err))
	}
	return text, nil
}

// Check parses a program and finds what keeps it from ever being evaluated: a
// mistake in its syntax, a variable that does not exist, an import. The error is an
// *Error with the line.
func Check(filename, source string) error {
	if _, failed := compile(filename, source); failed != nil {
		return sourceError(filename, failed)
	}
	return nil
}

// Lint looks for what is probably a mistake (a variable that nothing uses, a field
// that cannot exist) and for imports, which never work here. It parses and never
// evaluates. Nil stands for a program without findings; each line of the error is
// a finding.
func Lint(filename, source string) error {
	if err := Check(filename, source); err != nil {
		return err
	}
	vm := jsonnet.MakeVM()
	vm.Importer(noImports{})
	var found bytes.Buffer
	if !linter.LintSnippet(vm, &found, []linter.Snippet{{FileName: filename, Code: source}}) {
		return nil
	}
	return errors.New(strings.TrimSpace(found.String()))
}

func sourceError(filename string, f *failure) error {
	return &Error{Kind: f.Kind, Message: f.Message, File: filename, Line: f.Line, Column: f.Column}
}
