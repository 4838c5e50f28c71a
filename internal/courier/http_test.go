package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/jsonnet"
)

// service is an HTTP service that takes messages.
type service struct {
	*httptest.Server
	requests chan *http.Request // with their bodies read
	bodies   chan string
}

func newService(t *testing.T, handle http.HandlerFunc) service {
	t.Helper()
	s := service{requests: make(chan *http.Request, 10), bodies: make(chan string, 10)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.requests <- r
		s.bodies <- string(body)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func answer(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, "\x00garbage CANARY \xff")
	}
}

// program is an Evaluator that answers what it was told to.
type program struct {
	result string
	err    error
	seen   []jsonnet.Vars
}

func (p *program) Evaluate(_ context.Context, _ jsonnet.Program, v jsonnet.Vars) (json.RawMessage, error) {
	p.seen = append(p.seen, v)
	return json.RawMessage(p.result), p.err
}

// guarded is the client that a server has.
func guarded(s *config.Snapshot) (Doer, error) {
	return fetch.New(fetch.Options{Policy: fetch.Trusted, DisallowPrivate: s.Clients.HTTP.DisallowPrivateIPRanges, Timeout: RequestTimeout})
}

func newHTTPPost(t *testing.T, c config.RequestConfig, p *program, client func(*config.Snapshot) (Doer, error)) post {
	t.Helper()
	s := &config.Snapshot{}
	s.Courier.DeliveryStrategy = "http"
	s.Courier.HTTP.RequestConfig = c
	s.Courier.Channels = []config.Channel{{ID: "sms", RequestConfig: c}}
	d := NewDeliverers(DeliveryOptions{
		Client: client, Jsonnet: p,
		Load: func(context.Context, string) ([]byte, error) { return []byte("function(ctx) ctx"), nil },
	})
	t.Cleanup(d.Close)
	return post{d, &flow.Setup{Snapshot: s}}
}

func sms() Envelope {
	e := envelope("+4915112345678")
	e.Channel = identity.SMS
	return e
}

func letter() Letter {
	return Letter{
		Subject: "Hi", Text: "Code 333333", HTML: "<p>333333</p>", Data: map[string]any{"to": "a@b.test", "login_code": "333333"},
		Headers: map[string][]string{"User-Agent": {"Browser"}},
	}
}

