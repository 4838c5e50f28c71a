package link

import (
	"context"
	"encoding/json"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

// method is the name of the method in forms.
const method = "link"

// parameter is what links carry the secret in.
const parameter = "token"

// length is how many characters a secret has: 190 bits, which nobody guesses.
const length = 32

// Steps are the method's steps.
func Steps() []*flow.Step {
	return []*flow.Step{openRecovery(), recovery(), openVerification(), verification()}
}

func enabled(s *flow.Setup) bool { return s.SelfService.Methods.Link.Enabled }

func lifespan(s *flow.Setup) time.Duration { return s.SelfService.Methods.Link.Config.Lifespan }

// emailInput asks for a link.
type emailInput struct {
	Email string `json:"email"`
}

// tokenInput is the secret that a link carries.
type tokenInput struct {
	Token string `json:"token"`
}

// facts are what the method remembers of a flow.
type facts struct {
	Address string    `json:"address,omitempty"` // as it was typed
	Until   time.Time `json:"until"`             // when the last link ends
	Again   bool      `json:"again,omitempty"`   // another journey asked: its form has a button for another link
}

func factsOf(raw json.RawMessage) (f facts, err error) {
	if raw != nil {
		err = json.Unmarshal(raw, &f)
	}
	return f, err
}

// opened is a step that a link in a mail leads to.
func opened(k flow.Kind, submit func(context.Context, *flow.Exec, tokenInput) (flow.Result, error)) *flow.Step {
	return flow.Of(flow.Typed[tokenInput]{
		Spec: flow.Spec{
			Kind: k, Method: method, Group: ui.Link,
			Link:    parameter,
			CSRF:    flow.CSRFRule{Exempt: "a link in a mail is opened in any browser; its secret is what a token could prove, and more"},
			Enabled: enabled,
			Answers: func(_ *flow.Flow, field func(string) string) bool { return field("token") != "" },
		},
		Submit: submit,
	})
}

// render is the form with which a link is asked for; it stays when one was sent.
func render(_ context.Context, v flow.View) (ui.Nodes, error) {
	f, err := factsOf(v.Facts)
	if err != nil {
		return nil, err
	}
	email := ui.Input{Name: "email", Type: ui.InputEmail, Required: true}
	if f.Address != "" {
		email.Value = f.Address
	}
	nodes := ui.Nodes{
		email.Node(ui.Link).Labelled(ui.New(ui.LabelEmail)),
		ui.Submit(ui.Link, "method", method, ui.New(ui.LabelContinue)),
	}
	if f.Again {
		nodes = append(nodes, ui.Submit(ui.Code, "email", f.Address, ui.New(ui.LabelResendCode)))
	}
	return nodes, nil
}

// issue makes a secret for an address, and the message that carries the link.
func issue(x *flow.Exec, purpose, template, key string, a identity.Address, i *identity.Identity) flow.Effects {
	codes, token := secretFor(x, purpose, flow.CodeFor{Address: a, Identity: i.ID})
	o := x.Letter(template, a).About(x.Setup, i, lifespan(x.Setup))
	o.Data[key] = x.Setup.LinkTo(x.Flow, parameter, token)
	return flow.Effects{Codes: codes, Messages: []flow.Outgoing{o}}
}

// secretFor makes a secret. Links that were sent before stay good: they may be
// on their way still.
func secretFor(x *flow.Exec, purpose string, meant flow.CodeFor) (*flow.Codes, string) {
	token := x.Secret(length)
	return &flow.Codes{
		Purpose: purpose, Beside: true, ExpiresAt: x.Now.Add(lifespan(x.Setup)),
		List: []flow.Code{{Digits: token, For: meant}},
	}, token
}

// pretend does the work of issue for an address that nobody has, and tells
// whoever reads it where that is wanted.
func pretend(x *flow.Exec, purpose, template, typed string, wanted bool) flow.Effects {
	codes, _ := secretFor(x, purpose, flow.CodeFor{})
	effects := flow.Effects{Codes: codes}
	if plain, err := identity.StrictEmail(typed); err == nil && wanted {
		effects.Messages = []flow.Outgoing{x.Letter(template, identity.Address{Value: plain, Via: identity.Email})}
	}
	return effects
}

func sent(x *flow.Exec, f facts, note ui.MessageID, effects flow.Effects) flow.Await {
	f.Until = effects.Codes.ExpiresAt
	return flow.Await{State: flow.SentEmail, Form: []ui.Message{ui.New(note)}, Facts: f, Effects: effects}
}

// refused gives up a flow whose link is not good (any more).
func refused(x *flow.Exec, o flow.Outcome, invalid, expired ui.MessageID) (flow.Result, error) {
	if o != flow.Expired {
		return flow.Replaced{Why: ui.New(invalid)}, nil
	}
	f, err := factsOf(x.Flow.Facts[method])
	if err != nil {
		return nil, err
	}
	return flow.Replaced{Why: ui.New(expired, ui.Moment("expired_at", f.Until)...)}, nil
}

func lacking(field string) flow.Rejected {
	return flow.DenyField(field, ui.New(ui.ValidationRequired, "property", field))
}
