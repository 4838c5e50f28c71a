package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// leaks are what an answer to a stranger must never contain.
var leaks = []string{"sqlite", "SQLITE", "SELECT ", "INSERT ", "goroutine ", ".go:", "cardea/internal", "cardea.db", password}

// documented wants an answer in the shape of the contract: no failure of the
// server, an error envelope with its status or a form, and nothing private.
func documented(t *testing.T, a *answer) {
	t.Helper()
	if a.Status >= 500 {
		t.Errorf("answered %d %.300s", a.Status, a.Body)
	}
	for _, leak := range leaks {
		if bytes.Contains(a.Body, []byte(leak)) {
			t.Errorf("the answer tells %q: %.300s", leak, a.Body)
		}
	}
	if a.Status < 400 || !strings.HasPrefix(a.Header.Get("Content-Type"), jsonType) {
		return
	}
	var body struct {
		Error *struct {
			Code    int
			Message string
		}
		UI *struct {
			Action string
			Nodes  []json.RawMessage
		}
	}
	if err := json.Unmarshal(a.Body, &body); err != nil {
		t.Errorf("answered %d with JSON that is none: %v %.300s", a.Status, err, a.Body)
		return
	}
	switch {
	case body.Error != nil:
		// A batch that cannot be read is a 400 whose envelope says 500: so it is recorded.
		recorded := a.Request.Method == "PATCH" && a.Request.URL.Path == "/admin/identities"
		if body.Error.Code != a.Status && !recorded || body.Error.Message == "" {
			t.Errorf("answered %d with the envelope %.300s", a.Status, a.Body)
		}
	case body.UI == nil || body.UI.Action == "" || len(body.UI.Nodes) == 0:
		t.Errorf("answered %d with neither an error nor a form: %.300s", a.Status, a.Body)
	}
}

func (s *server) alive(t *testing.T) {
	t.Helper()
	if a := s.native().get(t, "/health/ready"); a.Status != http.StatusOK {
		t.Errorf("afterwards the server answers %d %s", a.Status, a.Body)
	}
}

// nested is JSON with that many objects inside each other.
func nested(depth int) []byte {
	return []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
}

