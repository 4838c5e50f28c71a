package httpapi

import (
	"net/http"
	"testing"

	"cardea/internal/identity"
)

func (d *desk) with(header, value, method, path, body string) answer {
	d.t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	r := newRequest(method, path, contentType, body)
	r.Header.Set(header, value)
	return d.send(r)
}

func TestNobodyGetsATagUnasked(t *testing.T) {
	d := newDesk(t)
	created := d.want(201, "POST", "/admin/identities", `{"traits":{"email":"a@example.test"}}`)
	path := "/admin/identities/" + created.text("id")
	for about, a := range map[string]answer{
		"creating":  created,
		"reading":   d.want(200, "GET", path, ""),
		"replacing": d.want(200, "PUT", path, `{"traits":{"email":"a@example.test"}}`),
		"patching":  d.want(200, "PATCH", path, `[]`),
	} {
		if _, ok := a.Header()["Etag"]; ok {
			t.Errorf("%s answers with a tag", about)
		}
	}
}

func TestATagChangesWithEverything(t *testing.T) {
	d := newDesk(t)
	created := d.want(201, "POST", "/admin/identities?etag=true", `{"traits":{"email":"a@example.test"},"credentials":{"password":{"config":{"password":"secret"}}}}`)
	path := "/admin/identities/" + created.text("id")
	tag := func() string { return d.want(200, "GET", path+"?etag=true", "").Header().Get("ETag") }
	if tag() == "" || created.Header().Get("ETag") != tag() {
		t.Fatalf("created as %s, read as %s", created.Header().Get("ETag"), tag())
	}
	seen := map[string]bool{tag(): true}
	for _, body := range []string{
		`[{"op":"add","path":"/metadata_admin","value":1}]`,
		`[{"op":"replace","path":"/credentials/password/config/hashed_password","value":"$2a$04$xBkXLBpdQoU7DH0bGdUGn.K0eDuI8YWT02yUEV3EsVCrQPRyyTDNW"}]`,
		`[{"op":"replace","path":"/verifiable_addresses/0/verified","value":true}]`,
	} {
		a := d.want(200, "PATCH", path+"?etag=true", body)
		if now := a.Header().Get("ETag"); now != tag() || seen[now] {
			t.Errorf("after %s: %s, read as %s", body, now, tag())
		}
		seen[tag()] = true
	}
	if a := d.with("If-None-Match", tag(), "GET", path, ""); a.Code != http.StatusNotModified || a.Body.Len() > 0 {
		t.Errorf("what is known already: %d %s", a.Code, a.Body)
	}
	if a := d.with("If-None-Match", `"other", W/`+tag(), "GET", path, ""); a.Code != 200 || a.Header().Get("ETag") != tag() {
		t.Errorf("what is not known: %d", a.Code)
	}
}

func TestWritesUnderACondition(t *testing.T) {
	d := newDesk(t)
	id := d.want(201, "POST", "/admin/identities", `{"traits":{"email":"a@example.test"},"credentials":{"totp":{"config":{"totp_url":"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}}}}`).text("id")
	path := "/admin/identities/" + id
	tag := func() string { return d.want(200, "GET", path+"?etag=true", "").Header().Get("ETag") }
	old := tag()
	d.want(200, "PATCH", path, `[{"op":"add","path":"/metadata_admin","value":1}]`)
	writes := []struct{ method, path, body string }{
		{"PUT", path, `{"traits":{"email":"b@example.test"}}`},
		{"PATCH", path, `[{"op":"add","path":"/metadata_admin","value":2}]`},
		{"DELETE", path + "/credentials/totp", ""},
		{"DELETE", path, ""},
	}
	before := tag()
	for _, w := range writes {
		for _, condition := range []string{old, `"nonsense"`, "W/" + before, "nonsense"} {
			if a := d.with("If-Match", condition, w.method, w.path, w.body); a.Code != http.StatusPreconditionFailed || a.text("error", "reason") == "" {
				t.Errorf("%s %s under %s: %d %s", w.method, w.path, condition, a.Code, a.Body)
			}
		}
	}
	if tag() != before {
		t.Error("a refused write has changed something")
	}
	for _, w := range writes {
		a := d.with("If-Match", `"nonsense", `+tag(), w.method, w.path, w.body)
		if a.Code/100 != 2 {
			t.Errorf("%s %s: %d %s", w.method, w.path, a.Code, a.Body)
		}
		if a.Code == 200 && a.Header().Get("ETag") != tag() {
			t.Errorf("%s does not answer with the new tag", w.method)
		}
	}
	if a := d.with("If-Match", "*", "PATCH", path, `[]`); a.Code != 404 {
		t.Errorf("any of what is gone: %d", a.Code)
	}
}

// TestAConditionHoldsWhenItIsStored: what changes between the check and the write is
// noticed, also when the row itself has the same date.
func TestAConditionHoldsWhenItIsStored(t *testing.T) {
	d := newDesk(t)
	id := d.person("a@example.test")
	a := d.want(200, "GET", "/admin/identities/"+id+"?etag=true", "")
	r := newRequest("PATCH", "/admin/identities/"+id, "", "")
	r.Header.Set("If-Match", a.Header().Get("ETag"))
	met, checks := precondition(r), 0
	raced := func(i *identity.Identity) error {
		if checks++; checks == 2 {
			i.VerifiableAddresses[0].Verified = true
		}
		return met(i)
	}
	_, err := d.wire.changeIdentity(t.Context(), mustID(id), raced, d.noEdit)
	if p := problemOf(err); p.Status != http.StatusPreconditionFailed {
		t.Errorf("%v", err)
	}
}
