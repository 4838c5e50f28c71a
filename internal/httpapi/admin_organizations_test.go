package httpapi

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

const configuredOrg = "77777777-7777-4777-8777-777777777777"

// withOrganizations is a desk with an organization in its configuration.
func withOrganizations(t *testing.T) *desk {
	t.Helper()
	return newDesk(t, "cardea: {organizations: [{id: "+configuredOrg+", label: Written, domains: [written.test]}]}")
}

func TestAnOrganizationIsCreatedReadChangedAndDeleted(t *testing.T) {
	d := withOrganizations(t)
	made := d.want(201, "POST", "/admin/organizations", `{"label":"Acme","domains":[{"name":"ACME.test.","verified":true}],"sign_in":"connections","session_lifespan":"90m"}`)
	id := made.text("id")
	path := "/admin/organizations/" + id
	if got := made.Header().Get("Location"); got != "https://admin.example.test"+path {
		t.Errorf("it is at %q", got)
	}
	want := map[string]any{
		"id": id, "label": "Acme", "enabled": true, "domains": []any{map[string]any{"name": "acme.test", "verified": true}},
		"sign_in": "connections", "sign_up": "anywhere", "session_lifespan": "1h30m0s", "connections": []any{}, "source": "database",
		"created_at": made.text("created_at"), "updated_at": made.text("created_at"),
	}
	if diff := cmp.Diff(want, d.want(200, "GET", path, "").json); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	changed := d.want(200, "PUT", path, `{"label":"Other","session_lifespan":"","connections":[],"created_at":"ignored"}`)
	want["label"], want["updated_at"] = "Other", changed.text("updated_at")
	delete(want, "session_lifespan")
	if diff := cmp.Diff(want, changed.json); diff != "" {
		t.Errorf("what was left out did not stay (-want +got):\n%s", diff)
	}
	d.want(200, "PUT", path, `{"id":"`+id+`","domains":[]}`)
	d.want(204, "DELETE", path, "")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		d.want(404, method, path, "{}")
		d.want(404, method, "/admin/organizations/acme", "{}")
	}
}

func TestOrganizationsThatAreRefused(t *testing.T) {
	d := withOrganizations(t)
	taken := d.want(201, "POST", "/admin/organizations", `{"label":"Acme","domains":[{"name":"acme.test"}]}`).text("id")
	other := d.want(201, "POST", "/admin/organizations", `{"label":"Other"}`).text("id")
	for about, tc := range map[string]struct {
		status int
		body   string
	}{
		"no label":               {400, `{}`},
		"an unknown member":      {400, `{"label":"a","color":"red"}`},
		"no JSON":                {400, `{`},
		"an unknown way":         {400, `{"label":"a","sign_in":"saml"}`},
		"no duration":            {400, `{"label":"a","session_lifespan":"soon"}`},
		"a negative duration":    {400, `{"label":"a","session_lifespan":"-1h"}`},
		"no domain":              {400, `{"label":"a","domains":[{"name":"acme"}]}`},
		"a domain twice":         {400, `{"label":"a","domains":[{"name":"b.test"},{"name":"B.test."}]}`},
		"an id that is no UUID":  {400, `{"label":"a","id":"acme"}`},
		"an id that is taken":    {409, `{"label":"a","id":"` + taken + `"}`},
		"an id that is written":  {409, `{"label":"a","id":"` + configuredOrg + `"}`},
		"a domain that is taken": {409, `{"label":"a","domains":[{"name":"b.test"},{"name":"ACME.test"}]}`},
		"a domain in writing":    {409, `{"label":"a","domains":[{"name":"written.test"}]}`},
	} {
		if a := d.ask("POST", "/admin/organizations", tc.body); a.Code != tc.status {
			t.Errorf("%s: created with %d %s", about, a.Code, a.Body)
		}
		if strings.Contains(about, "label") || strings.Contains(about, "unknown member") || strings.Contains(about, "id that") {
			continue
		}
		if a := d.ask("PUT", "/admin/organizations/"+other, tc.body); a.Code != tc.status {
			t.Errorf("%s: changed with %d %s", about, a.Code, a.Body)
		}
	}
	d.want(400, "PUT", "/admin/organizations/"+other, `{"id":"`+taken+`"}`)
	d.want(409, "PUT", "/admin/organizations/"+configuredOrg, `{"label":"b"}`)
	d.want(409, "DELETE", "/admin/organizations/"+configuredOrg, "")
	if got := d.want(200, "GET", "/admin/organizations/"+configuredOrg, ""); got.text("source") != "configuration" || got.text("label") != "Written" {
		t.Errorf("the configuration's: %s", got.Body)
	}
}

