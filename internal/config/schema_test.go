package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// elsewhere are keys without a field of the same name: where their value lives.
func elsewhere() map[string]string {
	return map[string]string{
		"help":          "nowhere, it is unused",
		"config":        "nowhere, it is unused",
		"organizations": "nowhere, it is unused",
		"enterprise":    "nowhere, it is unused",
	}
}

func TestEveryKeyOfTheSchemaHasAField(t *testing.T) {
	schema, err := readSchema()
	if err != nil {
		t.Fatal(err)
	}
	var walk func(key string, n node, in reflect.Type)
	walk = func(key string, n node, in reflect.Type) {
		for in.Kind() == reflect.Pointer || in.Kind() == reflect.Slice {
			in = in.Elem()
		}
		for name, child := range n.properties() {
			at := join(key, name)
			if elsewhere()[at] != "" {
				continue
			}
			field, ok := fieldFor(in, name)
			if !ok {
				t.Errorf("%s has no field in %s", at, in)
				continue
			}
			c := schema.follow(child)
			if c.kind() == "array" {
				c = schema.follow(c["items"])
			}
			if c.properties() != nil {
				walk(at, c, field)
			}
		}
	}
	walk("", schema.root, reflect.TypeFor[Snapshot]())
}

// fieldFor finds the type of the field that decoding would fill for a key.
func fieldFor(in reflect.Type, name string) (reflect.Type, bool) {
	if in.Kind() == reflect.Map {
		return in.Elem(), true
	}
	for _, f := range reflect.VisibleFields(in) {
		if sameName(name, f.Name) {
			return f.Type, true
		}
	}
	if f, ok := in.FieldByName("Methods"); ok && f.Tag.Get("mapstructure") == ",remain" {
		return f.Type.Elem(), true
	}
	return nil, false
}

func TestEveryGapIsAKeyOfTheSchema(t *testing.T) {
	schema, err := readSchema()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gaps() {
		n := schema.root
		for part := range strings.SplitSeq(g.key, ".") {
			n = schema.follow(n.properties()[part])
		}
		if n == nil {
			t.Errorf("%s is no key", g.key)
		}
	}
}

func TestDefaultsOfTheSchema(t *testing.T) {
	schema, err := readSchema()
	if err != nil {
		t.Fatal(err)
	}
	l := newLayers(schema.defaults(schema.root))
	want := map[string]any{
		"hashers.algorithm":                                "bcrypt",
		"session.cookie.name":                              "ory_kratos_session",
		"session.whoami.required_aal":                      "highest_available",
		"selfservice.flows.registration.style":             "profile_first",
		"selfservice.methods.code.enabled":                 true,
		"courier.worker.pull_wait":                         "1s",
		"serve.public.port":                                int64(4433),
		"tracing.providers.zipkin.sampling.sampling_ratio": int64(0),
		"cardea.janitor.interval":                          "1m",
		"cardea.session.cache.enabled":                     true,
	}
	for key, v := range want {
		got, _ := l.lookup(key)
		if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	for _, key := range []string{"session.whoami.tokenizer", "identity.schemas", "selfservice.methods.oidc.config", "selfservice.flows.login.ui_url", "serve.admin.host"} {
		if v, ok := l.lookup(key); ok {
			t.Errorf("%s has a default: %v", key, v)
		}
	}
}

func TestByteSizes(t *testing.T) {
	tests := []struct {
		text string
		want ByteSize
		ok   bool
	}{
		{"0B", 0, true}, {"1B", 1, true}, {"2KB", 2048, true}, {"128MB", 128 << 20, true}, {"1GB", 1 << 30, true}, {"7EB", 7 << 60, true},
		{"8EB", 0, false}, {"1", 0, false}, {"KB", 0, false}, {"", 0, false}, {"-1B", 0, false}, {"1BB", 0, false}, {"1kb", 0, false}, {"1.5GB", 0, false},
	}
	for _, tt := range tests {
		got, err := ParseByteSize(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseByteSize(%q) = %d, %v", tt.text, got, err)
		}
	}
}

func TestNormalizeGivesDatesBackAsText(t *testing.T) {
	day := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	got := normalize(map[string]any{"day": day, "time": day.Add(time.Second), "map": map[any]any{1: []any{2}}})
	want := map[string]any{"day": "2024-01-02", "time": "2024-01-02T00:00:01Z", "map": map[string]any{"1": []any{int64(2)}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("normalize (-want +got):\n%s", diff)
	}
}
