package captcha

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Service is somebody else who tells people from robots.
type Service struct {
	Provider  string // turnstile, hcaptcha, recaptcha_v2 or recaptcha_v3
	URL       string // "" for the provider's own
	SiteKey   string
	Secret    string
	Hostnames []string // pages on which an answer may have been given
	Action    string   // what the answer was given for, where providers know that
	MinScore  float64  // of reCAPTCHA v3
	Timeout   time.Duration
}

// Format keeps the secret out of logs.
func (s Service) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Provider) }

// provider is what differs between services. All speak the form of siteverify.
type provider struct {
	url     string
	action  bool // the answer says what it was given for
	score   bool // ... and how sure the service is
	sitekey bool // the question names the site key
}

// Documentation: https://developers.cloudflare.com/turnstile/get-started/server-side-validation/,
// https://docs.hcaptcha.com/#verify-the-user-response-server-side,
// https://developers.google.com/recaptcha/docs/verify and …/docs/v3.
var providers = map[string]provider{
	"turnstile":    {url: "https://challenges.cloudflare.com/turnstile/v0/siteverify", action: true},
	"hcaptcha":     {url: "https://api.hcaptcha.com/siteverify", sitekey: true},
	"recaptcha_v2": {url: "https://www.google.com/recaptcha/api/siteverify"},
	"recaptcha_v3": {url: "https://www.google.com/recaptcha/api/siteverify", action: true, score: true},
}

// Client sends requests: see fetch.Client.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// Asker asks services.
type Asker struct{ Client Client }

// verdict is the answer of a service.
type verdict struct {
	Success  bool     `json:"success"`
	Hostname string   `json:"hostname"`
	Action   string   `json:"action"`
	Score    float64  `json:"score"`
	Errors   []string `json:"error-codes"`
}

// maxVerdict is how much of an answer is read, in bytes.
const maxVerdict = 64 << 10

// Ask lets a service judge an answer. The client's address is not told. Errors are
// ErrWrong, ErrForeign, ErrUsed, and ErrUnreachable also for a service that does not take
// the secret.
func (a Asker) Ask(ctx context.Context, s Service, answer string) error {
	p, ok := providers[s.Provider]
	if !ok || len(answer) > maxAnswer {
		return ErrWrong
	}
	v, err := a.verdict(ctx, s, p, answer)
	if err != nil {
		return errors.Join(ErrUnreachable, err)
	}
	if !v.Success {
		return v.refusal()
	}
	switch {
	case !slices.ContainsFunc(s.Hostnames, func(h string) bool { return strings.EqualFold(h, v.Hostname) }),
		p.action && v.Action != s.Action:
		return ErrForeign
	case p.score && v.Score < s.MinScore:
		return ErrWrong
	}
	return nil
}

func (a Asker) verdict(ctx context.Context, s Service, p provider, answer string) (*verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	form := url.Values{"secret": {s.Secret}, "response": {answer}}
	if p.sitekey {
		form.Set("sitekey", s.SiteKey)
	}
	to := p.url
	if s.URL != "" {
		to = s.URL
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 500 {
		return nil, fmt.Errorf("the service answers %d", resp.StatusCode)
	}
	var v verdict
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxVerdict)).Decode(&v); err != nil {
		return nil, fmt.Errorf("the service answers %d, not in JSON", resp.StatusCode)
	}
	return &v, nil
}

// refusal is why a service did not accept an answer. What is no fault of the client's
// makes the service as good as out of reach.
func (v *verdict) refusal() error {
	for _, code := range v.Errors {
		switch code {
		case "missing-input-secret", "invalid-input-secret", "bad-request", "internal-error", "sitekey-secret-mismatch":
			return fmt.Errorf("%w: it says %s", ErrUnreachable, code)
		case "timeout-or-duplicate", "invalid-or-already-seen-response", "already-seen-response", "expired-input-response":
			return ErrUsed
		}
	}
	return ErrWrong
}