// manyKeys is a JSON object with that many keys.
func manyKeys(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"method":"password"`)
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// large is a JSON object of about that many bytes.
func large(size int) []byte {
	return []byte(`{"method":"password","identifier":"` + strings.Repeat("x", size) + `"}`)
}

const maxSize = 6 << 20 // bytes: more than any body may have

// submissions are bodies that no proper client sends, and how a journey of a
// native client answers them: its form again with one message, or an error.
var submissions = []struct {
	name, contentType string
	body              []byte
	status, message   int // message 0: an error envelope instead of the form
}{
	{"JSON that ends early", jsonType, []byte(`{"method":"password",`), 400, 4000001},
	{"JSON with a comma too many", jsonType, []byte(`{"method":"password",}`), 400, 4000001},
	{"a list instead of an object", jsonType, []byte(`[1,2]`), 400, 4000001},
	{"null instead of an object", jsonType, []byte(`null`), 400, 4000001},
	{"no body", jsonType, nil, 400, 4000001},
	{"plain text", "text/plain", []byte(`{"method":"password"}`), 400, 4000001},
	{"XML", "application/xml", []byte(`<method>password</method>`), 400, 4000001},
	{"no content type", "", []byte(`{"method":"password"}`), 400, 4000001},
	{"a content type that is none", "application/json; ; =", []byte(`{`), 400, 4000001},
	{"10,000 objects inside each other", jsonType, nested(10_000), 400, 4000001},
	{"10,000 lists inside each other", jsonType, []byte(`{"method":` + strings.Repeat("[", 10_000)), 400, 4000001},
	{"100,000 keys", jsonType, manyKeys(100_000), 400, 4000001},
	{"100,000 form fields", formType, []byte(strings.Repeat("a=1&", 100_000)), 400, 4000001},
	{"a body of 6 MiB", jsonType, large(maxSize), 413, 0},
	{"a form of 6 MiB", formType, []byte("identifier=" + strings.Repeat("x", maxSize)), 413, 0},
	{"a zero character", jsonType, []byte(`{"method":"password","identifier":"a\u0000b","password":"x"}`), 400, 4000001},
	{"a form that is not UTF-8", formType, []byte("method=password&identifier=%ff%fe&password=x"), 400, 4000001},
	{"a form with a broken escape", formType, []byte("method=password&identifier=%zz"), 400, 4000001},
	{"a number with an absurd exponent", jsonType, []byte(`{"method":"password","identifier":1e999999999}`), 400, 4000001},
	{"multipart without a boundary", "multipart/form-data", []byte("--x\r\n"), 400, 4000001},
	{"multipart that never ends", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\npassword"), 400, 4000001},
}

func TestBodiesThatNoClientSendsAreRefusedInTheDocumentedShape(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, kind := range []string{"login", "registration"} {
		for _, c := range submissions {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				n := s.native()
				flow := n.get(t, "/self-service/"+kind+"/api").text("id")
				a := n.must(t, request{Method: "POST", Path: "/self-service/" + kind + "?flow=" + flow, Type: c.contentType, Body: c.body})
				documented(t, a)
				if a.Status != c.status {
					t.Errorf("answered %d %.300s, want %d", a.Status, a.Body, c.status)
				}
				if got := a.messages(); c.message != 0 && !slices.Equal(got, []int{c.message}) {
					t.Errorf("the form says %v, want %d", got, c.message)
				}
			})
		}
	}
	s.alive(t)
}

func TestAMalformedBodyIsNeverEchoed(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	n := s.native()
	flow := n.get(t, "/self-service/login/api").text("id")
	for _, body := range []string{`{"method":"password","password":"` + password + `"`, `{"password":"` + password + `","identifier":{"a":[}`} {
		documented(t, n.must(t, request{Method: "POST", Path: "/self-service/login?flow=" + flow, Type: jsonType, Body: []byte(body)}))
	}
	documented(t, n.must(t, request{Method: "POST", Path: "/self-service/login?flow=" + flow, Type: formType, Body: []byte("method=password&password=" + password + "%zz")}))
}

// addresses are requests without a proper place to go, and their status.
var addresses = []struct {
	name, method, path string
	status             int
}{
	{"a flow id that is none, fetched", "GET", "/self-service/login/flows?id=nope", 404},
	{"no flow id, fetched", "GET", "/self-service/login/flows", 404},
	{"an endless flow id, fetched", "GET", "/self-service/login/flows?id=" + strings.Repeat("a", 8000), 404},
	{"a flow id with a zero character", "GET", "/self-service/login/flows?id=%00", 404},
	{"a flow id that is none, submitted", "POST", "/self-service/login?flow=nope", 400},
	{"no flow id, submitted", "POST", "/self-service/login", 400},
	{"a flow that is not there", "POST", "/self-service/login?flow=5f9c0c6e-1111-4f7d-9d7a-000000000000", 404},
	{"a level that does not exist", "GET", "/self-service/login/api?aal=aal9", 400},
	{"an error id that is none", "GET", "/self-service/errors?id=nope", 404},
	{"an error that is not there", "GET", "/self-service/errors?id=5f9c0c6e-1111-4f7d-9d7a-000000000000", 404},
	{"a schema that is not there", "GET", "/schemas/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404},
	{"a session id that is none", "DELETE", "/sessions/nope", 401},
	{"sign-out with a strange token", "GET", "/self-service/logout?token=ory_lo_nope", 401},
	{"a page of minus one", "GET", "/schemas?page_size=-1&page=-9", 200},
	{"a page of words", "GET", "/schemas?per_page=many&page=%27", 200},
	{"a page of more than there can be", "GET", "/schemas?page_size=99999999999999999999", 200},
	{"a page token that is none", "GET", "/schemas?page_token=%ff%00nope", 200},
	{"no such address", "GET", "/no/such/address", 404},
	{"dots that lead to the other port", "GET", "/self-service/..%2fadmin/identities", 404},
	{"a broken query", "GET", "/self-service/login/api?%zz=%", 200},
	{"a query with semicolons", "GET", "/self-service/login/api?a;b;c", 200},
	{"a thousand parameters", "GET", "/self-service/login/api?" + strings.Repeat("refresh=false&", 1000), 200},
	{"a method that does not exist", "BREW", "/self-service/login/api", 405},
}

func TestAddressesThatLeadNowhereAreRefusedInTheDocumentedShape(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, c := range addresses {
		t.Run(c.name, func(t *testing.T) {
			a := s.native().must(t, request{Method: c.method, Path: c.path, Type: jsonType, Body: []byte(`{"method":"password"}`)})
			documented(t, a)
			if a.Status != c.status {
				t.Errorf("answered %d %.300s, want %d", a.Status, a.Body, c.status)
			}
		})
	}
	s.alive(t)
}

func TestOfRepeatedParametersOneCounts(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	n := s.native()
	const email = "ann@cardea.test"
	if _, err := n.signUp(email); err != nil {
		t.Fatal(err)
	}
	flow := func() string { return n.get(t, "/self-service/login/api").text("id") }
	form := url.Values{"method": {"password", "totp"}, "identifier": {email, "bob@cardea.test"}, "password": {password, "wrong-wrong-wrong"}}
	for name, r := range map[string]request{
		"form fields": {Method: "POST", Path: "/self-service/login?flow=" + flow(), Type: formType, Body: []byte(form.Encode())},
		"keys of JSON": {Method: "POST", Path: "/self-service/login?flow=" + flow(), Type: jsonType,
			Body: []byte(`{"method":"totp","method":"password","identifier":"x","identifier":"` + email + `","password":"x","password":"y"}`)},
		"flow ids": {Method: "POST", Path: "/self-service/login?flow=" + flow() + "&flow=" + flow(), Type: jsonType, Body: []byte(`{"method":"password"}`)},
		"tokens":   {Method: "GET", Path: "/sessions/whoami", Header: http.Header{"X-Session-Token": {"ory_st_a", "ory_st_b"}}},
		"cookies":  {Method: "GET", Path: "/sessions/whoami", Header: http.Header{"Cookie": {"ory_kratos_session=a; ory_kratos_session=b; ory_kratos_session=a"}}},
	} {
		documented(t, n.must(t, r))
		if t.Failed() {
			t.Fatalf("repeated %s", name)
		}
	}
	s.alive(t)
}

// adminRequests are requests to the admin port that no proper client sends.
var adminRequests = []struct {
	name, method, path, contentType string
	body                            []byte
	status                          []int
}{
	{"JSON that ends early", "POST", "/admin/identities", jsonType, []byte(`{"schema_id":`), []int{400}},
	{"a list instead of an object", "POST", "/admin/identities", jsonType, []byte(`[]`), []int{400}},
	{"no body", "POST", "/admin/identities", jsonType, nil, []int{400}},
	{"plain text", "POST", "/admin/identities", "text/plain", []byte(`hello`), []int{400}},
	{"10,000 objects inside each other", "POST", "/admin/identities", jsonType, []byte(`{"schema_id":"default","traits":` + string(nested(10_000)) + `}`), []int{400}},
	{"100,000 traits", "POST", "/admin/identities", jsonType, []byte(`{"schema_id":"default","traits":` + string(manyKeys(100_000)) + `}`), []int{400}},
	{"100,000 keys of metadata", "POST", "/admin/identities", jsonType,
		[]byte(`{"schema_id":"default","traits":{"email":"m@cardea.test"},"metadata_admin":` + string(manyKeys(100_000)) + `}`), []int{201, 400}},
	{"a body of 6 MiB", "POST", "/admin/identities", jsonType, large(maxSize), []int{400, 413}},
	{"a zero character", "POST", "/admin/identities", jsonType, []byte(`{"schema_id":"default","traits":{"email":"a\u0000@cardea.test"}}`), []int{400}},
	{"an id that is none", "GET", "/admin/identities/nope", "", nil, []int{404}},
	{"an id that is none, deleted", "DELETE", "/admin/identities/nope", "", nil, []int{404}},
	{"an id that is none, patched", "PATCH", "/admin/identities/nope", jsonType, []byte(`[]`), []int{400, 404}},
	{"a session id that is none", "GET", "/admin/sessions/nope", "", nil, []int{400, 404}},
	{"a batch that is none", "PATCH", "/admin/identities", jsonType, []byte(`{"identities":7}`), []int{400}},
	{"a page token that is none", "GET", "/admin/identities?page_token=%00%ff&page_size=-5", "", nil, []int{200, 400}},
	{"doubled slashes", "GET", "//admin//identities", "", nil, []int{404}},
}

func TestTheAdminPortRefusesNonsenseInTheDocumentedShape(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, c := range adminRequests {
		t.Run(c.name, func(t *testing.T) {
			a := s.native().must(t, request{Method: c.method, Path: s.AdminURL + c.path, Type: c.contentType, Body: c.body})
			documented(t, a)
			if !slices.Contains(c.status, a.Status) {
				t.Errorf("answered %d %.300s, want one of %v", a.Status, a.Body, c.status)
			}
		})
	}
	s.alive(t)
}
