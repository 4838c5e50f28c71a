package httpapi

import (
	"net/url"
	"strings"
	"testing"
)

// TestBadBodies: whatever is sent, the answer is the client's mistake, and nothing is
// stored.
func TestBadBodies(t *testing.T) {
	d := newDesk(t)
	id := d.person("a@example.test")
	before := d.want(200, "GET", "/admin/identities/"+id+"?etag=true", "").Header().Get("ETag")
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	hash := func(h string) string {
		return `{"traits":{"email":"b@example.test"},"credentials":{"password":{"config":{"hashed_password":"` + h + `"}}}}`
	}
	bodies := map[string]string{
		"nothing":             ``,
		"no JSON":             `<xml>`,
		"half of it":          `{"traits":{"email":"b@example.test"}`,
		"invalid UTF-8":       "{\"traits\":{\"email\":\"b@example.test\",\"secret\":\"\xff\"}}",
		"a zero character":    `{"traits":{"email":"b@example.test","secret":"a\u0000b"}}`,
		"zero in metadata":    `{"traits":{"email":"b@example.test"},"metadata_admin":{"\u0000":1}}`,
		"a raw zero":          "{\"traits\":{\"email\":\"b@example.test\",\"secret\":\"\x00\"}}",
		"deep traits":         `{"traits":{"email":"b@example.test","secret":` + deep + `}}`,
		"deep metadata":       `{"traits":{"email":"b@example.test"},"metadata_admin":` + deep + `}`,
		"ten megabytes":       `{"traits":{"email":"b@example.test"},"metadata_admin":"` + strings.Repeat("x", 10<<20) + `"}`,
		"traits as a text":    `{"traits":"email"}`,
		"traits as a list":    `{"traits":[1]}`,
		"state as a number":   `{"traits":{"email":"b@example.test"},"state":1}`,
		"external id as true": `{"traits":{"email":"b@example.test"},"external_id":true}`,
		"a costly argon2":     hash("$argon2id$v=19$m=4194304,t=1000,p=255$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"),
		"a costly bcrypt":     hash("$2a$31$xBkXLBpdQoU7DH0bGdUGn.K0eDuI8YWT02yUEV3EsVCrQPRyyTDNW"),
		"a costly scrypt":     hash("$scrypt$ln=40,r=8,p=1$c2FsdHNhbHQ=$aGFzaGhhc2hoYXNoaGFzaA=="),
		"a costly pbkdf2":     hash("$pbkdf2-sha256$i=999999999999,l=32$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"),
		"no hash":             hash("' OR 1=1 --"),
	}
	for about, body := range bodies {
		for _, at := range []struct{ method, path string }{
			{"POST", "/admin/identities"}, {"PUT", "/admin/identities/" + id}, {"PATCH", "/admin/identities/" + id}, {"PATCH", "/admin/identities"}, {"POST", "/admin/sessions"},
		} {
			sent := body
			if at.method == "PATCH" && at.path == "/admin/identities" && strings.HasPrefix(body, "{") {
				sent = `{"identities":[{"create":` + body + `}]}`
			}
			a := d.ask(at.method, at.path, sent)
			if a.Code == 200 && strings.Contains(a.Body.String(), `"action":"error"`) {
				continue // an entry of a batch fails on its own
			}
			if a.Code != 400 {
				t.Errorf("%s %s of %s: %d %.200s", at.method, at.path, about, a.Code, a.Body)
			}
		}
	}
	unknown := `{"traits":{"email":"b@example.test"},"colour":1}`
	if a := d.ask("POST", "/admin/identities", unknown); a.Code != 400 {
		t.Errorf("an unknown member: %d", a.Code)
	}
	if after := d.want(200, "GET", "/admin/identities/"+id+"?etag=true", "").Header().Get("ETag"); after != before {
		t.Error("a bad body has changed somebody")
	}
	if n := d.population(); n != 1 {
		t.Errorf("bad bodies made %d identities", n-1)
	}
}