func TestAMessageIsPostedWithTheBuiltInBody(t *testing.T) {
	s := newService(t, answer(http.StatusAccepted))
	p := newHTTPPost(t, config.RequestConfig{URL: s.URL + "/send?a=b"}, nil, guarded)
	for _, e := range []Envelope{envelope("a@b.test"), sms()} {
		if err := p.Deliver(t.Context(), p.setup, e, letter()); err != nil {
			t.Fatal(err)
		}
		r := <-s.requests
		if r.Method != http.MethodPost || r.URL.String() != "/send?a=b" || r.Header.Get("Content-Type") != jsonType {
			t.Errorf("the request is %s %s %v", r.Method, r.URL, r.Header)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(<-s.bodies), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"recipient": e.Recipient, "template_type": "login_code_valid", "message_type": string(e.Channel), "to": "a@b.test",
			"subject": "Hi", "body": "Code 333333", "login_code": "333333", "login_url": nil,
			"recovery_code": nil, "recovery_url": nil, "verification_code": nil, "verification_url": nil, "registration_code": nil, "registration_url": nil,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAProgramMakesTheBodyOutOfTheWholeMessage(t *testing.T) {
	s := newService(t, answer(http.StatusOK))
	made := &program{result: `{"text":"hello"}`}
	p := newHTTPPost(t, config.RequestConfig{URL: s.URL, Method: "put", Body: "base64://", Headers: map[string]string{"x-team": "1"}}, made, guarded)
	if err := p.Deliver(t.Context(), p.setup, envelope("a@b.test"), letter()); err != nil {
		t.Fatal(err)
	}
	bare := letter()
	bare.HTML, bare.Headers, bare.Data = "", nil, nil
	if err := p.Deliver(t.Context(), p.setup, sms(), bare); err != nil {
		t.Fatal(err)
	}
	if r := <-s.requests; r.Method != http.MethodPut || r.Header.Get("X-Team") != "1" || <-s.bodies != `{"text":"hello"}` {
		t.Errorf("the request is %s %v", r.Method, r.Header)
	}
	want := []string{
		`{"recipient":"a@b.test","subject":"Hi","body":"Code 333333","html_body":"<p>333333</p>","template_type":"login_code_valid","template_data":{"login_code":"333333","to":"a@b.test"},"message_type":"email","request_headers":{"User-Agent":["Browser"]}}`,
		`{"recipient":"+4915112345678","subject":"Hi","body":"Code 333333","template_type":"login_code_valid","template_data":{},"message_type":"sms","request_headers":{}}`,
	}
	for i, text := range want {
		var want, got any
		if err := errors.Join(json.Unmarshal([]byte(text), &want), json.Unmarshal(made.seen[i].TLA["ctx"], &got)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAFormIsSentWhereOneIsAskedFor(t *testing.T) {
	form := map[string]string{"content-type": formType + "; charset=utf-8"}
	s := newService(t, answer(http.StatusNoContent))
	p := newHTTPPost(t, config.RequestConfig{URL: s.URL, Headers: form, Body: "base64://"}, &program{result: `{"To":"+49 1","Body":"a&b=c"}`}, guarded)
	if err := p.Deliver(t.Context(), p.setup, sms(), letter()); err != nil {
		t.Fatal(err)
	}
	if got, err := url.ParseQuery(<-s.bodies); err != nil || got.Get("To") != "+49 1" || got.Get("Body") != "a&b=c" || len(got) != 2 {
		t.Errorf("the form is %v (%v)", got, err)
	}
	builtIn := newHTTPPost(t, config.RequestConfig{URL: s.URL, Headers: form}, nil, guarded)
	if err := builtIn.Deliver(t.Context(), builtIn.setup, sms(), letter()); err != nil {
		t.Fatal(err)
	}
	if got, err := url.ParseQuery(<-s.bodies); err != nil || got.Get("login_code") != "333333" || got.Has("recovery_code") {
		t.Errorf("the form is %v (%v)", got, err)
	}
	for _, result := range []string{`{"a":1}`, `{"a":{"b":"c"}}`, `["a"]`, `"CANARY"`} {
		bad := newHTTPPost(t, config.RequestConfig{URL: s.URL, Headers: form, Body: "base64://"}, &program{result: result}, guarded)
		if err := bad.Deliver(t.Context(), bad.setup, sms(), letter()); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s was sent as a form: %v", result, err)
		}
	}
}

func TestTheServiceLearnsWhoAsks(t *testing.T) {
	s := newService(t, answer(http.StatusOK))
	auth := func(kind string, change func(*config.RequestAuth)) *config.RequestAuth {
		a := &config.RequestAuth{Type: kind}
		change(a)
		return a
	}
	for name, c := range map[string]struct {
		auth *config.RequestAuth
		want func(*http.Request) bool
	}{
		"basic": {auth("basic_auth", func(a *config.RequestAuth) { a.Config.User, a.Config.Password = "me", "pass" }), func(r *http.Request) bool {
			user, password, ok := r.BasicAuth()
			return ok && user == "me" && password == "pass"
		}},
		"a key in a header": {auth("api_key", func(a *config.RequestAuth) { a.Config.In, a.Config.Name, a.Config.Value = "header", "x-key", "k" }), func(r *http.Request) bool {
			return r.Header.Get("X-Key") == "k"
		}},
		"a key in a cookie": {auth("api_key", func(a *config.RequestAuth) { a.Config.In, a.Config.Name, a.Config.Value = "cookie", "key", "k" }), func(r *http.Request) bool {
			c, err := r.Cookie("key")
			return err == nil && c.Value == "k"
		}},
		"nobody": {nil, func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }},
	} {
		p := newHTTPPost(t, config.RequestConfig{URL: s.URL, Auth: c.auth}, nil, guarded)
		if err := p.Deliver(t.Context(), p.setup, sms(), letter()); err != nil {
			t.Fatal(err)
		}
		if r := <-s.requests; !c.want(r) {
			t.Errorf("%s: the request has %v", name, r.Header)
		}
	}
}

func TestAnswersAreToldApart(t *testing.T) {
	for status, want := range map[int]string{
		200: "sent", 201: "sent", 202: "sent", 204: "sent", 226: "sent", 304: "later", 400: "never", 401: "never", 404: "never", 410: "never", 408: "later", 422: "never", 429: "later", 500: "later", 503: "later",
	} {
		s := newService(t, answer(status))
		p := newHTTPPost(t, config.RequestConfig{URL: s.URL}, nil, guarded)
		err := p.Deliver(t.Context(), p.setup, sms(), letter())
		got := "sent"
		if err != nil {
			got = map[bool]string{true: "never", false: "later"}[Permanent(err)]
			if strings.Contains(err.Error(), "CANARY") || !strings.Contains(err.Error(), fmt.Sprint(status)) {
				t.Errorf("the error is %v", err)
			}
		}
		if noMailbox(err) != (status == 410) {
			t.Errorf("%d: no mailbox is %t", status, noMailbox(err))
		}
		if got != want {
			t.Errorf("an answer of %d means %s, want %s", status, got, want)
		}
		if n := len(s.requests); n != 1 {
			t.Errorf("an answer of %d was asked for %d times", status, n)
		}
	}
}

func TestARedirectNeitherLosesTheMessageNorCarriesItAway(t *testing.T) {
	elsewhere := newService(t, answer(http.StatusOK))
	for name, c := range map[string]struct {
		status int
		target string // "" is the service's own /there
		sent   bool
	}{
		"kept on the same service":           {http.StatusTemporaryRedirect, "", true},
		"turned into a GET":                  {http.StatusFound, "", false},
		"to another origin with the message": {http.StatusPermanentRedirect, elsewhere.URL, false},
		"to another origin without it":       {http.StatusSeeOther, elsewhere.URL, false},
		"to a private address":               {http.StatusTemporaryRedirect, "http://169.254.169.254/latest", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/there" {
					return
				}
				target := c.target
				if target == "" {
					target = "/there"
				}
				http.Redirect(w, r, target, c.status)
			})
			p := newHTTPPost(t, config.RequestConfig{URL: s.URL}, nil, guarded)
			err := p.Deliver(t.Context(), p.setup, sms(), letter())
			if (err == nil) != c.sent || Permanent(err) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if len(elsewhere.requests) > 0 {
		t.Error("another origin was asked")
	}
}

func TestPrivateServicesAreNotReachedWhenThatIsForbidden(t *testing.T) {
	s := newService(t, answer(http.StatusOK))
	p := newHTTPPost(t, config.RequestConfig{URL: s.URL}, nil, guarded)
	p.setup.Clients.HTTP.DisallowPrivateIPRanges = true
	if err := p.Deliver(t.Context(), p.setup, sms(), letter()); !errors.Is(err, fetch.ErrForbiddenAddress) {
		t.Errorf("the error is %v", err)
	}
	if len(s.requests) > 0 {
		t.Error("the service was asked")
	}
}

func TestAServiceThatCannotBeReachedMayBeBack(t *testing.T) {
	unreachable := func(*config.Snapshot) (Doer, error) {
		return fetch.New(fetch.Options{Policy: fetch.Trusted, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") }})
	}
	p := newHTTPPost(t, config.RequestConfig{URL: "https://sms.test/CANARY?key=CANARY"}, nil, unreachable)
	err := p.Deliver(t.Context(), p.setup, sms(), letter())
	if err == nil || Permanent(err) || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("the error is %v", err)
	}
}

func TestAProgramsErrorIsToldWithoutTheMessage(t *testing.T) {
	s := newService(t, answer(http.StatusOK))
	for name, c := range map[string]struct {
		err       error
		permanent bool
	}{
		"cancel":        {&jsonnet.Error{Kind: jsonnet.Runtime, Message: "cancel", Raised: true}, true},
		"its own error": {&jsonnet.Error{Kind: jsonnet.Runtime, Message: "CANARY", Raised: true, Line: 3}, false},
		"a timeout":     {&jsonnet.Error{Kind: jsonnet.Timeout, Message: "too slow"}, false},
		"not raised":    {&jsonnet.Error{Kind: jsonnet.Runtime, Message: "cancel"}, false},
	} {
		p := newHTTPPost(t, config.RequestConfig{URL: s.URL, Body: "base64://"}, &program{err: c.err}, guarded)
		err := p.Deliver(t.Context(), p.setup, sms(), letter())
		if err == nil || Permanent(err) != c.permanent || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if len(s.requests) > 0 {
		t.Error("the service was asked")
	}
}

func TestAChannelThatIsNotConfiguredIsNamedAndMayBeAdded(t *testing.T) {
	p := newPost(t, "smtp://mail.test/", nil)
	err := p.Deliver(t.Context(), p.setup, sms(), letter())
	if err == nil || Permanent(err) || !strings.Contains(err.Error(), "courier.channels") {
		t.Errorf("the error is %v", err)
	}
}

func TestARequestThatCannotWorkIsFoundAtTheStart(t *testing.T) {
	for name, c := range map[string]config.RequestConfig{
		"no address":             {},
		"another protocol":       {URL: "ftp://CANARY/"},
		"no host":                {URL: "http:CANARY"},
		"another kind of body":   {URL: "https://sms.test/", Headers: map[string]string{"Content-Type": "text/plain"}},
		"a body that is missing": {URL: "https://sms.test/", Body: "https://missing.test/"},
	} {
		s := &config.Snapshot{}
		s.Courier.SMTP = config.SMTP{ConnectionURI: "smtp://mail.test/", FromAddress: "a@b.test"}
		s.Courier.Channels = []config.Channel{{ID: "sms", RequestConfig: c}}
		d := NewDeliverers(DeliveryOptions{Client: guarded, Load: noDocuments})
		if err := d.Prepare(t.Context(), s); err == nil || !strings.Contains(err.Error(), "courier.channels") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestAProgramThatCannotRunIsFoundAtTheStartWithItsPlace(t *testing.T) {
	for address, place := range map[string]string{"base64://": "request_config.body:2", "file:///etc/sms.jsonnet": "/etc/sms.jsonnet:2"} {
		for _, text := range []string{"function(ctx)\n{", "function(ctx)\n{to: nobody}", "function(ctx)\nimport 'x'"} {
			s := &config.Snapshot{}
			s.Courier.Channels = []config.Channel{{ID: "sms", RequestConfig: config.RequestConfig{URL: "https://sms.test/", Body: address}}}
			load := func(context.Context, string) ([]byte, error) { return []byte(text), nil }
			err := NewDeliverers(DeliveryOptions{Client: guarded, Load: load}).Prepare(t.Context(), s)
			if err == nil || !strings.Contains(err.Error(), "courier.channels") || !strings.Contains(err.Error(), place) {
				t.Errorf("%q: the error is %v, want the place %s", text, err, place)
			}
		}
	}
}
