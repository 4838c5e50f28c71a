package code

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/ui"
)

const registrationPurpose = "registration code"

type registrationInput struct {
	Code   string `json:"code"`
	Resend string `json:"resend"`
}

// registrationFacts are the traits that codes were sent for, by their dotted
// names: who signs up has to stay the same until the code is there.
type registrationFacts struct {
	Traits map[string]json.RawMessage `json:"traits,omitempty"`
}

// registration signs up with a code instead of a credential that has to be kept.
func registration() *flow.Step {
	return flow.Of(flow.Typed[registrationInput]{
		Spec: flow.Spec{
			Kind: flow.Registration, Method: method, Group: ui.Code,
			Traits:  true,
			Enabled: passwordless,
			Guess:   &flow.Guess{Field: "code", Secret: flow.SecretCode, About: registrationAbout},
		},
		Render: renderRegistration,
		Submit: submitRegistration,
	})
}

// registrationAbout is the first address that codes are sent to.
func registrationAbout(x *flow.Exec, _ map[string]any) (string, error) {
	if x.Derived == nil || len(x.Derived.CodeAddresses) == 0 {
		return "", nil
	}
	return x.Derived.CodeAddresses[0].Value, nil
}

func renderRegistration(_ context.Context, v flow.View) (ui.Nodes, error) {
	if v.Flow.State == flow.ChooseMethod {
		return ui.Nodes{send(ui.RegistrationSendCode)}, nil
	}
	return enterCode(ui.LabelRegistrationCode), nil
}

func submitRegistration(ctx context.Context, x *flow.Exec, in registrationInput) (flow.Result, error) {
	wanted, refused := again(in.Resend)
	switch {
	case refused != nil:
		return *refused, nil
	case x.Flow.State == flow.PassedChallenge:
		return flow.Deny(ui.New(ui.RegistrationNoMethod)), nil
	case x.Flow.State == flow.SentEmail && !wanted:
		return useRegistration(ctx, x, in.Code)
	}
	return sendRegistration(x)
}

// sendRegistration sends a code to every address among the traits. Whether
// somebody has such an address already, only its owner will hear.
func sendRegistration(x *flow.Exec) (flow.Result, error) {
	if len(x.Derived.CodeAddresses) == 0 {
		return flow.Deny(ui.New(ui.ValidationIdentifierMissing)), nil
	}
	traits, err := leaves(x.Raw)
	if err != nil {
		return nil, err
	}
	effects := issue(x, registrationPurpose, letter{"registration_code_valid", "registration_code", "registration_url"}, x.Derived.CodeAddresses, nil)
	for n, m := range effects.Messages {
		m.Data["traits"] = x.Derived.Traits
		effects.Messages[n].Locale = x.Setup.LanguageOf(x.Flow.SchemaID, x.Derived.Traits)
	}
	return flow.Await{
		State: flow.SentEmail, Form: []ui.Message{ui.New(ui.RegistrationCodeSent)},
		Facts: registrationFacts{Traits: traits}, Effects: effects,
	}, nil
}

// useRegistration compares a code and makes the identity. The address that the
// code was sent to is proved by that.
func useRegistration(ctx context.Context, x *flow.Exec, code string) (flow.Result, error) {
	if code == "" {
		return lacking("code"), nil
	}
	same, err := unchanged(x)
	if err != nil {
		return nil, err
	}
	if !same {
		return flow.Deny(ui.New(ui.ValidationTraitsMismatch)), nil
	}
	meant, outcome, err := x.Consume(ctx, registrationPurpose, code)
	switch {
	case err != nil:
		return nil, err
	case outcome == flow.UsedBefore, outcome == flow.TooOften:
		return flow.Rejected{Form: []ui.Message{refusal(outcome)}, Unjudged: true}, nil
	case outcome != flow.Right, !slices.Contains(x.Derived.CodeAddresses, meant.Address):
		return flow.Deny(ui.New(ui.RegistrationCodeInvalid)), nil
	}
	prove(x, meant.Address)
	return flow.NewIdentity{
		Identity: x.Identity, Method: session.Method{Method: method, AAL: session.AAL1}, State: flow.PassedChallenge,
	}, nil
}

// prove notes an address of the new identity as proved.
func prove(x *flow.Exec, proved identity.Address) {
	for n := range x.Identity.VerifiableAddresses {
		a := &x.Identity.VerifiableAddresses[n]
		if a.Value == proved.Value && a.Via == proved.Via {
			a.Verified, a.VerifiedAt, a.Status = true, &x.Now, identity.AddressCompleted
		}
	}
}

// unchanged says whether the traits that were submitted are those that the codes
// were sent for. Traits that were left out do not count.
func unchanged(x *flow.Exec) (bool, error) {
	facts, err := factsOf[registrationFacts](x.Flow.Facts[method])
	if err != nil {
		return false, err
	}
	now, err := leaves(x.Raw)
	if err != nil {
		return false, err
	}
	for name, value := range now {
		if !bytes.Equal(value, facts.Traits[name]) {
			return false, nil
		}
	}
	return true, nil
}

// leaves are the values of traits by their dotted names.
func leaves(traits map[string]any) (map[string]json.RawMessage, error) {
	flat := map[string]any{}
	flow.Flatten(flat, "traits", traits)
	out := make(map[string]json.RawMessage, len(flat))
	for name, value := range flat {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out[name] = raw
	}
	return out, nil
}
