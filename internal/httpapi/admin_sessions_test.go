package httpapi

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// crowd is two identities with three sessions, oldest first.
func crowd(t *testing.T, more ...string) (d *desk, ann, bob string, sessions []string) {
	d = newDesk(t, more...)
	ann, bob = d.person("ann@example.test"), d.person("bob@example.test")
	return d, ann, bob, []string{d.signIn(ann), d.signIn(ann), d.signIn(bob)}
}

func TestListSessions(t *testing.T) {
	d, _, bob, ids := crowd(t)
	d.want(204, "DELETE", "/admin/sessions/"+ids[1], "")
	d.want(200, "PATCH", "/admin/identities/"+bob, `[{"op":"replace","path":"/state","value":"inactive"}]`)
	for query, want := range map[string][]string{
		"":             {ids[2], ids[1], ids[0]},
		"active=true":  {ids[2], ids[0]},
		"active=1":     {ids[2], ids[0]},
		"active=false": {ids[1]},
		"page_size=0":  {ids[2], ids[1], ids[0]},
	} {
		if got := idsOf(d.want(200, "GET", "/admin/sessions?"+query, "")); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string]struct{ devices, owner, active bool }{
		"":                               {false, false, true},
		"expand=devices":                 {true, false, true},
		"expand=Identity":                {false, true, false},
		"expand=identity&expand=DEVICES": {true, true, false},
	} {
		one := d.want(200, "GET", "/admin/sessions?"+query, "").at(0).(map[string]any)
		owner, _ := one["identity"].(map[string]any)
		if (one["devices"] != nil) != want.devices || (owner != nil) != want.owner || one["active"] != want.active {
			t.Errorf("%q: %v", query, one)
		}
		if owner != nil && (owner["verifiable_addresses"] != nil || owner["schema_url"] == "" || owner["credentials"] != nil || !slices.Contains(keysOfObject(owner), "metadata_admin")) {
			t.Errorf("%q: %v", query, owner)
		}
	}
}

func TestSessionEndpointsRefuse(t *testing.T) {
	d, _, _, ids := crowd(t)
	token := func(text string) string { return base64.RawStdEncoding.EncodeToString([]byte(text)) }
	for _, tc := range []struct {
		method, path string
		status       int
		reason       bool
	}{
		{"GET", "/admin/sessions?expand=everything", 400, true},
		{"GET", "/admin/sessions?active=maybe", 400, false},
		{"GET", "/admin/sessions?page_size=many", 400, true},
		{"GET", "/admin/sessions?page_token=garbage", 400, true},
		{"GET", "/admin/sessions?page_token=***", 400, true},
		{"GET", "/admin/sessions?page_token=" + token("created_at=2026-01-01 00:00:00"), 400, true},
		{"GET", "/admin/sessions?page_token=" + token("created_at=soon/id="+unknownID), 400, true},
		{"GET", "/admin/sessions/" + ids[0] + "?expand=everything", 400, true},
		{"GET", "/admin/sessions/abc", 400, false},
		{"GET", "/admin/sessions/" + unknownID, 404, false},
		{"DELETE", "/admin/sessions/abc", 400, false},
		{"DELETE", "/admin/sessions/" + unknownID, 404, false},
		{"PATCH", "/admin/sessions/abc/extend", 400, false},
		{"PATCH", "/admin/sessions/" + unknownID + "/extend", 404, false},
		{"GET", "/admin/identities/abc/sessions", 400, false},
		{"GET", "/admin/identities/" + unknownID + "/sessions?active=maybe", 400, false},
		{"DELETE", "/admin/identities/abc/sessions", 400, false},
		{"DELETE", "/admin/identities/" + unknownID + "/sessions", 404, false},
	} {
		a := d.want(tc.status, tc.method, tc.path, "")
		if (a.text("error", "reason") != "") != tc.reason {
			t.Errorf("%s %s: %s", tc.method, tc.path, a.Body)
		}
	}
}

