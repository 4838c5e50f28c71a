package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/go-viper/mapstructure/v2"
)

// assemble makes a snapshot of merged layers: it decodes the tree into typed
// fields and then fills in what is derived. The layers belong to the snapshot
// from here on.
func assemble(l layers, o Options, development bool, files []file, remarks []Issue) (*Snapshot, error) {
	s := &Snapshot{Development: development, Warnings: slices.Clone(remarks), files: files, layers: l, opts: o, remarks: remarks}
	if err := decode(l.tree, s); err != nil && !o.SkipValidation {
		return nil, fmt.Errorf("configuration does not fit its types: %w", err)
	}
	r := resolver{Snapshot: s}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	s.Unsupported = sorted(unsupported(&s.layers))
	s.Warnings = sorted(s.Warnings)
	return s, nil
}

// decode fills the fields of a snapshot by the names of the keys.
func decode(tree map[string]any, s *Snapshot) error {
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:    s,
		MatchName: sameName,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.StringToURLHookFunc(),
			decodeByteSize,
			decodeHook,
			decodeRaw,
		),
	})
	if err != nil {
		return err
	}
	return d.Decode(tree)
}

// sameName is the rule that ties keys to fields: "base_url" is BaseURL,
// "sqa-opt-out" is SQAOptOut.
func sameName(key, field string) bool {
	for i := range len(key) {
		if key[i] == '_' || key[i] == '-' {
			continue
		}
		if field == "" || lower(key[i]) != lower(field[0]) {
			return false
		}
		field = field[1:]
	}
	return field == ""
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func decodeByteSize(_, to reflect.Type, v any) (any, error) {
	text, ok := v.(string)
	if !ok || to != reflect.TypeFor[ByteSize]() {
		return v, nil
	}
	return ParseByteSize(text)
}

// decodeHook reads a hook entry. Organization hooks have no "config": what stands
// beside their name is their configuration.
func decodeHook(_, to reflect.Type, v any) (any, error) {
	entry, ok := v.(map[string]any)
	if !ok || to != reflect.TypeFor[Hook]() {
		return v, nil
	}
	name, _ := entry["hook"].(string)
	settings, ok := entry["config"]
	if !ok {
		rest := maps.Clone(entry)
		delete(rest, "hook")
		if len(rest) == 0 {
			return Hook{Name: name}, nil
		}
		settings = rest
	}
	raw, err := json.Marshal(settings)
	return Hook{Name: name, Config: raw}, err
}

func decodeRaw(_, to reflect.Type, v any) (any, error) {
	if to != reflect.TypeFor[json.RawMessage]() {
		return v, nil
	}
	raw, err := json.Marshal(v)
	return json.RawMessage(raw), err
}
