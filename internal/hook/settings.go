package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/errand"
)

// settings are the "config" of a web_hook.
type settings struct {
	ID           string            `json:"id"`
	URL          string            `json:"url"`
	Method       string            `json:"method"`
	Headers      map[string]string `json:"headers"`
	Body         string            `json:"body"` // address of a Jsonnet program
	CanInterrupt bool              `json:"can_interrupt"`
	Response     struct {
		Ignore bool `json:"ignore"`
		Parse  bool `json:"parse"`
	} `json:"response"`
	// EmitAnalyticsEvent is on when it is nil. Of what it switches, the two headers
	// by which a call can be told from its repetition are there.
	EmitAnalyticsEvent *bool `json:"emit_analytics_event"`
	Auth               *auth `json:"auth"`

	label   string          // what errors call it; "" for a web hook
	builtIn json.RawMessage // the body when Body is ""; nil for none
	sealed  bool            // what a body's program says of its failure may hold a secret
}

// auth is how a call proves itself: Type is "api_key" or "basic_auth".
type auth struct {
	Type   string     `json:"type"`
	Config authConfig `json:"config"`
}

type authConfig struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	In       string `json:"in"` // "header" or "cookie"
	User     string `json:"user"`
	Password string `json:"password"`
}

func read(raw json.RawMessage) (*settings, error) {
	var s settings
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, errors.New("web_hook: its config cannot be read") // err could quote it
	}
	return &s, nil
}

// name is how errors speak of the hook.
func (s *settings) name() string {
	if s.ID != "" {
		return fmt.Sprintf("web_hook %q", s.ID)
	}
	label := s.label
	if label == "" {
		label = "web_hook"
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return label
	}
	return fmt.Sprintf("%s to %s://%s", label, u.Scheme, u.Host)
}

// maxTarget is how long the name of a target may be, in bytes.
const maxTarget = 255

// target is the name of the system that is called: the hook's id, else scheme and
// host of its address.
func (s *settings) target() string {
	name := s.ID
	if u, err := url.Parse(s.URL); name == "" && err == nil {
		name = u.Scheme + "://" + u.Host
	}
	return strings.ToValidUTF8(name[:min(len(name), maxTarget)], "")
}

// listens says whether the answer may end the journey.
func (s *settings) listens() bool { return s.CanInterrupt || s.Response.Parse }

// bodiless says whether the call is sent as it is (RFC 9110, section 9.3.8).
func (s *settings) bodiless() bool { return strings.EqualFold(s.Method, http.MethodTrace) }

const (
	jsonBody = "application/json"
	formBody = "application/x-www-form-urlencoded"
)

// contentType is what the body is to be; JSON unless the headers say otherwise.
func (s *settings) contentType() (string, error) {
	for name, value := range s.Headers {
		if !strings.EqualFold(name, "Content-Type") {
			continue
		}
		switch kind, _, err := mime.ParseMediaType(value); {
		case err == nil && (kind == jsonBody || kind == formBody):
			return kind, nil
		default:
			return "", errors.New("its Content-Type is neither JSON nor a form")
		}
	}
	return jsonBody, nil
}

// dress puts the configured headers and credentials on a request.
func (s *settings) dress(req *http.Request, trigger uuid.UUID, attempt uuid.UUID) {
	errand.Identify(req.Header, trigger.String())
	if !s.bodiless() {
		req.Header.Set("Content-Type", jsonBody)
	}
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host // net/http sends this one, not the header
		req.Header.Del("Host")
	}
	if s.EmitAnalyticsEvent == nil || *s.EmitAnalyticsEvent {
		req.Header.Set("Ory-Webhook-Request-ID", attempt.String())
		req.Header.Set("Ory-Webhook-Trigger-ID", trigger.String())
	}
	if s.Auth == nil {
		return
	}
	switch c := s.Auth.Config; {
	case s.Auth.Type == "basic_auth":
		req.SetBasicAuth(c.User, c.Password)
	case c.In == "cookie":
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	default:
		req.Header.Set(textproto.CanonicalMIMEHeaderKey(c.Name), c.Value)
	}
}
