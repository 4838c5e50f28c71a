package httpapi

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// found asks for a list and gives its ids.
func (d *desk) found(query url.Values) []string {
	d.t.Helper()
	return idsOf(d.want(200, "GET", "/admin/identities?"+query.Encode(), ""))
}

func TestSearchByTraits(t *testing.T) {
	d := newDesk(t)
	add := func(email, last string) string {
		return d.want(201, "POST", "/admin/identities", `{"traits":{"email":"`+email+`","name":{"last":"`+last+`"},"secret":"x"}}`).text("id")
	}
	ann, bob, sql := add("ann@example.test", "Müller-Lüdenscheidt"), add("bob@example.test", "mueller"), add("sql@example.test", `100%_' OR 1=1 --`)
	for _, tc := range []struct {
		key, text string
		want      []string
	}{
		{"trait[email]", "ANN@example.test", []string{ann}},
		{"trait[email]", "ann", nil},
		{"trait_prefix[email]", "an", []string{ann}},
		{"trait_prefix[email]", "nn", nil},
		{"trait_contains[email]", "EXAMPLE", []string{ann, bob, sql}},
		{"trait[name.last]", "MÜLLER-lüdenscheidt", []string{ann}},
		{"trait_contains[name.last]", "üdensch", []string{ann}},
		{"trait_contains[name.last]", "t", []string{ann}},
		{"trait_prefix[name.last]", "m", []string{ann, bob}},
		{"trait[name.last]", `100%_' or 1=1 --`, []string{sql}},
		{"trait[name.last]", `' OR '1'='1`, nil},
		{"trait_prefix[name.last]", "%", nil},
		{"trait_contains[name.last]", "%", []string{sql}},
		{"trait_contains[name.last]", "_'", []string{sql}},
		{"trait_contains[name.last]", "1_1", nil},
	} {
		got := d.found(url.Values{tc.key: {tc.text}})
		slices.Sort(tc.want)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s=%s finds %v, want %v", tc.key, tc.text, got, tc.want)
		}
	}
	both := url.Values{"trait_contains[email]": {"example"}, "trait_prefix[name.last]": {"mue"}}
	if got := d.found(both); !slices.Equal(got, []string{bob}) {
		t.Errorf("two conditions find %v", got)
	}
}

func TestSearchFollowsChanges(t *testing.T) {
	d := newDesk(t)
	id := d.person("ann@example.test")
	by := func(email string) []string { return d.found(url.Values{"trait[email]": {email}}) }
	d.want(200, "PUT", "/admin/identities/"+id, `{"traits":{"email":"eve@example.test"}}`)
	if len(by("ann@example.test")) != 0 || len(by("eve@example.test")) != 1 {
		t.Error("a replaced trait is found as it was")
	}
	d.want(200, "PATCH", "/admin/identities/"+id, `[{"op":"replace","path":"/traits/email","value":"kim@example.test"}]`)
	if len(by("eve@example.test")) != 0 || len(by("kim@example.test")) != 1 {
		t.Error("a patched trait is found as it was")
	}
	d.want(200, "PATCH", "/admin/identities/"+id, `[{"op":"replace","path":"/metadata_admin","value":1}]`)
	if len(by("kim@example.test")) != 1 {
		t.Error("another change lost the trait")
	}
	d.want(204, "DELETE", "/admin/identities/"+id, "")
	if len(by("kim@example.test")) != 0 {
		t.Error("somebody who is gone is found")
	}
}

func TestFiltersOfThisServer(t *testing.T) {
	d := newDesk(t)
	begin := d.clock.Now()
	one := d.person("one@example.test")
	middle := d.clock.Now().Add(time.Millisecond)
	two := d.want(201, "POST", "/admin/identities", `{"schema_id":"other","state":"inactive","traits":{"email":"two@example.test"},
		"verifiable_addresses":[{"value":"two@example.test","via":"email","verified":true,"status":"completed"}]}`).text("id")
	d.want(200, "PATCH", "/admin/identities/"+one, `[{"op":"add","path":"/metadata_admin","value":1}]`)
	both := []string{one, two}
	slices.Sort(both)
	at := func(t time.Time) string { return t.Format(time.RFC3339Nano) }
	for _, tc := range []struct {
		query url.Values
		want  []string
	}{
		{url.Values{"state": {"active"}}, []string{one}},
		{url.Values{"state": {"inactive"}}, []string{two}},
		{url.Values{"state": {""}, "schema_id": {""}, "verified": {""}, "created_after": {""}}, both},
		{url.Values{"schema_id": {"other"}}, []string{two}},
		{url.Values{"schema_id": {"none"}}, nil},
		{url.Values{"schema_id": {"' OR 1=1 --"}}, nil},
		{url.Values{"verified": {"true"}}, []string{two}},
		{url.Values{"verified": {"false"}}, []string{one}},
		{url.Values{"created_after": {at(begin)}, "created_before": {at(middle)}}, []string{one}},
		{url.Values{"created_after": {at(middle)}}, []string{two}},
		{url.Values{"created_before": {at(begin)}}, nil},
		{url.Values{"updated_before": {at(middle)}}, nil},
		{url.Values{"updated_after": {at(middle)}}, both},
		{url.Values{"ids": both, "state": {"active"}}, []string{one}},
		{url.Values{"credentials_identifier": {"two@example.test"}, "state": {"active"}}, nil},
	} {
		if got := d.found(tc.query); !slices.Equal(got, tc.want) {
			t.Errorf("%s finds %v, want %v", tc.query.Encode(), got, tc.want)
		}
	}
}