func TestOrganizationsAreListedAPageAtATime(t *testing.T) {
	d := withOrganizations(t)
	want := []string{configuredOrg}
	for range 6 {
		want = append(want, d.want(201, "POST", "/admin/organizations", `{"label":"a"}`).text("id"))
	}
	slices.Sort(want)
	var got []string
	for path := "/admin/organizations?page_size=2"; path != ""; {
		a := d.want(200, "GET", path, "")
		got = append(got, idsOf(a)...)
		path = links(a)["next"]
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	d.want(400, "GET", "/admin/organizations?page_token=made-up", "")
}

func TestAnOrganizationWithMembersIsNotDeleted(t *testing.T) {
	d := newDesk(t)
	id := d.want(201, "POST", "/admin/organizations", `{"label":"Acme"}`).text("id")
	ann := d.person("ann@example.test")
	d.want(200, "PATCH", "/admin/identities/"+ann, `[{"op":"replace","path":"/organization_id","value":"`+id+`"}]`)
	d.want(409, "DELETE", "/admin/organizations/"+id, "")
	d.want(204, "DELETE", "/admin/identities/"+ann, "")
	d.want(204, "DELETE", "/admin/organizations/"+id, "")
}

func TestMembersWhoWouldNotGetInAnyMoreAreSignedOut(t *testing.T) {
	for _, change := range []string{`{"enabled":false}`, `{"sign_in":"connections"}`} {
		d, ann, _, ids := crowd(t)
		id := d.want(201, "POST", "/admin/organizations", `{"label":"Acme"}`).text("id")
		d.want(200, "PATCH", "/admin/identities/"+ann, `[{"op":"replace","path":"/organization_id","value":"`+id+`"}]`)
		d.want(200, "PUT", "/admin/organizations/"+id, `{"sign_up":"connections"}`)
		if got := idsOf(d.want(200, "GET", "/admin/sessions?active=true", "")); len(got) != 3 {
			t.Errorf("a change that lets them in left %v", got)
		}
		d.want(200, "PUT", "/admin/organizations/"+id, change)
		if got := idsOf(d.want(200, "GET", "/admin/sessions?active=true", "")); !slices.Equal(got, ids[2:]) {
			t.Errorf("%s left %v, want %v", change, got, ids[2:])
		}
	}
}

func TestKeysOfOneTenantDoNotReachTheOrganizationsOfAnother(t *testing.T) {
	d := newDesk(t)
	id := d.want(201, "POST", "/admin/organizations", `{"label":"Acme","domains":[{"name":"acme.test","verified":true}]}`).text("id")
	other := d.of(d.db, 2, d.setup())
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		other.want(404, method, "/admin/organizations/"+id, `{"label":"stolen"}`)
	}
	if got := idsOf(other.want(200, "GET", "/admin/organizations", "")); len(got) != 0 {
		t.Errorf("another tenant lists %v", got)
	}
	other.want(201, "POST", "/admin/organizations", `{"id":"`+id+`","label":"Its own","domains":[{"name":"acme.test","verified":true}]}`)
	if got := d.want(200, "GET", "/admin/organizations/"+id, "").text("label"); got != "Acme" {
		t.Errorf("it is called %q now", got)
	}
	for range 2 {
		d.want(201, "POST", "/admin/organizations", `{"label":"`+uuid.NewString()+`"}`)
	}
	next := links(d.want(200, "GET", "/admin/organizations?page_size=1", ""))["next"]
	d.want(200, "GET", next, "")
	other.want(400, "GET", next, "")
}
