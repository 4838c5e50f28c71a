package cardeatest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// Kind is a kind of client.
type Kind string

// The kinds of clients.
const (
	Browser Kind = "browser" // navigates and posts forms; follows no redirect by itself
	SPA     Kind = "spa"     // fetches JSON with cookies
	Native  Kind = "native"  // sends JSON and a session token, never a cookie
)

// Kinds are all of them, for tests that run once per kind.
var Kinds = []Kind{Browser, SPA, Native}

// Client is somebody who uses the server.
type Client struct {
	Kind   Kind
	Token  string      // the session token of a native client
	Header http.Header // sent with every request

	server *Server
	http   *http.Client
}

// Client makes a client without any history.
func (s *Server) Client(k Kind) *Client {
	s.t.Helper()
	c := &Client{Kind: k, Header: http.Header{}, server: s}
	c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if k != Native {
		jar, err := cookiejar.New(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		c.http.Jar = jar
	}
	return c
}

// Jar holds the client's cookies; nil for a native client.
func (c *Client) Jar() http.CookieJar { return c.http.Jar }

// Answer is what the server said.
type Answer struct {
	Status   int
	Header   http.Header
	Location string
	Body     []byte
	JSON     map[string]any // nil when the body is no JSON object

	t testing.TB
}

// Do sends a request. path is below the public URL, or a whole URL. A body is
// url.Values for a form, []byte for text as it is, and anything else for JSON.
func (c *Client) Do(method, path string, body any) *Answer {
	c.server.t.Helper()
	if !strings.Contains(path, "://") {
		path = c.server.PublicURL + path
	}
	var reader io.Reader
	contentType := ""
	switch body := body.(type) {
	case nil:
	case url.Values:
		reader, contentType = strings.NewReader(body.Encode()), "application/x-www-form-urlencoded"
	case []byte:
		reader = bytes.NewReader(body)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			c.server.t.Fatal(err)
		}
		reader, contentType = bytes.NewReader(raw), "application/json"
	}
	req, err := http.NewRequest(method, path, reader)
	if err != nil {
		c.server.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	switch c.Kind {
	case Browser:
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	default:
		req.Header.Set("Accept", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("X-Session-Token", c.Token)
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.server.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		c.server.t.Fatal(err)
	}
	a := &Answer{Status: res.StatusCode, Header: res.Header, Location: res.Header.Get("Location"), Body: raw, t: c.server.t}
	_ = json.Unmarshal(raw, &a.JSON) // not every answer is JSON
	return a
}

// Get fetches a path.
func (c *Client) Get(path string) *Answer { c.server.t.Helper(); return c.Do("GET", path, nil) }

// Flow is a journey that a client has begun.
type Flow struct {
	ID     string
	Kind   string // login, registration, …
	CSRF   string // the token of the form; "" for native clients
	Answer *Answer

	client *Client
}

// Start begins a journey the way this kind of client does. query may be "".
func (c *Client) Start(kind, query string) *Flow {
	c.server.t.Helper()
	if query != "" {
		query = "?" + query
	}
	endpoint := "browser"
	if c.Kind == Native {
		endpoint = "api"
	}
	a := c.Get("/self-service/" + kind + "/" + endpoint + query)
	f := &Flow{Kind: kind, client: c, Answer: a}
	if c.Kind == Browser {
		to, err := url.Parse(a.Location)
		if err != nil || a.Status != http.StatusSeeOther || to.Query().Get("flow") == "" {
			c.server.t.Fatalf("start %s: %d to %q", kind, a.Status, a.Location)
		}
		f.ID = to.Query().Get("flow")
		f.read(f.Fetch())
		return f
	}
	if a.Status != http.StatusOK {
		c.server.t.Fatalf("start %s: %d %s", kind, a.Status, a.Body)
	}
	f.read(a)
	return f
}

// Resume goes on with a journey that the client was sent to.
func (c *Client) Resume(kind, id string) *Flow {
	c.server.t.Helper()
	f := &Flow{ID: id, Kind: kind, client: c}
	a := f.Fetch()
	if a.Status != http.StatusOK {
		c.server.t.Fatalf("read %s: %d %s", kind, a.Status, a.Body)
	}
	f.read(a)
	return f
}

func (f *Flow) read(a *Answer) {
	f.Answer = a
	f.ID, _ = a.JSON["id"].(string)
	if n := a.Node("csrf_token"); n != nil {
		f.CSRF, _ = n.Attributes["value"].(string)
	}
}

// Fetch reads the flow again.
func (f *Flow) Fetch() *Answer {
	f.client.server.t.Helper()
	return f.client.Get("/self-service/" + f.Kind + "/flows?id=" + f.ID)
}

// Submit sends fields by dotted names, as a form or as JSON, with the anti-CSRF
// token of the flow unless the fields bring their own.
func (f *Flow) Submit(fields map[string]any) *Answer {
	f.client.server.t.Helper()
	if _, own := fields["csrf_token"]; !own && f.CSRF != "" {
		withToken := map[string]any{"csrf_token": f.CSRF}
		for k, v := range fields {
			withToken[k] = v
		}
		fields = withToken
	}
	path := "/self-service/" + f.Kind + "?flow=" + f.ID
	if f.client.Kind != Browser {
		return f.client.Do("POST", path, fields)
	}
	form := url.Values{}
	for k, v := range fields {
		text, ok := v.(string)
		if !ok {
			raw, err := json.Marshal(v)
			if err != nil {
				f.client.server.t.Fatal(err)
			}
			text = string(raw)
		}
		form.Set(k, text)
	}
	return f.client.Do("POST", path, form)
}

// Form is the flow as it stands after a submission that was not accepted: a
// browser was sent back to the page, the others have it in the answer.
func (f *Flow) Form(a *Answer) *Answer {
	f.client.server.t.Helper()
	if f.client.Kind == Browser {
		return f.Fetch()
	}
	return a
}
