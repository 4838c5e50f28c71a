package jsonnet

import (
	"errors"
	"testing"
)

func TestSourceIsFormattedAndNotEvaluated(t *testing.T) {
	got, err := Format("a.jsonnet", "local a=1;\n{b:a,  assert false}")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Format("a.jsonnet", got); err != nil || again != got {
		t.Errorf("formatting twice gives %q, then %q, %v", got, again, err)
	}
}

func TestSourceThatDoesNotParseIsPlaced(t *testing.T) {
	_, formatting := Format("a.jsonnet", "{\n  a: }")
	for name, err := range map[string]error{"Format": formatting, "Lint": Lint("a.jsonnet", "{\n  a: }")} {
		var failed *Error
		if !errors.As(err, &failed) || failed.Kind != Syntax || failed.File != "a.jsonnet" || failed.Line != 2 {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

func TestLint(t *testing.T) {
	tests := []struct {
		name, source string
		clean        bool
	}{
		{"a clean program", "function(ctx) { a: ctx.b }", true},
		{"external variables", "{ a: std.extVar('session') }", true},
		{"an unused variable", "local a = 1; {}", false},
		{"an import", "{ a: if false then import 'x' else 1 }", false},
		{"a file as text", "importstr '/etc/passwd'", false},
	}
	for _, tt := range tests {
		if err := Lint("a.jsonnet", tt.source); (err == nil) != tt.clean {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
