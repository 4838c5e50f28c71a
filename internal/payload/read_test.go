package payload_test

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"cardea/internal/payload"
	"cardea/internal/problem"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

func post(contentType, body string) payload.Source {
	return payload.Source{Method: "POST", ContentType: contentType, Body: strings.NewReader(body), ContentLength: int64(len(body))}
}

func read(t *testing.T, s payload.Source) *payload.Body {
	t.Helper()
	b, err := payload.Read(s)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return b
}

func status(err error) int {
	if p := problem.As(err); p != nil {
		return p.Status
	}
	return 0
}

func TestReadRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, payload.MaxDepth+1) + "1" + strings.Repeat("}", payload.MaxDepth+1)
	for name, src := range map[string]payload.Source{
		"broken JSON":                   post(jsonType, `{"method":"password",`),
		"a JSON list":                   post(jsonType, `[1,2,3]`),
		"a JSON text":                   post(jsonType, `"password"`),
		"an empty body":                 post(jsonType, ``),
		"an empty form":                 post(formType, ``),
		"no body and no type":           {Method: "POST"},
		"plain text":                    post("text/plain", `method=password`),
		"XML":                           post("application/xml", `<method>password</method>`),
		"a body without a type":         post("", `{"method":"password"}`),
		"a form that calls itself JSON": post(jsonType, `method=nope`),
		"a bad escape in a form":        post(formType, `method=%zz`),
		"JSON nested too deeply":        post(jsonType, deep),
		"too many JSON members":         post(jsonType, `{"a":[`+strings.Repeat("1,", payload.MaxValues)+`1]}`),
		"too many values in a query":    {Method: "GET", Query: url.Values{"a": make([]string, payload.MaxValues+1)}},
		"too many form fields":          post(formType, strings.Repeat("a=1&", payload.MaxValues+1)),
		"a number with a huge exponent": post(jsonType, `{"a":1e999999999}`),
		"a number with a tiny exponent": post(jsonType, `{"a":1e-999999999}`),
		"a zero character in JSON":      post(jsonType, `{"a":"x\u0000y"}`),
		"a zero character in a form":    post(formType, `a=x%00y`),
		"invalid UTF-8 in a form":       post(formType, `a=%ff`),
		"multipart without a boundary":  post("multipart/form-data", `x`),
		"multipart that stops early":    post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := payload.Read(src)
			if status(err) != 400 {
				t.Fatalf("got %v, want a 400", err)
			}
			if problem.As(err).Reason == "" {
				t.Error("the refusal gives no reason")
			}
		})
	}
}

func TestReadRefusesFiles(t *testing.T) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	if _, err := w.CreateFormFile("avatar", "me.png"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := payload.Read(post(w.FormDataContentType(), buf.String())); status(err) != 400 {
		t.Fatalf("got %v, want a 400", err)
	}
}

func TestReadRefusesWhatIsAboveTheLimit(t *testing.T) {
	body := `{"a":"` + strings.Repeat("x", 100) + `"}`
	declared := post(jsonType, body)
	declared.Limit = 50
	undeclared := declared
	undeclared.ContentLength, undeclared.Body = -1, strings.NewReader(body)
	for name, src := range map[string]payload.Source{"declared": declared, "undeclared": undeclared} {
		if _, err := payload.Read(src); !errors.Is(err, payload.ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrTooLarge", name, err)
		}
	}
	unread := declared
	unread.Body = iotest.ErrReader(errors.New("the body was read"))
	if _, err := payload.Read(unread); !errors.Is(err, payload.ErrTooLarge) {
		t.Errorf("a declared size is not believed: %v", err)
	}
	exact := post(jsonType, body)
	exact.Limit = int64(len(body))
	read(t, exact)
}

