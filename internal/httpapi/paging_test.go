package httpapi

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// linksOf reads a Link header: the offset and size that each rel leads to, as
// page, page_token, page_size and per_page agree on it.
func linksOf(t *testing.T, header string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, link := range strings.Split(header, ",") {
		address, rel, ok := strings.Cut(link, `; rel="`)
		if !ok || !strings.HasPrefix(address, "</sessions?") || !strings.HasSuffix(address, ">") {
			t.Errorf("%q is no relative link", link)
			continue
		}
		u, err := url.Parse(strings.Trim(address, "<>"))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		page, size := q.Get("page"), q.Get("page_size")
		if q.Get("per_page") != size {
			t.Errorf("%s: page_size is %s, per_page %s", rel, size, q.Get("per_page"))
		}
		var number, n int
		_, _ = fmt.Sscan(page, &number)
		_, _ = fmt.Sscan(size, &n)
		if want := token(number * n); q.Get("page_token") != want {
			t.Errorf("%s: page %s of %s has the token %q, want %q", rel, page, size, q.Get("page_token"), want)
		}
		if q.Get("keep") != "1" {
			t.Errorf("%s: the query is lost: %s", rel, u.RawQuery)
		}
		out[strings.TrimSuffix(rel, `"`)] = page + "/" + size
	}
	return out
}

func token(offset int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"offset":"%d","v":2}`, offset))
}

// Family D of section 1.3 of the admin reference.
func TestPagesLinkToTheirNeighbours(t *testing.T) {
	cases := []struct {
		name, query string
		total       int
		want        map[string]string // page/size by rel
	}{
		{"nothing", "", 0, map[string]string{"first": "0/250", "next": "1/250", "prev": "-1/250"}},
		{"all on one page", "", 7, map[string]string{"first": "0/7"}},
		{"exactly one page", "page_size=7", 7, map[string]string{"first": "0/7"}},
		{"behind the only page", "page=3", 7, map[string]string{"first": "0/7"}},
		{"the first of many", "page_size=2", 5, map[string]string{"next": "1/2", "last": "2/2"}},
		{"the first of two", "page_size=3", 6, map[string]string{"next": "1/3", "last": "1/3"}},
		{"in the middle", "page_size=2&page=1", 5, map[string]string{"first": "0/2", "next": "2/2", "prev": "0/2", "last": "2/2"}},
		{"the last", "page_size=2&page=2", 5, map[string]string{"first": "0/2", "prev": "1/2"}},
		{"behind the last", "page_size=2&page=9", 5, map[string]string{"first": "0/2", "prev": "1/2"}},
		{"by token", "page_size=2&page_token=" + token(2), 5, map[string]string{"first": "0/2", "next": "2/2", "prev": "0/2", "last": "2/2"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/sessions?keep=1&"+c.query, nil)
			w := httptest.NewRecorder()
			pageOf(r.URL.Query()).writeHeaders(w, r, c.total)
			if diff := cmp.Diff(c.want, linksOf(t, w.Header().Get("Link"))); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
			if got := w.Header().Get("X-Total-Count"); got != fmt.Sprint(c.total) {
				t.Errorf("the count is %s, want %d", got, c.total)
			}
		})
	}
}

func TestAPageIsReadWithPatience(t *testing.T) {
	for query, want := range map[string]numberedPage{
		"":                                       {0, 250},
		"page=2":                                 {2, 250},
		"per_page=10&page=3":                     {3, 10},
		"page_size=10&per_page=20":               {0, 10},
		"page_size=0":                            {0, 1},
		"page_size=-3":                           {0, 1},
		"page_size=1001":                         {0, 1000},
		"page_size=x":                            {0, 250},
		"page=-1":                                {0, 250},
		"page=x":                                 {0, 250},
		"page=99999999999999999999":              {0, 250},
		"page_token=" + token(500):               {2, 250},
		"page_size=100&page_token=" + token(250): {2, 100},
		"page_token=x":                           {0, 250},
		"page_token=" + base64.RawURLEncoding.EncodeToString([]byte(`{"offset":7}`)): {0, 250},
		"page_token=" + base64.RawURLEncoding.EncodeToString([]byte(`nonsense`)):     {0, 250},
		"page_token=" + token(-5): {0, 250},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := pageOf(q); got != want {
			t.Errorf("%q is page %+v, want %+v", query, got, want)
		}
	}
	far := pageOf(url.Values{"page": {fmt.Sprint(math.MaxInt64)}, "page_size": {"1000"}})
	if far.offset() < 0 {
		t.Errorf("a page far away begins at %d", far.offset())
	}
}

func TestOwnSessionsComeInPages(t *testing.T) {
	p := newPorch(t)
	ann := p.moveIn("ann@cardea.test")
	for range 5 {
		p.clock.Advance(1e9)
		p.signIn(ann.session.Identity)
	}
	p.moveIn("bob@cardea.test")
	me := header("X-Session-Token", ann.token)
	seen := map[string]bool{}
	path := "/sessions?page_size=2"
	for pages := 0; path != ""; pages++ {
		if pages > 3 {
			t.Fatal("the pages never end")
		}
		a := p.get(path, me)
		if a.Code != 200 || a.Header().Get("X-Total-Count") != "5" {
			t.Fatalf("%s answered %d, %s in all", path, a.Code, a.Header().Get("X-Total-Count"))
		}
		for _, s := range a.json.([]any) {
			seen[s.(map[string]any)["id"].(string)] = true
		}
		path = nextOf(a.Result().Header)
	}
	if len(seen) != 5 || seen[ann.session.ID.String()] {
		t.Errorf("following the links showed %d sessions, want the 5 others", len(seen))
	}
}

func nextOf(h http.Header) string {
	for _, link := range strings.Split(h.Get("Link"), ",") {
		if address, rel, _ := strings.Cut(link, "; "); rel == `rel="next"` {
			return strings.Trim(address, "<>")
		}
	}
	return ""
}
