package payload_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/payload"
)

type registration struct {
	Method    string          `json:"method"`
	Password  string          `json:"password"`
	CSRFToken string          `json:"csrf_token"`
	Traits    json.RawMessage `json:"traits"`
	Transient json.RawMessage `json:"transient_payload"`
	Remember  *bool           `json:"remember"`
	Attempts  int             `json:"attempts"`
	//lint:ignore U1000 stands for what a body must not reach
	hidden  string
	Ignored string `json:"-"`
}

func traits() *payload.Shape {
	scalar := func(t payload.Type) *payload.Shape { return &payload.Shape{Type: t} }
	return &payload.Shape{Type: payload.Object, Open: true, Required: []string{"terms", "floor"}, Fields: []payload.Field{
		{Name: "email", Shape: scalar(payload.String)},
		{Name: "name", Shape: &payload.Shape{Type: payload.Object, Open: true, Fields: []payload.Field{
			{Name: "first", Shape: scalar(payload.String)},
			{Name: "deep", Shape: &payload.Shape{Type: payload.Object, Open: true}},
		}}},
		{Name: "newsletter", Shape: scalar(payload.Boolean)},
		{Name: "terms", Shape: scalar(payload.Boolean)},
		{Name: "age", Shape: scalar(payload.Integer)},
		{Name: "floor", Shape: scalar(payload.Integer)},
		{Name: "height", Shape: scalar(payload.Number)},
		{Name: "nick", Shape: &payload.Shape{Type: payload.String, Nullable: true}},
		{Name: "a.b", Shape: scalar(payload.String)},
		{Name: "tags", Shape: &payload.Shape{Type: payload.Array, Items: scalar(payload.String)}},
		{Name: "marks", Shape: &payload.Shape{Type: payload.Array, Items: scalar(payload.Integer)}},
		{Name: "pets", Shape: &payload.Shape{Type: payload.Array, Items: &payload.Shape{Type: payload.Object, Open: true, Fields: []payload.Field{
			{Name: "name", Shape: scalar(payload.String)},
			{Name: "age", Shape: scalar(payload.Integer)},
			{Name: "owner", Shape: &payload.Shape{Type: payload.Object}},
		}}}},
		{Name: "company", Conditional: true, Shape: &payload.Shape{Type: payload.Object, Open: true, Fields: []payload.Field{
			{Name: "vat", Shape: scalar(payload.String)},
		}}},
		{Name: "anything", Shape: &payload.Shape{}},
	}}
}

