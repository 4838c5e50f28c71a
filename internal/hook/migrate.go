package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

// maxVerdict (bytes) is what is read of an answer about a password.
const maxVerdict = 1 << 10

// match is the status in an answer that says yes.
const match = "password_match"

// question is what the old system is asked when no program makes the body, and what
// the program is told besides the journey.
type question struct {
	Identifier string `json:"identifier"`
	Password   string `json:"password"`
}

// Knows asks the system that passwords come from (migrate_hook); see
// password.Origin. An answer other than yes or no is a 502, as is none.
func (r *Runner) Knows(ctx context.Context, set *flow.Setup, about flow.HookCall, identifier, password string) (bool, error) {
	asked := question{identifier, password}
	s, err := migration(set.SelfService.Methods.Password.Config.MigrateHook.Config, asked)
	if err != nil {
		return false, problem.Internal(err)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	known, err := r.consult(waiting, set, s, about, asked)
	if ctx.Err() != nil {
		return false, fmt.Errorf("%s: %w", s.name(), ctx.Err()) // nobody waits any more
	}
	return known, err
}

func (r *Runner) consult(ctx context.Context, set *flow.Setup, s *settings, about flow.HookCall, asked question) (bool, error) {
	known, err := r.tellQuestion(set, s, about, asked)
	if err != nil {
		return false, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	body, err := r.body(ctx, set, s, known)
	if errors.Is(err, errCancelled) {
		return false, nil // the program knows already that this is not for the old system
	}
	if err != nil {
		return false, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	client, err := r.keptFor(set).client()
	if err != nil {
		return false, problem.Internal(fmt.Errorf("%s: %w", s.name(), err))
	}
	res, err := r.send(ctx, set, client, s, body)
	if err != nil {
		return false, improper(fmt.Errorf("%s: %w", s.name(), err))
	}
	return verdict(s, res)
}

// tellQuestion is what a body's program is told; nil when there is none.
func (r *Runner) tellQuestion(set *flow.Setup, s *settings, about flow.HookCall, asked question) (json.RawMessage, error) {
	if s.Body == "" {
		return nil, nil
	}
	about.Session = nil // whoever signs in has none that matters
	return json.Marshal(struct {
		knowledge
		question
	}{r.known(set, about), asked})
}

// verdict reads a yes or a no.
func verdict(s *settings, res *http.Response) (bool, error) {
	defer func() { _ = res.Body.Close() }()
	if res.Request != nil && res.Request.Method != s.Method {
		return false, improper(fmt.Errorf("%s: redirects, and the body got lost on the way", s.name()))
	}
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden:
		return false, nil
	default:
		return false, improper(fmt.Errorf("%s: answered %d", s.name(), res.StatusCode))
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxVerdict))
	if err != nil {
		return false, improper(fmt.Errorf("%s: its answer cannot be read", s.name()))
	}
	var said struct {
		Status string `json:"status"`
	}
	// What cannot be understood is no yes.
	return json.Unmarshal(raw, &said) == nil && said.Status == match, nil
}

// migration makes the settings of the question out of the configuration.
func migration(c config.RequestConfig, asked question) (*settings, error) {
	builtIn, err := json.Marshal(asked)
	if err != nil {
		return nil, errors.New("the question about a password cannot be written down")
	}
	s := &settings{
		URL: c.URL, Method: http.MethodPost, Headers: c.Headers, Body: c.Body, EmitAnalyticsEvent: &c.EmitAnalyticsEvent,
		label: "migrate_hook", builtIn: builtIn, sealed: true,
	}
	if c.Auth != nil {
		s.Auth = &auth{Type: c.Auth.Type, Config: authConfig(c.Auth.Config)}
	}
	return s, nil
}
