package app

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// costs are the pages and how many allocations each may make at most: about a third
// more than it did when this was written. What a page costs follows its allocations
// closely, and other than time they are the same on every machine.
var costs = map[string]float64{
	"/":             650,
	"/login":        1750,
	"/registration": 1900,
	"/recovery":     1100,
	"/verification": 1100,
	"/settings":     5000,
	"/signed-out":   650,
}

// everyMethod makes the settings as long as they get.
const everyMethod = `
selfservice:
  methods:
    totp: {enabled: true}
    lookup_secret: {enabled: true}
    passkey: {enabled: true, config: {rp: {id: id.cardea.test, display_name: Cardea, origins: ["https://id.cardea.test"]}}}
    webauthn: {enabled: true, config: {rp: {id: id.cardea.test, display_name: Cardea, origins: ["https://id.cardea.test"]}}}
`

// opened asks for a page, with its journey where it has one, and gives a request for it
// that can be sent again and again.
func opened(p *reader, path string) *http.Request {
	p.Helper()
	p.visit(http.MethodGet, path, nil)
	req := httptest.NewRequest(http.MethodGet, p.at, nil)
	req.Header.Set("Accept", "text/html")
	for _, c := range p.jar {
		req.AddCookie(c)
	}
	return req
}

// nothing is a browser that throws away what it gets.
type nothing struct {
	header http.Header
	status int
}

func (n *nothing) Header() http.Header         { return n.header }
func (n *nothing) Write(b []byte) (int, error) { return len(b), nil }
func (n *nothing) WriteHeader(status int)      { n.status = status }

// show sends a request and says whether it was answered with a page.
func show(app http.Handler, req *http.Request) bool {
	w := &nothing{header: http.Header{}, status: http.StatusOK}
	app.ServeHTTP(w, req)
	return w.status == http.StatusOK
}

func pagesOf(t testing.TB) (http.Handler, map[string]*http.Request) {
	app, _ := ownPages(t, everyMethod)
	all := map[string]*http.Request{}
	for path := range costs {
		p := &reader{TB: t, app: app, jar: map[string]*http.Cookie{}}
		if path == "/settings" {
			p.visit(http.MethodGet, "/registration", nil)
			p.press("method", "password", map[string]string{"traits.email": "ann@cardea.test", "password": "a hinge never forgets"}, nil)
		}
		all[path] = opened(p, path)
	}
	return app, all
}

func TestPagesCostLittle(t *testing.T) {
	app, all := pagesOf(t)
	for path, most := range costs {
		got := testing.AllocsPerRun(20, func() {
			if !show(app, all[path]) {
				t.Errorf("%s was not shown", path)
			}
		})
		if got > most {
			t.Errorf("%s makes %.0f allocations, at most %.0f are good", path, got, most)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	app, all := pagesOf(b)
	for path := range costs {
		b.Run(url.PathEscape(path), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				show(app, all[path])
			}
		})
	}
}
