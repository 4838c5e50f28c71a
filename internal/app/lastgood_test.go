package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

const goodSchema = `{"type":"object","properties":{"traits":{"type":"object","properties":{"a":{"type":"string"}}}}}`

// flaky answers with what it holds, or not at all.
type flaky struct {
	document string
	err      error
}

func (f *flaky) load(context.Context, string) ([]byte, error) { return []byte(f.document), f.err }

func TestTheLastGoodCopyOfASchemaStays(t *testing.T) {
	dir := t.TempDir()
	source := &flaky{document: goodSchema}
	log := slog.New(slog.DiscardHandler)
	k := keepLastGood(source.load, dir, log)
	get := func(k *lastGood, address string) string {
		t.Helper()
		raw, err := k.load(t.Context(), address)
		if err != nil {
			return "error"
		}
		return string(raw)
	}
	const address = "https://schemas.example.test/person.json"
	if got := get(k, address); got != goodSchema {
		t.Fatalf("at first: %s", got)
	}
	for about, broken := range map[string]flaky{
		"the server is away":          {err: errors.New("unreachable")},
		"the server answers nonsense": {document: "<html>"},
		"the schema is useless":       {document: `{"type":"object"}`},
	} {
		*source = broken
		if got := get(k, address); got != goodSchema {
			t.Errorf("%s: %s", about, got)
		}
		if got := get(keepLastGood(source.load, dir, log), address); got != goodSchema {
			t.Errorf("%s, after a restart: %s", about, got)
		}
		if got := get(k, "https://schemas.example.test/other.json"); got != "error" {
			t.Errorf("%s: a schema that was never good is %s", about, got)
		}
	}
	*source = flaky{err: errors.New("gone")}
	if got := get(k, "file:///person.json"); got != "error" {
		t.Errorf("a file that is gone is %s", got)
	}
	*source = flaky{document: goodSchema + " "}
	if got := get(k, address); got != goodSchema+" " {
		t.Errorf("a new version: %q", got)
	}
}