func TestAPatchThatFailsHalfWayChangesNothing(t *testing.T) {
	d := newDesk(t)
	id := d.person("a@example.test")
	d.person("taken@example.test")
	path := "/admin/identities/" + id
	tag := func() string { return d.want(200, "GET", path+"?etag=true", "").Header().Get("ETag") }
	before := tag()
	good := `{"op":"replace","path":"/metadata_public","value":{"a":1}},{"op":"replace","path":"/traits/email","value":"new@example.test"}`
	for about, tc := range map[string]struct {
		last   string
		status int
	}{
		"an operation that does not exist": {`{"op":"move","from":"/a","path":"/b"}`, 400},
		"a path that is not there":         {`{"op":"remove","path":"/traits/none"}`, 400},
		"a place that is protected":        {`{"op":"replace","path":"/id","value":"x"}`, 400},
		"traits that are not valid":        {`{"op":"replace","path":"/traits/email","value":"nope"}`, 400},
		"a state that is none":             {`{"op":"replace","path":"/state","value":"asleep"}`, 400},
		"a hash that is none":              {`{"op":"replace","path":"/credentials/password/config/hashed_password","value":"x"}`, 400},
		"an address that is taken":         {`{"op":"replace","path":"/traits/email","value":"taken@example.test"}`, 409},
		"a deep pointer":                   {`{"op":"add","path":"` + strings.Repeat("/a", 1000) + `","value":1}`, 400},
	} {
		if a := d.ask("PATCH", path, `[`+good+`,`+tc.last+`]`); a.Code != tc.status {
			t.Errorf("%s: %d %s", about, a.Code, a.Body)
		}
		if tag() != before {
			t.Fatalf("%s left something behind", about)
		}
	}
}

// TestNoFilterIsSQL: texts that mean something to a database mean nothing here.
func TestNoFilterIsSQL(t *testing.T) {
	d := newDesk(t)
	id := d.person("a@example.test")
	d.signIn(id)
	texts := []string{`' OR '1'='1`, `a@example.test' --`, `"; DROP TABLE identities; --`, `%`, `_`, `\`, `') UNION SELECT 1 --`, "\x00", "\xff", strings.Repeat("'", 200)}
	lists := map[string][]string{
		"/admin/identities": {
			"ids", "credentials_identifier", "preview_credentials_identifier_similar", "organization_id", "state", "schema_id", "verified",
			"created_after", "created_before", "updated_after", "updated_before", "trait[email]", "trait_prefix[email]", "trait_contains[email]",
			"include_credential", "page_token", "page_size", "count",
		},
		"/admin/sessions":                       {"active", "expand", "page_token", "page_size"},
		"/admin/identities/" + id + "/sessions": {"active"},
	}
	for path, parameters := range lists {
		for _, p := range parameters {
			for _, text := range texts {
				a := d.ask("GET", path+"?"+url.Values{p: {text}}.Encode(), "")
				if a.Code == 200 && len(a.json.([]any)) > 0 || a.Code != 200 && a.Code != 400 {
					t.Errorf("%s with %s=%q: %d %.200s", path, p, text, a.Code, a.Body)
				}
			}
		}
	}
	for _, text := range texts {
		for _, key := range []string{"trait[" + text + "]", "trait_prefix[" + text, "trait_contains[]" + text} {
			if a := d.ask("GET", "/admin/identities?"+url.Values{key: {"x"}}.Encode(), ""); a.Code != 400 && a.Code != 200 {
				t.Errorf("%q: %d %s", key, a.Code, a.Body)
			}
		}
		for _, path := range []string{"/admin/identities/", "/admin/identities/by/external/", "/admin/sessions/"} {
			if a := d.ask("GET", path+url.PathEscape(text), ""); a.Code != 404 && a.Code != 400 {
				t.Errorf("%s%q: %d %s", path, text, a.Code, a.Body)
			}
		}
	}
	if n := d.population(); n != 1 {
		t.Errorf("%d identities are left", n)
	}
}
