package config

import (
	"cmp"
	"slices"
	"strings"
)

// Issue is one remark about the configuration: an error, a warning or a key that
// is not supported.
type Issue struct {
	Key    string // dotted key, list elements by number; "" for a whole file
	Source string // a file as it was named, "environment variable X", ...; "" when nothing set the key
	Reason string // one sentence for the operator; never holds a value
}

// String is the issue as one line.
func (i Issue) String() string {
	s := i.Key
	if i.Source != "" && s != "" {
		s += " (" + i.Source + ")"
	} else {
		s += i.Source
	}
	return s + ": " + i.Reason
}

// InvalidError is a configuration that cannot be used, with every reason at once,
// sorted by key.
type InvalidError struct {
	Issues []Issue
}

// Error lists the issues, one a line.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("the configuration is not valid:")
	for _, i := range e.Issues {
		b.WriteString("\n  " + i.String())
	}
	return b.String()
}

// invalid makes the error of a list of issues, nil when there are none.
func invalid(issues []Issue) error {
	if len(issues) == 0 {
		return nil
	}
	return &InvalidError{Issues: sorted(issues)}
}

// sorted orders issues by key and drops repetitions.
func sorted(issues []Issue) []Issue {
	slices.SortStableFunc(issues, func(a, b Issue) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Source, b.Source), strings.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(issues)
}
