package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/problem"
)

// report is what a trial has shown (the contract's debug_payload).
type report struct {
	IDToken    *Claims         `json:"id_token_claims,omitempty"`
	UserInfo   json.RawMessage `json:"userinfo,omitempty"`
	Mapper     string          `json:"jsonnet_mapper_url,omitempty"`
	Input      *Claims         `json:"jsonnet_input,omitempty"`
	Output     json.RawMessage `json:"jsonnet_output,omitempty"`
	Stderr     string          `json:"jsonnet_stderr,omitempty"`
	Violations []violation     `json:"schema_validation_errors,omitempty"`
	Error      *failure        `json:"error,omitempty"`
}

type violation struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

type failure struct {
	Step    string `json:"step"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// fail notes where the trial ended. An operator who sets a provider up may read the
// cause: it holds neither secrets nor tokens.
func (r *report) fail(err error) *report {
	r.Error = &failure{Step: stepCallback, Reason: "callback_failed", Message: err.Error()}
	var f *fault
	if errors.As(err, &f) {
		r.Error.Step, r.Error.Reason = f.step, f.reason
	}
	if p := problem.As(err); p != nil && p.Reason != "" {
		r.Error.Message = p.Reason
		if cause := errors.Unwrap(p); cause != nil {
			r.Error.Message += " " + cause.Error()
		}
	}
	return r
}

// begin sends the browser to the provider that is tried out. A token that somebody has
// already proves nothing about the way to it.
func (m *Method) begin(ctx context.Context, x *flow.Exec, t *flow.Trial, in input) (flow.Result, error) {
	p, ok := providerOf(x.Setup, t.Provider)
	if !ok || in.Provider != t.Provider {
		return nil, unknownProvider()
	}
	if in.IDToken != "" {
		return nil, problem.BadRequest("A trial goes through the provider's own pages.")
	}
	return m.start(ctx, x, p, in.Upstream, nil)
}

// tryOut does what a sign-in of somebody unknown does and reports it. Nothing is
// looked up and nothing is stored.
func (m *Method) tryOut(ctx context.Context, x *flow.Exec, b flow.Back) any {
	r := &report{}
	if b.Stray != nil {
		return r.fail(at(stepState, "state_invalid", b.Stray))
	}
	a, err := m.arrived(ctx, x, b)
	if a != nil {
		r.IDToken, r.UserInfo = a.inToken, a.userinfo
	}
	if err != nil {
		return r.fail(err)
	}
	r.Mapper, r.Input = shownAddress(a.provider), a.claims
	r.Output, err = m.output(ctx, a, nil)
	if err != nil {
		r.Stderr = stderrOf(err)
		return r.fail(err)
	}
	mapped, err := readMapping(r.Output)
	if err != nil {
		return r.fail(err)
	}
	raw, err := json.Marshal(mapped.traits)
	if err != nil {
		return r.fail(err)
	}
	_, violations, err := x.Schema.Validate(raw)
	if err != nil {
		return r.fail(at(stepSchema, "traits_invalid", err))
	}
	for _, v := range violations {
		r.Violations = append(r.Violations, violation{strings.Join(v.Path, "."), v.Reason})
	}
	if len(violations) > 0 {
		return r.fail(at(stepSchema, "traits_invalid", problem.BadRequest("The identity schema does not accept the traits.")))
	}
	return r
}

// shownAddress is the address of a provider's mapper, cut where it is a whole program.
func shownAddress(p config.OIDCProvider) string {
	const most = 2000
	if len(p.MapperURL) > most {
		return p.MapperURL[:most]
	}
	return p.MapperURL
}

// stderrOf is what the program itself had to say.
func stderrOf(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}