func TestFollowingLinksListsEverySessionOnce(t *testing.T) {
	d := newDesk(t)
	ann := d.person("ann@example.test")
	var want []string
	for range 5 {
		want = append(want, d.signIn(ann))
	}
	slices.Reverse(want)
	var got []string
	for address := "/admin/sessions?page_size=2"; address != ""; {
		page := d.want(200, "GET", address, "")
		got = append(got, idsOf(page)...)
		address = links(page)["next"]
		if again := idsOf(d.want(200, "GET", links(page)["first"], "")); !slices.Equal(again, want[:2]) {
			t.Errorf("the first page is %v", again)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestGetSession(t *testing.T) {
	d, ann, _, ids := crowd(t)
	bare := d.want(200, "GET", "/admin/sessions/"+ids[0], "")
	if devices, ok := bare.at("devices").([]any); !ok || len(devices) != 0 || bare.at("identity") != nil {
		t.Errorf("%s", bare.Body)
	}
	full := d.want(200, "GET", "/sessions/"+ids[0]+"?expand=identity&expand=devices", "")
	if full.text("identity", "id") != ann || full.at("identity", "recovery_addresses") == nil || full.text("devices", 0, "user_agent") != "agent" {
		t.Errorf("%s", full.Body)
	}
	if order := full.Body.String(); strings.Index(order, `"devices"`) > strings.Index(order, `"identity"`) {
		t.Errorf("the identity comes first: %s", order)
	}
	if a := d.want(307, "GET", "/sessions/whoami?x=1", ""); a.Header().Get("Location") != "https://id.example.test/sessions/whoami?x=1" {
		t.Error(a.Header())
	}
}

func TestDisablingKeepsTheRow(t *testing.T) {
	d, _, _, ids := crowd(t)
	for range 2 {
		a := d.want(204, "DELETE", "/admin/sessions/"+ids[0], "")
		if a.Header().Get("Content-Type") != jsonType {
			t.Errorf("%v", a.Header())
		}
	}
	if a := d.want(200, "GET", "/admin/sessions/"+ids[0], ""); a.at("active") != false {
		t.Errorf("%s", a.Body)
	}
}

func TestExtendSession(t *testing.T) {
	d, ann, _, ids := crowd(t)
	path := "/admin/sessions/" + ids[0]
	before := d.want(200, "GET", path, "").text("expires_at")
	if a := d.want(200, "PATCH", path+"/extend", ""); a.text("expires_at") != before {
		t.Errorf("prolonged too early: %s", a.Body)
	}
	d.clock.Advance(40 * time.Minute)
	a := d.want(200, "PATCH", path+"/extend", "")
	want := d.clock.Now().Add(time.Hour).Format(time.RFC3339Nano)
	if a.text("expires_at") != want || d.want(200, "GET", path, "").text("expires_at") != want {
		t.Errorf("prolonged to %s, want %s", a.text("expires_at"), want)
	}
	if a.text("identity", "id") != ann || slices.Contains(keysOfObject(a.at("identity")), "metadata_admin") || len(a.at("devices").([]any)) != 0 {
		t.Errorf("%s", a.Body)
	}
	d.want(204, "DELETE", path, "")
	if a := d.want(200, "PATCH", path+"/extend", ""); a.at("active") != false {
		t.Errorf("prolonging revives a session: %s", a.Body)
	}
}

func TestExtendSessionInShort(t *testing.T) {
	d, _, _, ids := crowd(t, "feature_flags: {faster_session_extend: true}")
	d.clock.Advance(40 * time.Minute)
	a := d.want(204, "PATCH", "/admin/sessions/"+ids[0]+"/extend", "")
	if a.Body.Len() > 0 {
		t.Errorf("%s", a.Body)
	}
	if got, want := d.want(200, "GET", "/admin/sessions/"+ids[0], "").text("expires_at"), d.clock.Now().Add(time.Hour-time.Second).Format(time.RFC3339Nano); got != want {
		t.Errorf("prolonged to %s, want %s", got, want)
	}
}

func TestSessionsOfAnOrganizationLiveAsItSays(t *testing.T) {
	d, ann, bob, ids := crowd(t)
	org := d.want(201, "POST", "/admin/organizations", `{"label":"Acme","session_lifespan":"50m"}`).text("id")
	for id, organization := range map[string]string{ann: org, bob: uuid.NewString()} {
		d.want(200, "PATCH", "/admin/identities/"+id, `[{"op":"replace","path":"/organization_id","value":"`+organization+`"}]`)
	}
	d.clock.Advance(40 * time.Minute)
	a := d.want(200, "PATCH", "/admin/sessions/"+ids[2]+"/extend", "")
	if want := d.clock.Now().Add(time.Hour).Format(time.RFC3339Nano); a.text("expires_at") != want {
		t.Errorf("of an organization that nobody has described: prolonged to %s, want %s", a.text("expires_at"), want)
	}
	a = d.want(200, "PATCH", "/admin/sessions/"+ids[0]+"/extend", "")
	if want := d.clock.Now().Add(50 * time.Minute).Format(time.RFC3339Nano); a.text("expires_at") != want {
		t.Errorf("prolonged to %s, want %s", a.text("expires_at"), want)
	}
}

func TestSessionsOfAnIdentity(t *testing.T) {
	d, ann, _, ids := crowd(t)
	path := "/admin/identities/" + ann + "/sessions"
	for query, want := range map[string][]string{
		"": {ids[1], ids[0]}, "?per_page=1": {ids[1]}, "?per_page=1&page=1": {ids[0]}, "?active=false": nil, "?page_token=garbage": {ids[1], ids[0]},
	} {
		page := d.want(200, "GET", path+query, "")
		if got := idsOf(page); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
		for _, one := range page.json.([]any) {
			owner := one.(map[string]any)["identity"].(map[string]any)
			if owner["schema_url"] != "" || owner["verifiable_addresses"] != nil || len(one.(map[string]any)["devices"].([]any)) != 1 {
				t.Errorf("%q: %v", query, one)
			}
		}
	}
	next := links(d.want(200, "GET", path+"?page_size=1", ""))["next"]
	if got := idsOf(d.want(200, "GET", next, "")); !slices.Equal(got, []string{ids[0]}) {
		t.Errorf("the next page is %v", got)
	}
	if a := d.want(200, "GET", "/admin/identities/"+unknownID+"/sessions", ""); len(a.json.([]any)) != 0 || a.Header().Get("X-Total-Count") != "0" {
		t.Errorf("%v %s", a.Header(), a.Body)
	}
	a := d.want(204, "DELETE", path, "")
	if a.Header().Get("Content-Type") != "" {
		t.Errorf("%v", a.Header())
	}
	d.want(404, "DELETE", path, "")
	if got := idsOf(d.want(200, "GET", "/admin/sessions", "")); !slices.Equal(got, ids[2:]) {
		t.Errorf("left are %v", got)
	}
}

func TestManageSessionsRefuses(t *testing.T) {
	d, _, _, ids := crowd(t)
	many := `"` + strings.Repeat(unknownID+`","`, maxIDs) + unknownID + `"`
	for about, body := range map[string]string{
		"nothing":                   `{}`,
		"an unknown action":         `{"action":"freeze","sessions":["` + ids[0] + `"]}`,
		"no list":                   `{"action":"delete"}`,
		"empty lists":               `{"action":"delete","sessions":[],"identities":[]}`,
		"both lists":                `{"action":"delete","sessions":["` + ids[0] + `"],"identities":["` + unknownID + `"]}`,
		"everything as a session":   `{"action":"delete","sessions":["*"]}`,
		"everything and one more":   `{"action":"delete","identities":["*","` + unknownID + `"]}`,
		"everything, twice":         `{"action":"delete","identities":["*","*"]}`,
		"an id that is no UUID":     `{"action":"delete","sessions":["abc"]}`,
		"too many ids":              `{"action":"delete","sessions":[` + many + `]}`,
		"too many identities":       `{"action":"delete","identities":[` + many + `]}`,
		"broken JSON":               `{"action":`,
		"an action of another form": `{"action":1}`,
	} {
		a := d.want(400, "POST", "/admin/sessions", body)
		if a.text("error", "reason") == "" {
			t.Errorf("%s: %s", about, a.Body)
		}
	}
	if got := idsOf(d.want(200, "GET", "/admin/sessions?active=true", "")); len(got) != 3 {
		t.Errorf("left are %v", got)
	}
}

func TestManageSessions(t *testing.T) {
	d, ann, _, ids := crowd(t)
	for _, step := range []struct {
		body      string
		processed float64
	}{
		{`{"action":"disable","sessions":["` + ids[0] + `"],"colour":"unknown members are ignored"}`, 1},
		{`{"action":"disable","sessions":["` + ids[0] + `","` + unknownID + `"]}`, 0},
		{`{"action":"delete","identities":["` + ann + `"]}`, 2},
		{`{"action":"disable","identities":["*"]}`, 1},
		{`{"action":"disable","identities":["*"]}`, 0},
		{`{"action":"delete","identities":["*"]}`, 1},
	} {
		a := d.want(200, "POST", "/admin/sessions", step.body)
		if a.at("processed") != step.processed || a.at("more") != false {
			t.Errorf("%s: %s", step.body, a.Body)
		}
	}
}

// endless always finds as many sessions as it may.
type endless struct{ AdminSessions }

func (endless) ManageSessions(_ context.Context, b SessionBulk) (int, error) {
	if b.Limit == 0 {
		return maxWildcard, nil
	}
	return b.Limit, nil
}

func TestTheWildcardSaysWhenThereIsMore(t *testing.T) {
	d := newDesk(t)
	d.wire.AdminSessions = endless{}
	for body, more := range map[string]bool{
		`{"action":"delete","identities":["*"]}`:                 true,
		`{"action":"delete","identities":["` + unknownID + `"]}`: false,
	} {
		if a := d.want(200, "POST", "/admin/sessions", body); a.at("more") != more {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
}