func TestTheCountOnRequestIsThatOfAllPages(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		d.person(name + "@example.test")
	}
	d.want(201, "POST", "/admin/identities", `{"state":"inactive","traits":{"email":"f@example.test"}}`)
	pages := 0
	for address := "/admin/identities?page_size=2&count=true&state=active"; address != ""; pages++ {
		a := d.want(200, "GET", address, "")
		if got := a.Header().Get("X-Total-Count"); got != "5" {
			t.Errorf("page %d counts %q", pages, got)
		}
		address = links(a)["next"]
	}
	if pages != 3 {
		t.Errorf("%d pages", pages)
	}
	if a := d.want(200, "GET", "/admin/identities?page_size=2", ""); a.Header().Get("X-Total-Count") != "" {
		t.Error("a count that nobody asked for")
	}
	if a := d.want(200, "GET", "/admin/identities?page=0&per_page=2&state=inactive", ""); a.Header().Get("X-Total-Count") != "1" {
		t.Errorf("pages by number count %q", a.Header().Get("X-Total-Count"))
	}
}

// TestTokensBelongToTheirList: a token of another endpoint, filter or tenant is
// refused like one that was made up.
func TestTokensBelongToTheirList(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"a", "b", "c"} {
		id := d.person(name + "@example.test")
		d.signIn(id)
		d.want(201, "POST", "/admin/organizations", `{"label":"`+name+`"}`)
	}
	next := func(address string) string {
		u, err := url.Parse(links(d.want(200, "GET", address, ""))["next"])
		if err != nil || u.Query().Get("page_token") == "" {
			t.Fatalf("%s has no next page", address)
		}
		return u.Query().Get("page_token")
	}
	plain, active, sessions := next("/admin/identities?page_size=1"), next("/admin/identities?page_size=1&state=active"), next("/admin/sessions?page_size=1")
	mail := next("/admin/identities?page_size=1&trait_contains[email]=example")
	d.want(200, "GET", "/admin/identities?page_token="+plain, "")
	d.want(200, "GET", "/admin/identities?page_size=7&include_credential=password&page_token="+plain, "")
	d.want(200, "GET", "/admin/identities?state=active&page_token="+active, "")
	for about, address := range map[string]string{
		"of another filter":     "/admin/identities?page_token=" + active,
		"without its filter":    "/admin/identities?state=active&page_token=" + plain,
		"of another text":       "/admin/identities?trait_contains[email]=exampl&page_token=" + mail,
		"of another way":        "/admin/identities?trait_prefix[email]=example&page_token=" + mail,
		"of another endpoint":   "/admin/identities?page_token=" + sessions,
		"of identities":         "/admin/sessions?page_token=" + plain,
		"of organizations":      "/admin/identities?page_token=" + next("/admin/organizations?page_size=1"),
		"of no organizations":   "/admin/organizations?page_token=" + plain,
		"that is not sealed":    "/admin/identities?page_token=" + base64.RawURLEncoding.EncodeToString(make([]byte, 16)),
		"not sealed either":     "/admin/sessions?page_token=" + base64.RawURLEncoding.EncodeToString(make([]byte, sessionMark)),
		"of another state":      "/admin/sessions?active=true&page_token=" + sessions,
		"made up":               "/admin/identities?page_token=" + uuid.NewString(),
		"changed":               "/admin/identities?page_token=" + strings.ToUpper(plain),
		"shortened":             "/admin/identities?page_token=" + plain[:20],
		"a session's in clear":  "/admin/sessions?page_token=Y3JlYXRlZF9hdD0yMDI2LTExLTIzIDEyOjAwOjAwL2lkPTAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA",
		"with a zero character": "/admin/identities?page_token=%00",
		"that is not UTF-8":     "/admin/identities?page_token=%ff",
		"half of an escape":     "/admin/identities?page_token=%25",
	} {
		if a := d.ask("GET", address, ""); a.Code != 400 || a.text("error", "reason") == "" {
			t.Errorf("a token %s: %d %s", about, a.Code, a.Body)
		}
	}
	other := newDesk(t)
	other.wire.Tenant = "2"
	other.person("x@example.test")
	if a := other.ask("GET", "/admin/identities?page_token="+plain, ""); a.Code != 400 {
		t.Errorf("a token of another tenant: %d", a.Code)
	}
	d.want(200, "GET", "/admin/identities?page_token="+uuid.Nil.String(), "")
	d.want(200, "GET", "/admin/sessions?page_token="+firstSessionToken, "")
}
