package systemtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// password is what everybody here signs in with.
const password = "four-Sturdy-Wombats-77"

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	pageType = "text/html,application/xhtml+xml,*/*;q=0.8"
)

// client is somebody who uses a server. Unlike a test's own client it returns
// errors, because the servers here are killed while it talks to them.
type client struct {
	base   string
	http   *http.Client
	accept string
}

// native is a client without cookies.
func (s *server) native() *client {
	return &client{base: s.PublicURL, accept: jsonType, http: &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// spa is a client with cookies that accepts JSON.
func (s *server) spa(t testing.TB) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.native()
	c.http.Jar = jar
	return c
}

// browser is a client with cookies that accepts pages and follows nothing.
func (s *server) browser(t testing.TB) *client {
	t.Helper()
	c := s.spa(t)
	c.accept = pageType
	return c
}

// answer is what a server said.
type answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	Request *http.Request // that it answers; nil when bytes were sent
}

// request is one request; Body is sent as it is.
type request struct {
	Method, Path, Type string
	Body               []byte
	Header             http.Header
}

func (c *client) send(r request) (*answer, error) {
	address := r.Path
	if !strings.Contains(strings.SplitN(address, "?", 2)[0], "://") {
		address = c.base + address
	}
	req, err := http.NewRequest(r.Method, address, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", c.accept)
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return &answer{Status: res.StatusCode, Header: res.Header, Body: body, Request: req}, err
}

// must is send where a failure of the transport fails the test.
func (c *client) must(t testing.TB, r request) *answer {
	t.Helper()
	a, err := c.send(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

func (c *client) get(t testing.TB, path string) *answer {
	t.Helper()
	return c.must(t, request{Method: "GET", Path: path})
}

func (c *client) json(method, path string, body any) (*answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.send(request{Method: method, Path: path, Type: jsonType, Body: raw})
}

// whoami asks whose session token it is.
func (c *client) whoami(token string) (*answer, error) {
	return c.send(request{Method: "GET", Path: "/sessions/whoami", Header: http.Header{"X-Session-Token": {token}}})
}

// person is what a native client knows after it has signed up or in.
type person struct {
	Email, ID, Token string
}

// refusal is an answer that is not the one that was hoped for.
type refusal struct {
	What   string
	Answer *answer
}

// Error shows the answer.
func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %d %.300s", r.What, r.Answer.Status, r.Answer.Body)
}

// statusOf is the status of a refusal, 0 for other errors.
func statusOf(err error) int {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.Answer.Status
	}
	return 0
}

func (c *client) signUp(email string) (person, error) {
	return c.journey("registration", email, map[string]any{
		"method": "password", "password": password, "traits": map[string]any{"email": email},
	})
}

func (c *client) signIn(email string) (person, error) {
	return c.journey("login", email, map[string]any{"method": "password", "password": password, "identifier": email})
}

// journey begins a native journey and submits its form.
func (c *client) journey(kind, email string, fields map[string]any) (person, error) {
	a, err := c.send(request{Method: "GET", Path: "/self-service/" + kind + "/api"})
	if err != nil {
		return person{}, err
	}
	if a.Status != http.StatusOK {
		return person{}, &refusal{"begin the " + kind, a}
	}
	if a, err = c.json("POST", "/self-service/"+kind+"?flow="+a.text("id"), fields); err != nil {
		return person{}, err
	}
	if a.Status != http.StatusOK {
		return person{}, &refusal{"submit the " + kind, a}
	}
	id := a.text("identity", "id")
	if id == "" {
		id = a.text("session", "identity", "id")
	}
	return person{Email: email, ID: id, Token: a.text("session_token")}, nil
}

// form is a journey that a client with cookies has begun.
type form struct{ ID, CSRF string }

// begin starts a journey with cookies and reads its form.
func (c *client) begin(t testing.TB, kind, query string) (form, *answer) {
	t.Helper()
	a := c.get(t, "/self-service/"+kind+"/browser"+query)
	id := a.text("id")
	if to, err := url.Parse(a.Header.Get("Location")); id == "" && err == nil {
		id = to.Query().Get("flow")
	}
	page := c.get(t, "/self-service/"+kind+"/flows?id="+id)
	return form{ID: id, CSRF: page.node("csrf_token")}, a
}

// text is a string in the answer by its path, "" when it is not there.
func (a *answer) text(path ...string) string {
	var at any
	if json.Unmarshal(a.Body, &at) != nil {
		return ""
	}
	for _, key := range path {
		object, _ := at.(map[string]any)
		at = object[key]
	}
	text, _ := at.(string)
	return text
}

// node is the value of a field of the form in the answer.
func (a *answer) node(name string) string {
	var page struct {
		UI struct {
			Nodes []struct {
				Attributes struct {
					Name  string
					Value any
				}
			}
		}
	}
	if json.Unmarshal(a.Body, &page) != nil {
		return ""
	}
	for _, n := range page.UI.Nodes {
		if n.Attributes.Name == name {
			text, _ := n.Attributes.Value.(string)
			return text
		}
	}
	return ""
}

// messages are the ids of the form's own messages.
func (a *answer) messages() (ids []int) {
	var page struct {
		UI struct {
			Messages []struct{ ID int }
		}
	}
	if json.Unmarshal(a.Body, &page) == nil {
		for _, m := range page.UI.Messages {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
