package config

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/contract-keys.txt
var contractKeys string

// knownKeys are the keys that a schema names, in the notation of the list.
func knownKeys(d document) map[string]bool {
	known := map[string]bool{}
	var walk func(v any, path []string, open []string)
	walk = func(v any, path, open []string) {
		n, ok := v.(map[string]any)
		if !ok {
			return
		}
		if ref, ok := n["$ref"].(string); ok {
			if slices.Contains(open, ref) {
				return
			}
			walk(map[string]any(d.follow(n)), path, append(slices.Clone(open), ref))
		}
		below := func(name string, child any) {
			at := append(slices.Clone(path), name)
			known[strings.Join(at, ".")] = true
			walk(child, at, open)
		}
		for _, list := range []string{"properties", "patternProperties"} {
			children, _ := n[list].(map[string]any)
			for name, child := range children {
				if list == "patternProperties" {
					name = "*"
				}
				below(name, child)
			}
		}
		if free, ok := n["additionalProperties"].(map[string]any); ok {
			below("*", free)
		}
		walk(n["items"], append(slices.Clone(path), "[]"), open)
		for _, part := range []string{"allOf", "anyOf", "oneOf", "then", "else", "if", "not"} {
			parts, ok := n[part].([]any)
			if !ok {
				parts = []any{n[part]}
			}
			for _, p := range parts {
				walk(p, path, open)
			}
		}
	}
	walk(map[string]any(d.root), nil, nil)
	return known
}

// TestEveryKeyOfTheContractIsKnownOrExplained: a key of Kratos' configuration is in
// the schema, and what has no effect stands with its reason in the documentation.
func TestEveryKeyOfTheContractIsKnownOrExplained(t *testing.T) {
	schema, err := readSchema()
	if err != nil {
		t.Fatal(err)
	}
	known, explained, count := knownKeys(schema), explainedKeys(t), 0
	for line := range strings.Lines(contractKeys) {
		key := strings.TrimSpace(line)
		if key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		count++
		if !known[key] && !explained[key] {
			t.Errorf("%s is neither supported nor listed in docs/compatibility.md", key)
		}
	}
	if count < 1000 {
		t.Errorf("the list has only %d keys", count)
	}
	for _, g := range gaps() {
		if !explained[g.key] {
			t.Errorf("%s has no effect, and docs/compatibility.md does not say so", g.key)
		}
	}
	for key := range explained {
		if known[key] && !slices.ContainsFunc(gaps(), func(g gap) bool { return g.key == key }) {
			t.Errorf("docs/compatibility.md says that %s has no effect, but it has", key)
		}
	}
}

// explainedKeys are the keys in the first column of the documentation's table of
// settings without effect.
func explainedKeys(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "\n### Settings without effect\n")
	if !found {
		t.Fatal("docs/compatibility.md has no section of settings without effect")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	keys := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+) \\|$").FindAllStringSubmatch(section, -1) {
		keys[row[1]] = len(row[2]) > 10
	}
	return keys
}

// TestEverySettingIsReadSomewhere: a field that no code outside of this package asks
// for is a setting without effect, whatever the schema says.
func TestEverySettingIsReadSomewhere(t *testing.T) {
	read, idle := selectors(t), idleFields()
	var walk func(path string, in reflect.Type, seen []reflect.Type)
	unread := map[string]bool{}
	walk = func(path string, in reflect.Type, seen []reflect.Type) {
		for in.Kind() == reflect.Pointer || in.Kind() == reflect.Slice || in.Kind() == reflect.Map {
			in = in.Elem()
		}
		if in.Kind() != reflect.Struct || in.PkgPath() != reflect.TypeFor[Snapshot]().PkgPath() || slices.Contains(seen, in) {
			return
		}
		for _, f := range reflect.VisibleFields(in) {
			if !f.IsExported() || f.Anonymous {
				continue
			}
			at := path + "." + f.Name
			if idle[at] {
				continue
			}
			if !read[f.Name] {
				unread[at] = true
			}
			walk(at, f.Type, append(slices.Clone(seen), in))
		}
	}
	walk("", reflect.TypeFor[Snapshot](), nil)
	for _, at := range slices.Sorted(maps.Keys(unread)) {
		t.Errorf("nothing reads %s", strings.TrimPrefix(at, "."))
	}
}

// idleFields are the fields of the keys that are known to have no effect.
func idleFields() map[string]bool {
	idle := map[string]bool{}
	for _, g := range gaps() {
		in, path := reflect.TypeFor[Snapshot](), ""
		for part := range strings.SplitSeq(g.key, ".") {
			for in.Kind() == reflect.Pointer {
				in = in.Elem()
			}
			if in.Kind() != reflect.Struct {
				break
			}
			for _, f := range reflect.VisibleFields(in) {
				if sameName(part, f.Name) && !f.Anonymous {
					in, path = f.Type, path+"."+f.Name
					break
				}
			}
		}
		idle[path] = true
	}
	return idle
}

// selectors are all names that the program's code selects outside of tests.
func selectors(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				names[s.Sel.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
