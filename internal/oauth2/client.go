package oauth2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/problem"
)

const (
	// Timeout bounds one attempt, Retries are those after the first one, and MaxAnswer
	// (bytes) is what is read of an answer: they are for the client that is given.
	Timeout    = 10 * time.Second
	Retries    = 2
	MinBackoff = 100 * time.Millisecond
	MaxAnswer  = 1 << 20

	// patience bounds all attempts of one call: somebody waits in front of a form.
	patience = 25 * time.Second
	// maxHint is how much (bytes) of the server's own words is passed on.
	maxHint = 512

	path = "/admin/oauth2/auth/requests/login"
)

// Request is what the OAuth2 server knows about a login that waits.
type Request struct {
	Skip       bool   // the server knows the person: no form is needed
	RequestURL string // with which the OAuth2 client began
	ClientID   string // of the OAuth2 client
	// Raw is the whole object, unknown members included.
	Raw json.RawMessage
}

// Acceptance is what the OAuth2 server is told about the person who signed in.
type Acceptance struct {
	Subject     uuid.UUID
	Session     uuid.UUID
	Remember    bool
	RememberFor time.Duration
	Methods     []string // in the order in which they were used, repetitions included
}

// Doer sends a request and gives the whole answer. It follows no redirect.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Client speaks with the configured server. Safe for concurrent use.
type Client struct {
	build func(*config.Snapshot) (Doer, error)

	mu   sync.Mutex
	made *config.Snapshot
	doer Doer
}

// New makes a client. build makes what sends requests for a configuration; it is
// called once per configuration.
func New(build func(*config.Snapshot) (Doer, error)) *Client { return &Client{build: build} }

// LoginRequest looks a login up. Errors are *problem.Error: 400 when the server does
// not know the challenge or has seen it answered, 500 for everything else.
func (c *Client) LoginRequest(ctx context.Context, s *config.Snapshot, challenge string) (*Request, error) {
	status, body, err := c.call(ctx, s, http.MethodGet, path, challenge, nil)
	if err != nil {
		return nil, unreachable(err)
	}
	if status >= 300 || status < 200 {
		return nil, refused(status, body, lookupStatus(status))
	}
	var known struct {
		Challenge  *string `json:"challenge"`
		Skip       bool    `json:"skip"`
		RequestURL string  `json:"request_url"`
		Client     struct {
			ID string `json:"client_id"`
		} `json:"client"`
	}
	if err := json.Unmarshal(body, &known); err != nil || known.Challenge == nil {
		return nil, unreachable(errors.New("the OAuth2 server's answer is not a login request"))
	}
	return &Request{Skip: known.Skip, RequestURL: known.RequestURL, ClientID: known.Client.ID, Raw: body}, nil
}

// AcceptLogin tells the server who has signed in and gives the address at which the
// browser goes on. Errors are *problem.Error of status 500.
func (c *Client) AcceptLogin(ctx context.Context, s *config.Snapshot, challenge string, a Acceptance) (string, error) {
	methods := a.Methods
	if methods == nil {
		methods = []string{}
	}
	sent, err := json.Marshal(acceptWire{
		Subject: a.Subject.String(), Session: a.Session.String(),
		Remember: a.Remember, RememberFor: int64(a.RememberFor / time.Second), AMR: methods,
	})
	if err != nil {
		return "", problem.Internal(err)
	}
	status, body, err := c.call(ctx, s, http.MethodPut, path+"/accept", challenge, sent)
	if err != nil {
		return "", unreachable(err)
	}
	if status >= 300 || status < 200 {
		return "", refused(status, body, 500)
	}
	var answer struct {
		RedirectTo string `json:"redirect_to"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", unreachable(errors.New("the OAuth2 server's answer is not JSON"))
	}
	to, err := url.Parse(answer.RedirectTo)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return "", unreachable(errors.New("the OAuth2 server does not say where the browser goes on"))
	}
	return answer.RedirectTo, nil
}

// acceptWire is the body of an acceptance: these members and no others.
type acceptWire struct {
	Subject     string   `json:"subject"`
	Session     string   `json:"identity_provider_session_id"`
	Remember    bool     `json:"remember"`
	RememberFor int64    `json:"remember_for"` // seconds
	AMR         []string `json:"amr"`          // RFC 8176 has other words; these are the methods' names
}

// call makes one call.
func (c *Client) call(ctx context.Context, s *config.Snapshot, method, below, challenge string, body []byte) (int, []byte, error) {
	doer, err := c.sender(s)
	if err != nil {
		return 0, nil, err
	}
	address, err := url.Parse(s.OAuth2Provider.URL)
	if err != nil {
		return 0, nil, errors.New("oauth2_provider.url cannot be read")
	}
	address.Path, address.RawPath = strings.TrimSuffix(address.Path, "/")+below, ""
	query := address.Query()
	query.Set("login_challenge", challenge)
	address.RawQuery, address.Fragment = query.Encode(), ""
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address.String(), reader)
	if err != nil {
		return 0, nil, errors.New("the call to the OAuth2 server cannot be made") // the cause quotes the address
	}
	for name, value := range s.OAuth2Provider.Headers {
		if strings.EqualFold(name, "Host") {
			req.Host = value // net/http reads it there only
			continue
		}
		req.Header.Set(name, value)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := doer.Do(req)
	if err != nil {
		var quoting *url.Error
		if errors.As(err, &quoting) {
			err = quoting.Err // it carries the whole address, challenge included
		}
		return 0, nil, fmt.Errorf("reach the OAuth2 server: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("read the OAuth2 server's answer: %w", err)
	case len(answer) > MaxAnswer:
		return 0, nil, errors.New("the OAuth2 server's answer is too large")
	}
	return resp.StatusCode, answer, nil
}

// sender is what sends requests for a configuration. Only the latest is kept.
func (c *Client) sender(s *config.Snapshot) (Doer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doer != nil && c.made == s {
		return c.doer, nil
	}
	doer, err := c.build(s)
	if err != nil {
		return nil, err
	}
	c.doer, c.made = doer, s
	return doer, nil
}

// lookupStatus says whose fault it is that a login request was not given out.
func lookupStatus(answered int) int {
	if answered >= 500 || answered < 200 {
		return 500
	}
	return 400
}

func unreachable(cause error) *problem.Error {
	return problem.New(500, "The OAuth2 server could not be asked.").With(cause)
}

// refused explains an answer that is not a success (section 15.2 of the HTTP
// reference). What a server says that fails is nobody's business.
func refused(status int, body []byte, as int) *problem.Error {
	cause := fmt.Errorf("the OAuth2 server answered %d", status)
	if status >= 500 {
		return unreachable(cause)
	}
	p := problem.New(as, "The OAuth2 server did not accept the login challenge: it may be unknown, over, or used already. Go back to the application and start again.").
		Detail("status_code", status).With(cause)
	var said struct {
		Hint string `json:"error_hint"`
	}
	if json.Unmarshal(body, &said) == nil && said.Hint != "" && len(said.Hint) <= maxHint {
		p = p.Detail("oauth2_error_hint", said.Hint)
	}
	return p
}
