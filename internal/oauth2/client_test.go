package oauth2_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/oauth2"
	"cardea/internal/problem"
)

const canary = "CANARY-challenge"

// once is a client without patience that follows no redirect.
func once(*config.Snapshot) (oauth2.Doer, error) {
	return &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

func snapshot(address string) *config.Snapshot {
	return &config.Snapshot{OAuth2Provider: config.OAuth2Provider{URL: address, Headers: map[string]string{"X-Key": "CANARY-key", "Host": "hydra.test"}}}
}

// told is what may be said of an error: nothing of the challenge or the headers.
func told(t *testing.T, err error) *problem.Error {
	t.Helper()
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want a problem", err)
	}
	if strings.Contains(err.Error(), "CANARY") {
		t.Errorf("the error tells a secret: %v", err)
	}
	return p
}

func TestALoginRequestThatIsNotGivenOutSaysWhoseFaultItIs(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   int
		hint   any
		detail any
	}{
		"unknown":            {404, `{"error":"x","error_hint":"check the challenge"}`, 400, "check the challenge", 404},
		"used":               {410, `{"redirect_to":"https://elsewhere.test/"}`, 400, nil, 410},
		"not allowed":        {401, `nonsense`, 400, nil, 401},
		"a redirect":         {302, ``, 400, nil, 302},
		"a hint that is big": {404, `{"error_hint":"` + strings.Repeat("x", 600) + `"}`, 400, nil, 404},
		"it fails":           {500, `{"error_hint":"inside"}`, 500, nil, nil},
		"it is away":         {503, ``, 500, nil, nil},
		"garbage":            {200, `<html>`, 500, nil, nil},
		"nothing":            {200, ``, 500, nil, nil},
		"another object":     {200, `{"redirect_to":"x"}`, 500, nil, nil},
		"a list":             {200, `[]`, 500, nil, nil},
		"a huge answer":      {200, `{"challenge":"` + strings.Repeat("x", oauth2.MaxAnswer) + `"}`, 500, nil, nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				if c.status == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			_, err := oauth2.New(once).LoginRequest(t.Context(), snapshot(server.URL), canary)
			p := told(t, err)
			if p.Status != c.want || p.Details["oauth2_error_hint"] != c.hint || p.Details["status_code"] != c.detail {
				t.Errorf("got %d with %v, want %d with %v and %v", p.Status, p.Details, c.want, c.hint, c.detail)
			}
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

func TestALoginRequestIsPassedOnAsItCame(t *testing.T) {
	const object = `{"challenge":"c","skip":true,"request_url":"https://hydra.test/?a=b","client":{"client_id":"app"},"new":[1]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.URL.Path != "/below/admin/oauth2/auth/requests/login" || r.URL.Query().Get("login_challenge") != "a&b=c" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		if r.Header.Get("X-Key") != "CANARY-key" || r.Host != "hydra.test" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("sent %v to %s", r.Header, r.Host)
		}
		_, _ = io.WriteString(w, object)
	}))
	defer server.Close()
	got, err := oauth2.New(once).LoginRequest(t.Context(), snapshot(server.URL+"/below/"), "a&b=c")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Skip || got.RequestURL != "https://hydra.test/?a=b" || string(got.Raw) != object {
		t.Errorf("got %+v", got)
	}
}

func TestAnAcceptanceSaysWhoSignedInAndNothingElse(t *testing.T) {
	subject, session := uuid.New(), uuid.New()
	for name, methods := range map[string][]string{"two methods": {"password", "totp"}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var body map[string]any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					t.Error(err)
				}
				amr, list := body["amr"].([]any)
				if !list || len(amr) != len(methods) || len(body) != 5 || body["subject"] != subject.String() ||
					body["identity_provider_session_id"] != session.String() || body["remember"] != true || body["remember_for"] != 90.0 {
					t.Errorf("sent %v", body)
				}
				if r.Method != "PUT" || r.URL.Path != "/admin/oauth2/auth/requests/login/accept" || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("asked %s %s", r.Method, r.URL)
				}
				_, _ = io.WriteString(w, `{"redirect_to":"https://hydra.test/go?v=1"}`)
			}))
			defer server.Close()
			to, err := oauth2.New(once).AcceptLogin(t.Context(), snapshot(server.URL), canary, oauth2.Acceptance{
				Subject: subject, Session: session, Remember: true, RememberFor: 90 * time.Second, Methods: methods,
			})
			if err != nil || to != "https://hydra.test/go?v=1" {
				t.Errorf("got %q, %v", to, err)
			}
		})
	}
}

func TestAnAcceptanceThatFailsIsNobodysFaultInTheBrowser(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"unknown":              {404, `{"error_hint":"gone"}`},
		"it fails":             {500, ``},
		"garbage":              {200, `nonsense`},
		"no address":           {200, `{}`},
		"an address of ours":   {200, `{"redirect_to":"/login"}`},
		"a script":             {200, `{"redirect_to":"javascript:alert(1)"}`},
		"a host without rules": {200, `{"redirect_to":"//hydra.test/"}`},
		"a redirect":           {307, `{"redirect_to":"https://hydra.test/"}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			_, err := oauth2.New(once).AcceptLogin(t.Context(), snapshot(server.URL), canary, oauth2.Acceptance{})
			if p := told(t, err); p.Status != 500 {
				t.Errorf("got %d", p.Status)
			}
		})
	}
}

func TestAServerThatIsSilentIsNotWaitedForLongerThanTheRequest(t *testing.T) {
	held := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-held:
		}
	}))
	defer server.Close()
	defer close(held)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := oauth2.New(once).LoginRequest(ctx, snapshot(server.URL), canary)
	if p := told(t, err); p.Status != 500 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %d: %v", p.Status, err)
	}
}
