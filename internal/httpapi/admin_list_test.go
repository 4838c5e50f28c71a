package httpapi

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// links gives the addresses of a Link header by their relation.
func links(a answer) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(a.Header().Get("Link"), ",<") {
		address, rel, _ := strings.Cut(strings.TrimPrefix(part, "<"), `>; rel="`)
		out[strings.TrimSuffix(rel, `"`)] = address
	}
	return out
}

// idsOf gives the ids of a list.
func idsOf(a answer) (ids []string) {
	for _, item := range a.json.([]any) {
		ids = append(ids, item.(map[string]any)["id"].(string))
	}
	return ids
}

func TestFollowingLinksListsEveryIdentityOnce(t *testing.T) {
	d := newDesk(t)
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		want = append(want, d.person(name+"@example.test"))
	}
	slices.Sort(want)
	for _, first := range []string{"/admin/identities?page_size=2", "/identities?per_page=2", "/admin/identities?page=&page_size=2"} {
		var got []string
		for address := first; address != ""; {
			page := d.want(200, "GET", address, "")
			got = append(got, idsOf(page)...)
			address = links(page)["next"]
			if back := links(page)["first"]; strings.Contains(back, "per_page") || !strings.Contains(back, "page_token="+uuid.Nil.String()) {
				t.Errorf("%s: first is %s", first, back)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", first, got, want)
		}
	}
}

func TestIdentityPageSizes(t *testing.T) {
	d := newDesk(t)
	for query, size := range map[string]string{
		"": "250", "page_size=0": "250", "page_size=-3": "250", "page_size=100000": "500", "page_size=7": "7", "per_page=7": "7", "page=1&page_size=7": "7",
	} {
		first, err := url.Parse(links(d.want(200, "GET", "/admin/identities?"+query, ""))["first"])
		if err != nil || first.Query().Get("page_size") != size {
			t.Errorf("%q: %v, %v", query, first, err)
		}
	}
}

func TestListIdentitiesRefuses(t *testing.T) {
	d := newDesk(t)
	for _, query := range []string{
		"page_size=many", "page_token=garbage", "page_token=" + unknownID,
		"state=asleep", "verified=perhaps", "count=many", "created_after=yesterday", "updated_before=2026-01-01", "created_after=0000-01-01T00:00:00Z",
		"trait[email]=", "trait[nickname]=x", "trait_prefix[secret]=x", "trait_contains[name.last]=" + strings.Repeat("x", 65), "trait[name.last]=" + strings.Repeat("x", 256),
		"trait[email]=a&trait[email]=b&trait[email]=c&trait[email]=d&trait[email]=e&trait[email]=f&trait[email]=g&trait[email]=h&trait[email]=i", "schema_id=none&trait[email]=a", "page=501&per_page=2", "page=9999999999", "ids=abc", "ids=" + unknownID + "&organization_id=" + unknownID,
		"organization_id=acme", "credentials_identifier=a&preview_credentials_identifier_similar=a", "include_credential=magic",
		strings.TrimSuffix(strings.Repeat("ids="+unknownID+"&", maxIDs+1), "&"),
	} {
		if a := d.want(400, "GET", "/admin/identities?"+query, ""); a.text("error", "reason") == "" {
			t.Errorf("%.60s: %s", query, a.Body)
		}
	}
}

func TestIdentityPagesByNumber(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"a", "b", "c"} {
		d.person(name + "@example.test")
	}
	for query, want := range map[string]struct {
		rows  int
		links map[string]string
	}{
		"per_page=2&page=0": {2, map[string]string{"next": "page=1&per_page=2", "last": "page=1&per_page=2"}},
		"per_page=2&page=1": {1, map[string]string{"first": "page=0&per_page=2", "prev": "page=0&per_page=2"}},
		"per_page=2&page=7": {0, map[string]string{"first": "page=0&per_page=2", "prev": "page=0&per_page=2"}},
		"page=x":            {3, map[string]string{"first": "page=0&per_page=3"}},
		"per_page=0&page=1": {1, map[string]string{"first": "page=0&per_page=1", "prev": "page=0&per_page=1", "next": "page=2&per_page=1", "last": "page=2&per_page=1"}},
	} {
		page := d.want(200, "GET", "/admin/identities?"+query, "")
		if len(page.json.([]any)) != want.rows || page.Header().Get("X-Total-Count") != "3" {
			t.Errorf("%s: %d rows of %s", query, len(page.json.([]any)), page.Header().Get("X-Total-Count"))
		}
		got := links(page)
		for rel, at := range want.links {
			if got[rel] != "/admin/identities?"+at {
				t.Errorf("%s: %s is %s", query, rel, got[rel])
			}
		}
		if len(got) != len(want.links) {
			t.Errorf("%s: %v", query, got)
		}
	}
}

func TestFilteredIdentities(t *testing.T) {
	d := newDesk(t)
	org := uuid.NewString()
	one := d.person("Ann@example.test")
	two := d.want(201, "POST", "/admin/identities", `{"traits":{"email":"anna@example.test"},"organization_id":"`+org+`","credentials":{"oidc":{"config":{"providers":[{"provider":"Acme","subject":"X%y"}]}}}}`).text("id")
	both := []string{one, two}
	slices.Sort(both)
	for query, want := range map[string][]string{
		"ids=" + one: {one},
		"ids=" + one + "&ids=" + two + "&ids=" + unknownID: both,
		"ids=" + unknownID:                                 nil,
		"organization_id=" + org:                           {two},
		"credentials_identifier=ANN@example.test":          {one},
		"credentials_identifier=ann":                       nil,
		"credentials_identifier=Acme:X%25y":                {two},
		"credentials_identifier=acme:x%25y":                nil,
		"preview_credentials_identifier_similar=ANN":       both,
		"preview_credentials_identifier_similar=Acme:X%25": {two},
		"preview_credentials_identifier_similar=%25":       nil,
		"preview_credentials_identifier_similar=nn":        nil,
		"consistency=perhaps&colour=blue":                  both,
	} {
		page := d.want(200, "GET", "/admin/identities?"+query, "")
		if got := idsOf(page); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		shown := strings.Contains(page.Body.String(), `"credentials"`)
		if searched := strings.Contains(query, "identifier"); len(want) > 0 && shown != searched {
			t.Errorf("%s shows credentials: %v", query, shown)
		}
	}
	if page := d.want(200, "GET", "/admin/identities?page=0&credentials_identifier=ann@example.test", ""); page.Header().Get("X-Total-Count") != "1" {
		t.Errorf("a search counts %s", page.Header().Get("X-Total-Count"))
	}
}
