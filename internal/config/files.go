package config

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// file is one configuration file as it was read, so that a watcher can tell
// whether it has changed since.
type file struct {
	path   string
	digest [sha256.Size]byte // zero when it could not be read
}

// readFile reads and parses one file; the extension decides the format.
func readFile(path string) (map[string]any, file, error) {
	parse, ok := parsers()[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return nil, file{path: path}, fmt.Errorf("the extension has to be .yaml, .yml, .json or .toml")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, file{path: path}, fmt.Errorf("cannot be read: %w", err)
	}
	f := file{path: path, digest: sha256.Sum256(text)}
	v, err := parse(text)
	if err != nil {
		return nil, f, fmt.Errorf("cannot be parsed: %w", err)
	}
	switch tree := normalize(v).(type) {
	case nil:
		return map[string]any{}, f, nil
	case map[string]any:
		return tree, f, nil
	default:
		return nil, f, fmt.Errorf("has to hold keys and values")
	}
}

// parsers are the formats by extension.
func parsers() map[string]func([]byte) (any, error) {
	asYAML := func(text []byte) (v any, err error) { return v, yaml.Unmarshal(text, &v) }
	return map[string]func([]byte) (any, error){
		".yaml": asYAML,
		".yml":  asYAML,
		".json": func(text []byte) (any, error) { return jsonschema.UnmarshalJSON(bytes.NewReader(text)) },
		".toml": func(text []byte) (any, error) {
			tree := map[string]any{}
			return tree, toml.Unmarshal(text, &tree)
		},
	}
}

// normalize brings what the parsers give to one form: map[string]any, []any,
// string, bool, int64, float64 and nil. Dates, which only some formats know,
// become text again; numbers that fit no type stay what they are.
func normalize(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, child := range v {
			out[k] = normalize(child)
		}
		return out
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, child := range v {
			out[fmt.Sprint(k)] = normalize(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = normalize(child)
		}
		return out
	case int:
		return int64(v)
	case json.Number:
		return number(v)
	case time.Time:
		return strings.TrimSuffix(v.Format(time.RFC3339Nano), "T00:00:00Z")
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			return nil
		}
		return string(text)
	default:
		return v
	}
}

func number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return n
}
