package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"cardea/api"
	"cardea/cardeatest"
)

// described is the API description, as something that answers can be held
// against. It is strict: a member that no schema names is a mistake.
type described struct {
	document   map[string]any
	operations map[string]string // JSON pointers by operationId
	compiler   *jsonschema.Compiler
	answered   map[string]bool // operations that were checked
}

const resource = "openapi.json"

func read(t *testing.T) *described {
	t.Helper()
	d := &described{operations: map[string]string{}, answered: map[string]bool{}, compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal([]byte(api.OpenAPI), &d.document); err != nil {
		t.Fatalf("read the description: %v", err)
	}
	for path, item := range d.document["paths"].(map[string]any) {
		for method, fields := range item.(map[string]any) {
			if fields, ok := fields.(map[string]any); ok {
				d.operations[fields["operationId"].(string)] = "#/paths/" + escape(path) + "/" + method
			}
		}
	}
	forbidTheRest(d.document)
	raw, err := json.Marshal(d.document)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(resource, document); err != nil {
		t.Fatal(err)
	}
	return d
}

// forbidTheRest closes every object schema that names its members and does not
// say what else there may be.
func forbidTheRest(node any) {
	switch node := node.(type) {
	case map[string]any:
		_, open := node["additionalProperties"]
		if _, names := node["properties"].(map[string]any); names && node["type"] == "object" && !open {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			forbidTheRest(child)
		}
	case []any:
		for _, child := range node {
			forbidTheRest(child)
		}
	}
}

// escape makes a step of a JSON pointer (RFC 6901, section 3) for a URL fragment.
func escape(step string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(step)
}

// at is the node a pointer leads to, references followed, and its own pointer.
func (d *described) at(pointer string) (map[string]any, string) {
	unescape := strings.NewReplacer("~1", "/", "~0", "~", "%7B", "{", "%7D", "}")
	node := d.document
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		node, _ = node[unescape.Replace(step)].(map[string]any)
	}
	if ref, ok := node["$ref"].(string); ok {
		return d.at(ref)
	}
	return node, pointer
}

// fits validates JSON against the schema at a pointer.
func (d *described) fits(pointer string, body []byte) error {
	schema, err := d.compiler.Compile(resource + pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// check holds an answer against what is said of the operation: a status that is
// described (errors may be covered by the default), its required headers, and
// its body.
func (d *described) check(t *testing.T, operation string, a *cardeatest.Answer, status int) *cardeatest.Answer {
	t.Helper()
	d.answered[operation] = true
	if a.Status != status {
		t.Fatalf("%s answered %d %s, want %d", operation, a.Status, a.Body, status)
	}
	response, pointer := d.at(d.operations[operation] + "/responses/" + strconv.Itoa(status))
	if response == nil && status >= 400 {
		response, pointer = d.at(d.operations[operation] + "/responses/default")
	}
	if response == nil {
		t.Errorf("%s: the status %d is not described", operation, status)
		return a
	}
	headers, _ := response["headers"].(map[string]any)
	for name, header := range headers {
		if header.(map[string]any)["required"] == true && a.Header.Get(name) == "" {
			t.Errorf("%s: the answer %d lacks the header %s", operation, status, name)
		}
	}
	media, _ := response["content"].(map[string]any)
	switch {
	case media == nil:
		if len(a.Body) > 0 && status/100 != 3 { // the body of a redirect means nothing
			t.Errorf("%s: the answer %d should have no body: %s", operation, status, a.Body)
		}
	case media["application/x-ndjson"] != nil:
		if a.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: the answer %d is %q", operation, status, a.Header.Get("Content-Type"))
		}
		for line := range strings.Lines(string(a.Body)) {
			if err := d.fits(pointer+"/content/application~1x-ndjson/schema", []byte(line)); err != nil {
				t.Errorf("%s: a line of the answer is not as described: %v\n%s", operation, err, line)
			}
		}
	case media["text/javascript"] != nil:
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/javascript") || len(a.Body) == 0 {
			t.Errorf("%s: the answer %d is %q, %d bytes long", operation, status, a.Header.Get("Content-Type"), len(a.Body))
		}
	case !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json"):
		t.Errorf("%s: the answer %d is %q", operation, status, a.Header.Get("Content-Type"))
	default:
		if err := d.fits(pointer+"/content/application~1json/schema", a.Body); err != nil {
			t.Errorf("%s: the answer %d is not as described: %v\n%s", operation, status, err, a.Body)
		}
	}
	return a
}

// missed are the operations whose answers nobody has checked.
func (d *described) missed() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.operations)), func(id string) bool { return d.answered[id] })
}

func TestTheExamplesFitTheirSchemas(t *testing.T) {
	d := read(t)
	for name, schema := range d.document["components"].(map[string]any)["schemas"].(map[string]any) {
		examples, _ := schema.(map[string]any)["examples"].([]any)
		for n, example := range examples {
			raw, err := json.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.fits("#/components/schemas/"+name, raw); err != nil {
				t.Errorf("example %d of %s: %v", n, name, err)
			}
		}
	}
}

func TestAMemberThatIsNotDescribedIsAMistake(t *testing.T) {
	d := read(t)
	for _, body := range []string{
		`{"error": {"message": "no"}, "surprise": 1}`,
		`{"error": {"message": "no", "surprise": 1}}`,
	} {
		if d.fits("#/components/schemas/errorGeneric", []byte(body)) == nil {
			t.Errorf("%s was accepted", body)
		}
	}
}

func TestAResponseHasNoMembersThatOpenAPIDoesNotKnow(t *testing.T) {
	d := read(t)
	known := []string{"$ref", "content", "description", "headers", "links"}
	for operation, pointer := range d.operations {
		at, _ := d.at(pointer)
		for status, response := range at["responses"].(map[string]any) {
			for member := range response.(map[string]any) {
				if !slices.Contains(known, member) {
					t.Errorf("the response %s of %s has a member %q", status, operation, member)
				}
			}
		}
	}
}
