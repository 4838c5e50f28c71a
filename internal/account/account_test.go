package account

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// base is the public URL of the servers in these tests.
const base = "http://127.0.0.1:4433/"

// now is when these tests take place.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// journeys answers with what a test gives it.
type journeys struct {
	setup   *flow.Setup
	page    *flow.Page
	err     error // of everything
	session *session.Session
	failure *problem.Error
}

func (j *journeys) Setup() *flow.Setup { return j.setup }

func (j *journeys) Page(_ *http.Request, k flow.Kind, _ string) (*flow.Page, error) {
	if j.page != nil && j.page.Flow.Kind != k {
		return nil, problem.NotFound("another kind")
	}
	return j.page, j.err
}

func (j *journeys) Session(*http.Request) (*session.Session, error) { return j.session, j.err }

func (j *journeys) LogoutURL(*http.Request) (string, error) {
	if j.session == nil {
		return "", j.err
	}
	return base + "self-service/logout?token=secret", j.err
}

func (j *journeys) FormToken(*http.Request) string { return "token" }

func (j *journeys) Failure(_ *http.Request, id string) (*problem.Error, error) {
	if j.failure == nil {
		return nil, problem.ErrNotFound
	}
	return j.failure, j.err
}

// setup compiles the development configuration with changes.
func setup(t testing.TB, change func(*config.Snapshot)) *flow.Setup {
	t.Helper()
	snapshot, err := config.Load(config.Options{
		Defaults:         config.Development(t.TempDir()),
		PersistedSecrets: func(string) ([]string, error) { return []string{"a secret that is long enough"}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(snapshot)
	}
	set, err := flow.Compile(context.Background(), snapshot, func(_ context.Context, u string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(u, "base64://"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func pages(t testing.TB, j *journeys) *Pages {
	t.Helper()
	if j.setup == nil {
		j.setup = setup(t, nil)
	}
	return looking(t, New(Options{Journeys: j}), catalogue(t))
}

// looking gives pages the look of a configuration that says nothing about it.
func looking(t testing.TB, p *Pages, words *ui.Catalogue) *Pages {
	t.Helper()
	use, err := p.Prepare(&config.Snapshot{}, words)
	if err != nil {
		t.Fatal(err)
	}
	use()
	return p
}

// catalogue is ours, without anybody's changes.
func catalogue(t testing.TB) *ui.Catalogue {
	t.Helper()
	c, err := ui.NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get asks for a page with a browser that keeps cookies.
func get(t testing.TB, j *journeys, address string) *httptest.ResponseRecorder {
	t.Helper()
	p := pages(t, j)
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.AddCookie(csrfCookie(j.setup))
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func csrfCookie(set *flow.Setup) *http.Cookie {
	return &http.Cookie{
		Name:  secret.CSRFCookieName(set.Serve.Public.BaseURLRaw),
		Value: secret.EncodeCSRF(make([]byte, secret.CSRFSize)),
	}
}

// flowPage is a flow with a form.
func flowPage(k flow.Kind, c ui.Container) *flow.Page {
	if c.Action == "" {
		c.Action, c.Method = base+"self-service/"+string(k)+"?flow=1", "POST"
	}
	return &flow.Page{Flow: &flow.Flow{ID: uuid.New(), Kind: k, RequestedAAL: session.AAL1}, UI: c}
}

// show renders a form as the page of a kind.
func show(t testing.TB, k flow.Kind, nodes ...ui.Node) *html.Node {
	t.Helper()
	return showPage(t, flowPage(k, ui.Container{Nodes: nodes}))
}

func showPage(t testing.TB, page *flow.Page) *html.Node {
	t.Helper()
	w := get(t, &journeys{page: page}, "/"+string(page.Flow.Kind)+"?flow=1")
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return document(t, w)
}

func document(t testing.TB, w *httptest.ResponseRecorder) *html.Node {
	t.Helper()
	doc, err := html.Parse(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// elements gives the elements of a name in document order, "" for all.
func elements(n *html.Node, name string) []*html.Node {
	var all []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (name == "" || d.Data == name) {
			all = append(all, d)
		}
	}
	return all
}

// having gives the first element of a name with an attribute, nil for none.
func having(n *html.Node, name, key, value string) *html.Node {
	for _, e := range elements(n, name) {
		if v, ok := attribute(e, key); ok && v == value {
			return e
		}
	}
	return nil
}

func attribute(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func value(n *html.Node, key string) string {
	v, _ := attribute(n, key)
	return v
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// signedIn is the session of a person.
func signedIn() *session.Session {
	return &session.Session{
		ID: uuid.New(), Active: true, AAL: session.AAL1, AuthenticatedAt: now, ExpiresAt: now.Add(24 * time.Hour),
		Methods:  []session.Method{{Method: "password", AAL: session.AAL1, CompletedAt: now}},
		Identity: &identity.Identity{State: identity.Active, Traits: []byte(`{"email":"ada@example.org","name":"Ada <b>"}`)},
	}
}

func mustParse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
