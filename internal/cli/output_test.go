package cli

import (
	"bytes"
	"strings"
	"testing"
)

// sample is a document with everything that a printer can stumble over.
const sample = `{"z":[{"id":"a","n":1},{"id":"b","n":2}],"a":{"x.y":"true","we\"ird/~":null},"text":"1.0","number":12345678901234567890,"empty":[]}`

func TestQueries(t *testing.T) {
	tests := []struct {
		format string
		want   string // "" for an error
	}{
		{"jsonpath=$.z[0].id", "a\n"},
		{"jsonpath=z[0].id", "a\n"},
		{"jsonpath={.z[-1].id}", "b\n"},
		{"jsonpath=$.z[*].id", "a\nb\n"},
		{"jsonpath=$.z.*.n", "1\n2\n"},
		{"jsonpath=$['a']['x.y']", "true\n"},
		{`jsonpath=$["number"]`, "12345678901234567890\n"},
		{"jsonpath=$.empty", "[]\n"},
		{"jsonpath=$", sample + "\n"},
		{"jsonpath=$.z[2].id", ""},
		{"jsonpath=$.z[x]", ""},
		{"jsonpath=$.z[0", ""},
		{"jsonpath=$..id", ""},
		{"jsonpath=$.text.more", ""},
		{"jsonpath=", ""},
		{"jsonpath", ""},
		{"jsonpath={.z", ""},
		{"jsonpointer=/z/1/id", "b\n"},
		{`jsonpointer=/a/we"ird~1~0`, "null\n"},
		{"jsonpointer=", sample + "\n"},
		{"jsonpointer=/z/01/id", ""},
		{"jsonpointer=/z/-1/id", ""},
		{"jsonpointer=z", ""},
		{"json=1", ""},
		{"xml", ""},
		{"", ""},
	}
	for _, tt := range tests {
		o := output{format: tt.format}
		encode, err := o.encoder()
		var b bytes.Buffer
		if err == nil {
			err = encode(&b, []byte(sample))
		}
		if (err != nil) != (tt.want == "") || b.String() != tt.want {
			t.Errorf("%s prints %q, %v; want %q", tt.format, b.String(), err, tt.want)
		}
	}
}

func TestYAMLKeepsOrderAndTypes(t *testing.T) {
	var b bytes.Buffer
	if err := encodeYAML(&b, []byte(sample)); err != nil {
		t.Fatal(err)
	}
	want := `z:
  - id: a
    n: 1
  - id: b
    n: 2
a:
  x.y: "true"
  we"ird/~: null
text: "1.0"
number: 12345678901234567890
empty: []
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestCellsCannotMoveTheCursor(t *testing.T) {
	var b bytes.Buffer
	r := result{columns: []string{"ID"}, rows: [][]string{{"a\x1b[2Jb\nc\td\u009be"}}}
	if err := (&output{format: formatTable}).print(&b, r); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\t\u009b") || strings.Count(b.String(), "\n") != 2 {
		t.Errorf("got %q", b.String())
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, "Working", 2)
	p.step()
	p.say(&b, "something")
	p.finish()
	if b.String() != "something\n" {
		t.Errorf("got %q", b.String())
	}
	p.out = &b
	p.step()
	if !strings.Contains(b.String(), "2/2") {
		t.Errorf("a terminal is shown %q", b.String())
	}
}
