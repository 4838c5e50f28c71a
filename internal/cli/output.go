package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// result is what a command has found out, in every form that it can be printed in.
type result struct {
	columns []string
	rows    [][]string
	// vertical turns a result of one row into lines of name and value.
	vertical bool
	// human writes what people read when a table would not do; nil for the table.
	human func(io.Writer) error
	// names are what --quiet prints, one a line.
	names []string
	// value is the whole result for programs; it has to marshal to JSON.
	value any
}

// output are the options that say how results are printed.
type output struct {
	format string
	quiet  bool
}

// The forms of --format. The last two take an argument after "=".
const (
	formatTable       = "table"
	formatJSON        = "json"
	formatPrettyJSON  = "json-pretty"
	formatYAML        = "yaml"
	formatJSONPath    = "jsonpath"
	formatJSONPointer = "jsonpointer"
)

// flags adds the options to a command and checks them before it runs: a mistyped
// format must not be found out after something was deleted.
func (o *output) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.format, "format", formatTable,
		"how to print: table, json, json-pretty, yaml, jsonpath=$.a[0].b or jsonpointer=/a/0/b")
	c.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print ids or names only, one a line")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(
		[]string{formatTable, formatJSON, formatPrettyJSON, formatYAML, formatJSONPath + "=", formatJSONPointer + "="}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		return run(c, args)
	}
}

func (o *output) check() error {
	_, err := o.encoder()
	return err
}

// encoder writes a decoded JSON document.
type encoder func(w io.Writer, raw []byte) error

// encoder gives what --format asks for; nil stands for the table.
func (o *output) encoder() (encoder, error) {
	name, argument, given := strings.Cut(o.format, "=")
	switch {
	case name == formatTable && !given:
		return nil, nil
	case name == formatJSON && !given:
		return encodeJSON(""), nil
	case name == formatPrettyJSON && !given:
		return encodeJSON("  "), nil
	case name == formatYAML && !given:
		return encodeYAML, nil
	case name == formatJSONPath && given:
		p, err := parseJSONPath(argument)
		return p.encode, err
	case name == formatJSONPointer && given:
		p, err := parseJSONPointer(argument)
		return p.encode, err
	}
	return nil, fmt.Errorf("--format %q: use table, json, json-pretty, yaml, jsonpath=… or jsonpointer=…", o.format)
}

// print writes a result the way the options ask for.
func (o *output) print(w io.Writer, r result) error {
	if o.quiet {
		for _, name := range r.names {
			if _, err := fmt.Fprintln(w, name); err != nil {
				return err
			}
		}
		return nil
	}
	encode, err := o.encoder()
	if err != nil {
		return err
	}
	if encode == nil && r.human != nil {
		return r.human(w)
	}
	if encode == nil {
		return r.table(w)
	}
	raw, err := json.Marshal(r.value)
	if err != nil {
		return err
	}
	return encode(w, raw)
}

// table aligns the rows below their columns.
func (r result) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.vertical && len(r.rows) == 1 {
		for n, column := range r.columns {
			fmt.Fprintf(t, "%s\t%s\n", column, cell(r.rows[0][n]))
		}
		return t.Flush()
	}
	fmt.Fprintln(t, strings.Join(r.columns, "\t"))
	for _, row := range r.rows {
		cells := make([]string, len(row))
		for n, text := range row {
			cells[n] = cell(text)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// cell is a value on one line that cannot move the cursor: what people have typed
// into their profile ends up in the terminal of an operator.
func cell(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return '�'
		}
		return r
	}, text)
}

func encodeJSON(indent string) encoder {
	return func(w io.Writer, raw []byte) error {
		var b bytes.Buffer
		var err error
		if indent == "" {
			err = json.Compact(&b, raw)
		} else {
			err = json.Indent(&b, raw, "", indent)
		}
		if err != nil {
			return err
		}
		b.WriteByte('\n')
		_, err = w.Write(b.Bytes())
		return err
	}
}

// encodeYAML keeps the order of keys: JSON is YAML, so it is read as such and
// written in the style for people.
func encodeYAML(w io.Writer, raw []byte) error {
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return err
	}
	unfold(&document)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&document); err != nil {
		return err
	}
	return e.Close()
}

// unfold takes the style of JSON from a tree. Texts keep their quotes where they
// would otherwise be read as something else.
func unfold(n *yaml.Node) {
	var text string
	if n.Kind != yaml.ScalarNode {
		n.Style = 0
	} else if n.Tag == "!!str" {
		plain := yaml.Node{}
		if yaml.Unmarshal([]byte(n.Value), &plain) == nil && plain.Decode(&text) == nil && len(plain.Content) == 1 && plain.Content[0].Tag == "!!str" {
			n.Style = 0
		}
	}
	for _, child := range n.Content {
		unfold(child)
	}
}