// fitTraits gives the fitted traits as JSON, without the objects that are
// always filled in.
func fitTraits(t *testing.T, src payload.Source) string {
	t.Helper()
	shape := payload.ShapeOf[registration]().With("traits", traits())
	tree := read(t, src).Fit(shape)["traits"].(map[string]any)
	if cmp.Equal(tree["name"], map[string]any{"deep": map[string]any{}}) {
		delete(tree, "name")
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestFitForms(t *testing.T) {
	for name, tc := range map[string]struct{ form, want string }{
		"texts":                            {`traits.email=a%40b.c`, `{"email":"a@b.c"}`},
		"the first of several texts":       {`traits.email=a&traits.email=b`, `{"email":"a"}`},
		"an empty text is absent":          {`traits.email=`, `{}`},
		"an unknown field is ignored":      {`traits.shoe=3&colour=blue`, `{}`},
		"a nested object":                  {`traits.name.first=Ann`, `{"name":{"deep":{},"first":"Ann"}}`},
		"the last of several booleans":     {`traits.newsletter=false&traits.newsletter=true`, `{"newsletter":true}`},
		"an unchecked box":                 {`traits.newsletter=true&traits.newsletter=false`, `{"newsletter":false}`},
		"a checkbox without a value":       {`traits.newsletter=on`, `{"newsletter":true}`},
		"an empty optional boolean":        {`traits.newsletter=`, `{}`},
		"an empty required boolean":        {`traits.terms=`, `{"terms":false}`},
		"a boolean that is none":           {`traits.newsletter=maybe`, `{"newsletter":"maybe"}`},
		"an integer":                       {`traits.age=44`, `{"age":44}`},
		"an integer with a sign and zeros": {`traits.age=%2B007`, `{"age":7}`},
		"a negative integer":               {`traits.age=-3`, `{"age":-3}`},
		"an integer with a fraction":       {`traits.age=4.5`, `{"age":"4.5"}`},
		"an integer that is none":          {`traits.age=old`, `{"age":"old"}`},
		"an empty required integer":        {`traits.floor=`, `{"floor":0}`},
		"a number":                         {`traits.height=1.80`, `{"height":1.80}`},
		"a number with a bare point":       {`traits.height=.5`, `{"height":0.5}`},
		"infinity is no number":            {`traits.height=inf`, `{"height":"inf"}`},
		"a hexadecimal is no number":       {`traits.height=0x10`, `{"height":"0x10"}`},
		"a number with an absurd exponent": {`traits.height=1e99999`, `{"height":"1e99999"}`},
		"all values of a list":             {`traits.tags=b&traits.tags=&traits.tags=a`, `{"tags":["b","a"]}`},
		"an empty list":                    {`traits.tags=`, `{}`},
		"a list of integers":               {`traits.marks=1&traits.marks=x`, `{"marks":[1,"x"]}`},
		"a list by position":               {`traits.tags.10=c&traits.tags.2=b&traits.tags.0=a`, `{"tags":["a","b","c"]}`},
		"positions beside the plain name":  {`traits.tags=x&traits.tags.0=a`, `{"tags":["a","x"]}`},
		"positions beside an empty field":  {`traits.tags=&traits.tags.0=a`, `{"tags":["a"]}`},
		"a list of objects by position":    {`traits.pets.0.name=Rex&traits.pets.0.age=3&traits.pets.1.name=Tom`, `{"pets":[{"age":3,"name":"Rex"},{"name":"Tom"}]}`},
		"a list of objects as JSON":        {`traits.pets=[{"name":"Rex"}]`, `{"pets":[{"name":"Rex"}]}`},
		"an escaped dot":                   {`traits.a%5C.b=x`, `{"a.b":"x"}`},
		"an alternative that is used":      {`traits.company.vat=1`, `{"company":{"vat":"1"}}`},
		"an object as JSON":                {`traits={"email":"a"}`, `{"email":"a"}`},
		"an object that is none":           {`traits.company=x`, `{"company":"x"}`},
		"no traits at all":                 {`method=password`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fitTraits(t, post(formType, tc.form)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFitJSON(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"nested objects":                {`{"traits":{"email":"a","name":{"first":"Ann"}}}`, `{"email":"a","name":{"deep":{},"first":"Ann"}}`},
		"dotted keys":                   {`{"traits.email":"a","traits.name.first":"Ann"}`, `{"email":"a","name":{"deep":{},"first":"Ann"}}`},
		"a mix":                         {`{"traits":{"email":"a","name.first":"Ann"}}`, `{"email":"a","name":{"deep":{},"first":"Ann"}}`},
		"scalars as texts":              {`{"traits":{"age":"44","newsletter":"true","height":"1.5"}}`, `{"age":44,"height":1.5,"newsletter":true}`},
		"a number where a text belongs": {`{"traits":{"email":12345678901234567890}}`, `{"email":"12345678901234567890"}`},
		"a bool where a text belongs":   {`{"traits":{"email":true}}`, `{"email":"true"}`},
		"a list where a text belongs":   {`{"traits":{"email":["a"]}}`, `{"email":["a"]}`},
		"a number where a bool belongs": {`{"traits":{"newsletter":1}}`, `{"newsletter":1}`},
		"an empty text is absent":       {`{"traits":{"email":""}}`, `{}`},
		"null is absent":                {`{"traits":{"email":null,"age":null}}`, `{}`},
		"null where it is a value":      {`{"traits":{"nick":null}}`, `{"nick":null}`},
		"null for an object":            {`{"traits":null}`, `{}`},
		"unknown traits stay":           {`{"traits":{"shoe":3,"x.y":{"z":1}}}`, `{"shoe":3,"x.y":{"z":1}}`},
		"unknown dotted traits nest":    {`{"traits.x.y":1,"traits.x.z":2}`, `{"x":{"y":1,"z":2}}`},
		"a list":                        {`{"traits":{"tags":["b","","a"]}}`, `{"tags":["b","","a"]}`},
		"an empty list":                 {`{"traits":{"tags":[]}}`, `{"tags":[]}`},
		"one text for a list":           {`{"traits":{"tags":"a"}}`, `{"tags":["a"]}`},
		"an object for a list":          {`{"traits":{"pets":{"name":"x"}}}`, `{"pets":{"name":"x"}}`},
		"a list of objects":             {`{"traits":{"pets":[{"name":"Rex","age":"3"},{"name":""},7]}}`, `{"pets":[{"age":3,"name":"Rex"},{},7]}`},
		"an absent list of objects":     {`{"traits":{"email":"a"}}`, `{"email":"a"}`},
		"anything goes":                 {`{"traits":{"anything":{"a":[1]}}}`, `{"anything":{"a":[1]}}`},
		"a key that is not to be split": {`{"traits":{"a.b":"x"}}`, `{"a.b":"x"}`},
		"traits that are a list":        {`{"traits":{"company":[1]}}`, `{"company":[1]}`},
		"numbers keep their digits":     {`{"traits":{"height":1.10}}`, `{"height":1.10}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fitTraits(t, post(jsonType, tc.body)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFitFillsAbsentObjects(t *testing.T) {
	shape := payload.ShapeOf[registration]().With("traits", traits())
	got := read(t, post(jsonType, `{"method":"password","colour":"blue"}`)).Fit(shape)
	want := map[string]any{
		"method":            "password",
		"transient_payload": map[string]any{},
		"traits":            map[string]any{"name": map[string]any{"deep": map[string]any{}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFitTransientPayload(t *testing.T) {
	shape := payload.ShapeOf[registration]()
	for name, tc := range map[string]struct {
		src  payload.Source
		want any
	}{
		"JSON":            {post(jsonType, `{"transient_payload":{"a":{"b":1}}}`), map[string]any{"a": map[string]any{"b": json.Number("1")}}},
		"JSON in a form":  {post(formType, `transient_payload={"a":1}`), map[string]any{"a": json.Number("1")}},
		"dotted, in JSON": {post(jsonType, `{"transient_payload.a.b":1}`), map[string]any{"a": map[string]any{"b": json.Number("1")}}},
		"dotted, a form":  {post(formType, `transient_payload.a=1`), map[string]any{"a": "1"}},
		"text":            {post(jsonType, `{"transient_payload":"text"}`), "text"},
	} {
		if d := cmp.Diff(tc.want, read(t, tc.src).Fit(shape)["transient_payload"]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWithLeavesTheOriginalAlone(t *testing.T) {
	base := payload.ShapeOf[registration]()
	base.With("traits", traits()).With("more", traits())
	if d := cmp.Diff(payload.ShapeOf[registration](), base, cmp.AllowUnexported(payload.Shape{})); d != "" {
		t.Error(d)
	}
}

func TestCheck(t *testing.T) {
	shape := payload.ShapeOf[registration]().With("traits", traits())
	for name, tc := range map[string]struct {
		body string
		want []payload.Violation
	}{
		"nothing is wrong": {`{"method":"m","password":"p"}`, nil},
		"all that is missing, in the order of the shape": {`{}`, []payload.Violation{
			{Path: []string{"method"}, Kind: payload.MissingRequired},
			{Path: []string{"password"}, Kind: payload.MissingRequired},
		}},
		"an empty text is missing": {`{"method":"m","password":""}`, []payload.Violation{{Path: []string{"password"}, Kind: payload.MissingRequired}}},
		"a number is a text":       {`{"method":"m","password":12345678}`, nil},
		"wrong types": {`{"method":"m","password":{},"remember":"maybe","attempts":1.5,"transient_payload":"x"}`, []payload.Violation{
			{Path: []string{"password"}, Kind: payload.WrongType, Allowed: []string{"string"}, Actual: "object"},
			{Path: []string{"transient_payload"}, Kind: payload.WrongType, Allowed: []string{"object"}, Actual: "string"},
			{Path: []string{"remember"}, Kind: payload.WrongType, Allowed: []string{"boolean"}, Actual: "string"},
			{Path: []string{"attempts"}, Kind: payload.WrongType, Allowed: []string{"integer"}, Actual: "number"},
		}},
		"traits are somebody else's": {`{"method":"m","password":"p","traits":{"age":"old"}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tree := read(t, post(jsonType, tc.body)).Fit(shape)
			if d := cmp.Diff(tc.want, payload.Check(shape, []string{"method", "password"}, tree)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBind(t *testing.T) {
	shape := payload.ShapeOf[registration]().With("traits", traits())
	tree := read(t, post(formType, `method=m&password=p&remember=true&attempts=3&traits.email=a`)).Fit(shape)
	var in registration
	if err := payload.Bind(tree, &in); err != nil {
		t.Fatal(err)
	}
	yes := true
	want := registration{
		Method: "m", Password: "p", Remember: &yes, Attempts: 3,
		Traits: json.RawMessage(`{"email":"a","name":{"deep":{}}}`), Transient: json.RawMessage(`{}`),
	}
	if d := cmp.Diff(want, in, cmp.AllowUnexported(registration{})); d != "" {
		t.Error(d)
	}
	if err := payload.Bind(map[string]any{"attempts": json.Number("99999999999999999999")}, &in); status(err) != 400 {
		t.Errorf("a number out of range gives %v, want a 400", err)
	}
}

func TestNameEscapesDots(t *testing.T) {
	if got := payload.Name("traits", "a.b", "c"); got != `traits.a\.b.c` {
		t.Error(got)
	}
}
