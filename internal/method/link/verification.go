package link

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

const verificationPurpose = "verification link"

// maxAddress is how many characters of an address are looked at.
const maxAddress = 320

// verification sends a link that proves an address.
func verification() *flow.Step {
	return flow.Of(flow.Typed[emailInput]{
		Spec:   flow.Spec{Kind: flow.Verification, Method: method, Group: ui.Link, Enabled: enabled, Retyped: []string{"email"}},
		Render: render,
		Submit: submitVerification,
		Send:   sendVerification,
	})
}

// openVerification is where that link leads. Opening it uses it up.
func openVerification() *flow.Step { return opened(flow.Verification, useVerification) }

func submitVerification(ctx context.Context, x *flow.Exec, in emailInput) (flow.Result, error) {
	switch length := utf8.RuneCountInString(in.Email); {
	case x.Flow.State == flow.PassedChallenge:
		return flow.Replaced{Why: ui.New(ui.VerificationDone)}, nil
	case in.Email == "":
		return lacking("email"), nil
	case length > maxAddress:
		return flow.DenyField("email", ui.New(ui.ValidationMaxLength, "max_length", maxAddress, "actual_length", length)), nil
	case !schema.LooseEmail(in.Email):
		return flow.DenyField("email", ui.New(ui.ValidationEmail, "value", in.Email)), nil
	}
	a := identity.Address{Value: identity.NormalizeIdentifier(in.Email), Via: identity.Email}
	i, err := x.Store.IdentityByVerifiableAddress(ctx, a.Via, a.Value)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	f := facts{Address: in.Email}
	if err != nil {
		wanted := x.Setup.SelfService.Flows.Verification.NotifyUnknownRecipients
		effects := pretend(x, verificationPurpose, "verification_invalid", in.Email, wanted)
		effects.Noticed = []identity.Address{a} // nobody's, but it is as much work
		return sent(x, f, ui.VerificationLinkSent, effects), nil
	}
	return dispatch(x, f, a, i), nil
}

// sendVerification begins the verification of an address on behalf of another
// journey. A phone cannot be reached.
func sendVerification(_ context.Context, x *flow.Exec, a identity.Address, i *identity.Identity) (flow.Await, error) {
	if a.Via != identity.Email {
		return flow.Await{}, nil
	}
	return dispatch(x, facts{Address: a.Value, Again: true}, a, i), nil
}

func dispatch(x *flow.Exec, f facts, a identity.Address, i *identity.Identity) flow.Await {
	effects := issue(x, verificationPurpose, "verification_valid", "verification_url", a, i)
	effects.Noticed = []identity.Address{a}
	return sent(x, f, ui.VerificationLinkSent, effects)
}

func useVerification(ctx context.Context, x *flow.Exec, in tokenInput) (flow.Result, error) {
	meant, outcome, err := x.Consume(ctx, verificationPurpose, in.Token)
	switch {
	case err != nil:
		return nil, err
	case outcome != flow.Right, meant.Identity == uuid.Nil:
		return refused(x, outcome, ui.VerificationTokenInvalid, ui.VerificationFlowExpired)
	}
	return flow.AddressProved{Address: meant.Address, Form: []ui.Message{ui.New(ui.VerificationEmailVerified)}}, nil
}
