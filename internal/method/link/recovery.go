package link

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

const recoveryPurpose = "recovery link"

// recovery sends a link that wins an account back.
func recovery() *flow.Step {
	return flow.Of(flow.Typed[emailInput]{
		Spec:   flow.Spec{Kind: flow.Recovery, Method: method, Group: ui.Link, Enabled: enabled, Retyped: []string{"email"}},
		Render: render,
		Submit: submitRecovery,
		Send:   handOut,
	})
}

// openRecovery is where that link leads. Opening it uses it up.
func openRecovery() *flow.Step { return opened(flow.Recovery, useRecovery) }

func submitRecovery(ctx context.Context, x *flow.Exec, in emailInput) (flow.Result, error) {
	switch {
	case x.Flow.State == flow.PassedChallenge:
		return flow.Replaced{Why: ui.New(ui.RecoveryDone)}, nil
	case in.Email == "":
		return lacking("email"), nil
	case !schema.LooseEmail(in.Email):
		return flow.DenyField("email", ui.New(ui.ValidationEmail, "value", in.Email)), nil
	}
	a := identity.Address{Value: identity.NormalizeIdentifier(in.Email), Via: identity.Email}
	i, err := x.Store.IdentityByRecoveryAddress(ctx, a.Via, a.Value)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	f := facts{Address: in.Email}
	if err != nil {
		wanted := x.Setup.SelfService.Flows.Recovery.NotifyUnknownRecipients
		return sent(x, f, ui.RecoveryLinkSent, pretend(x, recoveryPurpose, "recovery_invalid", in.Email, wanted)), nil
	}
	return sent(x, f, ui.RecoveryLinkSent, issue(x, recoveryPurpose, "recovery_valid", "recovery_url", a, i)), nil
}

// handOut makes a link that an operator passes on. No address is proved with it.
func handOut(_ context.Context, x *flow.Exec, _ identity.Address, i *identity.Identity) (flow.Await, error) {
	codes, _ := secretFor(x, recoveryPurpose, flow.CodeFor{Identity: i.ID})
	return flow.Await{State: flow.SentEmail, Facts: facts{Until: codes.ExpiresAt}, Effects: flow.Effects{Codes: codes}}, nil
}

func useRecovery(ctx context.Context, x *flow.Exec, in tokenInput) (flow.Result, error) {
	meant, outcome, err := x.Consume(ctx, recoveryPurpose, in.Token)
	switch {
	case err != nil:
		return nil, err
	case outcome != flow.Right, meant.Identity == uuid.Nil:
		return refused(x, outcome, ui.RecoveryTokenInvalid, ui.RecoveryFlowExpired)
	}
	result := flow.Recovered{Identity: meant.Identity, Method: session.Method{Method: "link_recovery", AAL: session.AAL1}}
	if meant.Address == (identity.Address{}) {
		return result, nil
	}
	i, err := x.Store.Identity(ctx, meant.Identity)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	if err != nil || !slices.ContainsFunc(i.RecoveryAddresses, func(a identity.RecoveryAddress) bool {
		return a.Value == meant.Address.Value && a.Via == meant.Address.Via
	}) {
		return flow.Replaced{Why: ui.New(ui.RecoveryTokenInvalid)}, nil // the address was given up, or the account is gone
	}
	result.Address, result.Effects.Verified = meant.Address, []identity.Address{meant.Address}
	return result, nil
}
