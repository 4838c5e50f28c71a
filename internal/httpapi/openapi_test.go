package httpapi

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"cardea/api"
)

// endpoint is where an operation is, with path parameters without their names.
type endpoint struct{ Port, Method, Path string }

// operation is a described operation with the parameters of its path item.
type operation struct {
	endpoint
	path       string // as it is described
	fields     map[string]any
	parameters []any
}

// itemMethods are the members of a path item that are operations (OpenAPI 3.1,
// section 4.8.9).
var itemMethods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func description(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(api.OpenAPI), &document); err != nil {
		t.Fatalf("read the description: %v", err)
	}
	return document
}

// operations are the described operations by their ids.
func operations(t *testing.T, document map[string]any) map[string]operation {
	t.Helper()
	all := map[string]operation{}
	for path, item := range document["paths"].(map[string]any) {
		item := item.(map[string]any)
		shared, _ := item["parameters"].([]any)
		for _, method := range itemMethods {
			fields, ok := item[method].(map[string]any)
			if !ok {
				continue
			}
			id, _ := fields["operationId"].(string)
			if _, twice := all[id]; twice || id == "" {
				t.Errorf("%s %s: operationId %q is empty or not the only one", method, path, id)
			}
			port, _ := fields["x-port"].(string)
			own, _ := fields["parameters"].([]any)
			all[id] = operation{
				endpoint:   endpoint{Port: port, Method: strings.ToUpper(method), Path: served(port, path)},
				path:       path,
				fields:     fields,
				parameters: slices.Concat(shared, own),
			}
		}
	}
	return all
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// served is the path that the mux sees: the admin port adds its prefix where it
// is missing.
func served(port, path string) string {
	if port == "admin" && !strings.HasPrefix(path, "/admin") {
		path = "/admin" + path
	}
	return pathParameter.ReplaceAllString(path, "{}")
}

func TestTheDescriptionAndTheRoutesAreTheSame(t *testing.T) {
	ports := map[Scope]string{public: "public", admin: "admin"}
	routed := map[string]endpoint{}
	for _, r := range New(Options{}).routes {
		if r.Operation == "" {
			continue
		}
		if _, twice := routed[r.Operation]; twice {
			t.Errorf("two routes are %s", r.Operation)
		}
		port := ports[r.Scope]
		routed[r.Operation] = endpoint{Port: port, Method: r.Method, Path: served(port, r.Pattern)}
	}
	described := map[string]endpoint{}
	for id, o := range operations(t, description(t)) {
		described[id] = o.endpoint
	}
	if diff := cmp.Diff(routed, described); diff != "" {
		t.Errorf("operations (-routed +described):\n%s", diff)
	}
}

func TestTheDescriptionNamesTheScopeOfEveryOperation(t *testing.T) {
	described := operations(t, description(t))
	for _, r := range New(Options{}).routes {
		o, ok := described[r.Operation]
		if !ok {
			continue // another test complains
		}
		want := ""
		if r.Scope == admin && !r.Free {
			want = string(r.Resource) + ":" + string(r.Access)
		}
		if got, _ := o.fields["x-scope"].(string); got != want {
			t.Errorf("%s needs %q and is described with %q", r.Operation, want, got)
		}
	}
}

func TestEveryOperationIsExplained(t *testing.T) {
	document := description(t)
	tags := map[string]bool{}
	for _, tag := range document["tags"].([]any) {
		tags[tag.(map[string]any)["name"].(string)] = true
	}
	for id, o := range operations(t, document) {
		for _, field := range []string{"summary", "description"} {
			if text, _ := o.fields[field].(string); text == "" {
				t.Errorf("%s has no %s", id, field)
			}
		}
		if used, _ := o.fields["tags"].([]any); len(used) != 1 || !tags[used[0].(string)] {
			t.Errorf("%s has tags %v, want one of those at the top", id, used)
		}
		responses, _ := o.fields["responses"].(map[string]any)
		if len(responses) == 0 {
			t.Errorf("%s has no response", id)
		}
		for status, r := range responses {
			if text, _ := follow(t, document, r)["description"].(string); text == "" {
				t.Errorf("%s: the response %s has no description", id, status)
			}
		}
	}
}

func TestPathParametersAreDeclared(t *testing.T) {
	document := description(t)
	for id, o := range operations(t, document) {
		var used, declared []string
		for _, m := range pathParameter.FindAllStringSubmatch(o.path, -1) {
			used = append(used, m[1])
		}
		for _, p := range o.parameters {
			parameter := follow(t, document, p)
			name, _ := parameter["name"].(string)
			if parameter["in"] == "path" {
				declared = append(declared, name)
				if parameter["required"] != true {
					t.Errorf("%s: the path parameter %s is not required", id, name)
				}
			}
			if text, _ := parameter["description"].(string); text == "" || parameter["schema"] == nil {
				t.Errorf("%s: the parameter %s has no description or no schema", id, name)
			}
		}
		slices.Sort(used)
		slices.Sort(declared)
		if diff := cmp.Diff(used, declared); diff != "" {
			t.Errorf("%s: path parameters (-used +declared):\n%s", id, diff)
		}
	}
}

func TestEveryReferenceLeadsToSomethingAndNothingIsLeftOver(t *testing.T) {
	document := description(t)
	used := map[string]bool{}
	for _, ref := range references(document) {
		if follow(t, document, map[string]any{"$ref": ref}) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
		used[ref] = true
	}
	components := document["components"].(map[string]any)
	for _, section := range []string{"parameters", "responses", "schemas"} {
		for name := range components[section].(map[string]any) {
			if ref := "#/components/" + section + "/" + name; !used[ref] {
				t.Errorf("nobody uses %s", ref)
			}
		}
	}
	for scheme := range schemesInUse(document) {
		if _, ok := components["securitySchemes"].(map[string]any)[scheme]; !ok {
			t.Errorf("there is no security scheme %s", scheme)
		}
	}
}

// references are the targets of all references below a node, and of the mappings
// that tell alternatives apart.
func references(node any) []string {
	var all []string
	switch node := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			text, isText := node[key].(string)
			if isText && (key == "$ref" || strings.HasPrefix(text, "#/")) {
				all = append(all, text)
			}
			all = append(all, references(node[key])...)
		}
	case []any:
		for _, child := range node {
			all = append(all, references(child)...)
		}
	}
	return all
}

// follow resolves a node that may be a reference into this document; nil when it
// leads nowhere.
func follow(t *testing.T, document map[string]any, node any) map[string]any {
	t.Helper()
	object, _ := node.(map[string]any)
	ref, ok := object["$ref"].(string)
	if !ok {
		return object
	}
	pointer, local := strings.CutPrefix(ref, "#/")
	if !local {
		t.Errorf("%s leads out of the document", ref)
		return nil
	}
	at := document
	for step := range strings.SplitSeq(pointer, "/") {
		at, _ = at[step].(map[string]any)
	}
	return at
}

// schemesInUse are the security schemes that operations name.
func schemesInUse(document map[string]any) map[string]bool {
	all := map[string]bool{}
	for _, item := range document["paths"].(map[string]any) {
		for _, fields := range item.(map[string]any) {
			fields, _ := fields.(map[string]any)
			security, _ := fields["security"].([]any)
			for _, alternative := range security {
				for scheme := range alternative.(map[string]any) {
					all[scheme] = true
				}
			}
		}
	}
	return all
}