func TestErrorsNeverQuoteTheSubmission(t *testing.T) {
	for _, src := range []payload.Source{
		post(jsonType, `{"password":"hunter2"`), post(jsonType, `hunter2`),
		post(formType, `password=hunter2%zz`), post("multipart/form-data; boundary=hunter2", `hunter2`),
	} {
		_, err := payload.Read(src)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v", err)
		}
	}
	b := read(t, post(jsonType, `{"password":"hunter2"}`))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, b); strings.Contains(s, "hunter2") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func TestReadFindsTheMethod(t *testing.T) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	w.WriteField("method", "nope")
	w.Close()
	for name, tc := range map[string]struct {
		src  payload.Source
		want string
	}{
		"JSON":                      {post(jsonType, `{"method":"nope"}`), "nope"},
		"JSON with a charset":       {post("application/json; charset=utf-8", `{"method":"nope"}`), "nope"},
		"JSON with a bad parameter": {post("application/json; =x", `{"method":"nope"}`), "nope"},
		"JSON sent as a form":       {post(formType, `{"method":"nope"}`), ""},
		"a second JSON value":       {post(jsonType, `{"method":"nope"}{"method":"password"}`), "nope"},
		"garbage after the JSON":    {post(jsonType, `{"method":"nope"} and more`), "nope"},
		"fields given twice":        {post(formType, `method=nope&method=password`), "nope"},
		"a member given twice":      {post(jsonType, `{"method":"password","method":"nope"}`), "nope"},
		"multipart":                 {post(w.FormDataContentType(), buf.String()), "nope"},
		"a query":                   {payload.Source{Method: "GET", Query: url.Values{"method": {"nope"}}}, "nope"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, tc.src).First("method"); got != tc.want {
				t.Errorf("method %q, want %q", got, tc.want)
			}
		})
	}
}

func TestLookupsByDottedName(t *testing.T) {
	nested := read(t, post(jsonType, `{"traits":{"name":{"first":"Ann"},"n":3,"b":true,"list":[1],"nil":null},"a.b":"whole"}`))
	dotted := read(t, post(jsonType, `{"traits.name.first":"Ann"}`))
	mixed := read(t, post(jsonType, `{"traits":{"name.first":"Ann"}}`))
	form := read(t, post(formType, `traits.name.first=Ann&traits.name.first=Bea&empty=`))
	for _, tc := range []struct {
		about string
		body  *payload.Body
		name  string
		first string
		last  string
		has   bool
	}{
		{"nested", nested, "traits.name.first", "Ann", "Ann", true},
		{"a number", nested, "traits.n", "3", "3", true},
		{"a bool", nested, "traits.b", "true", "true", true},
		{"a list has no text", nested, "traits.list", "", "", true},
		{"null has no text", nested, "traits.nil", "", "", true},
		{"a key with a dot", nested, "a.b", "whole", "whole", true},
		{"absent", nested, "traits.name.last", "", "", false},
		{"dotted", dotted, "traits.name.first", "Ann", "Ann", true},
		{"mixed", mixed, "traits.name.first", "Ann", "Ann", true},
		{"form", form, "traits.name.first", "Ann", "Bea", true},
		{"an empty form value", form, "empty", "", "", true},
	} {
		if f, l, h := tc.body.First(tc.name), tc.body.Last(tc.name), tc.body.Has(tc.name); f != tc.first || l != tc.last || h != tc.has {
			t.Errorf("%s: %q, %q, %v; want %q, %q, %v", tc.about, f, l, h, tc.first, tc.last, tc.has)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []struct{ kind, body string }{
		{jsonType, `{"method":"password","traits":{"email":"a@b.c","pets":[{"name":"x"}]},"traits.age":"4"}`},
		{jsonType, `{"a":[[[[1e5]]]],"b":"\u0000"}`},
		{formType, `method=password&traits.tags=a&traits.tags.0=b&traits.pets.1.name=rex&transient_payload={"a":1}`},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--"},
		{"", ""},
	} {
		f.Add(seed.kind, seed.body)
	}
	shape := payload.ShapeOf[registration]().With("traits", traits())
	f.Fuzz(func(t *testing.T, kind, body string) {
		b, err := payload.Read(post(kind, body))
		if err != nil {
			if s := status(err); s != 400 && s != 413 {
				t.Fatalf("refused with %d", s)
			}
			return
		}
		b.First("traits.email")
		tree := b.Fit(shape)
		if payload.Check(shape, []string{"method"}, tree) == nil {
			var in registration
			if err := payload.Bind(tree, &in); err != nil && status(err) != 400 {
				t.Fatal(err)
			}
		}
	})
}
