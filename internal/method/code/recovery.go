package code

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

const recoveryPurpose = "recovery code"

// recoveryInput is a submitted recovery form: of the first version Email and
// Code, of the second one the rest and Code.
type recoveryInput struct {
	Email   string `json:"email"`
	Code    string `json:"code"`
	Address string `json:"recovery_address"`
	Select  string `json:"recovery_select_address"`
	Confirm string `json:"recovery_confirm_address"`
	Screen  string `json:"screen"`
}

// recoveryFacts are what a recovery remembers.
type recoveryFacts struct {
	Address  string   `json:"address,omitempty"`  // as it was typed
	Choices  []choice `json:"choices,omitempty"`  // addresses of the account, hidden from strangers
	Selected string   `json:"selected,omitempty"` // the one that was chosen, or that was typed
	Confirm  string   `json:"confirm,omitempty"`  // the address a code goes to, as it was typed
}

// recovery wins an account back with a code.
func recovery() *flow.Step {
	return flow.Of(flow.Typed[recoveryInput]{
		Spec: flow.Spec{
			Kind: flow.Recovery, Method: method, Group: ui.Code,
			Enabled: enabled,
			Accepts: func(f *flow.Flow) bool { return f.Active == method },
			Answers: answersRecovery,
			Retyped: []string{"email", "recovery_address"},
			Guess:   &flow.Guess{Field: "code", Secret: flow.SecretCode, About: recoveryAbout, Find: findRecovery},
		},
		Prepare: prepareRecovery,
		Render:  renderRecovery,
		Submit:  submitRecovery,
		Send:    handOut,
	})
}

// recoveryAbout is the address that a code was sent to; "" for one that an operator
// handed out.
func recoveryAbout(x *flow.Exec, _ map[string]any) (string, error) {
	facts, err := factsOf[recoveryFacts](x.Flow.Facts[method])
	return cmp.Or(facts.Confirm, facts.Selected, facts.Address), err
}

// findRecovery finds the account that an address wins back.
func findRecovery(ctx context.Context, x *flow.Exec, about string) (*identity.Identity, error) {
	return x.Store.IdentityByRecoveryAddress(ctx, channelOf(about), identity.NormalizeIdentifier(about))
}

// answersRecovery takes every submission once the recovery is under way.
func answersRecovery(f *flow.Flow, field func(string) string) bool {
	if choosingAddress(f.State) || f.State != flow.ChooseMethod && field("email") == "" {
		return true
	}
	return field("method") == method
}

// prepareRecovery begins the second version where it is switched on.
func prepareRecovery(_ context.Context, x *flow.Exec) (any, error) {
	if !x.Setup.FeatureFlags.ChooseRecoveryAddress || x.Flow.Active != method {
		return nil, nil
	}
	return flow.Await{State: awaitingAddress, Form: x.Flow.Messages}, nil
}

func renderRecovery(_ context.Context, v flow.View) (ui.Nodes, error) {
	facts, err := factsOf[recoveryFacts](v.Facts)
	switch {
	case err != nil:
		return nil, err
	case choosingAddress(v.Flow.State):
		return renderChoosing(v.Flow.State, facts), nil
	case v.Flow.State == flow.ChooseMethod:
		return ui.Nodes{
			ui.Input{Name: "email", Type: ui.InputEmail, Required: true}.Node(ui.Code).Labelled(ui.New(ui.LabelEmail)),
			send(ui.LabelContinue),
		}, nil
	case facts.Address == "": // handed out: there is nobody to send another code to
		return ui.Nodes{strictEntry(ui.LabelRecoveryCode), send(ui.LabelContinue)}, nil
	}
	return ui.Nodes{
		strictEntry(ui.LabelRecoveryCode), hiddenMethod(), send(ui.LabelContinue), resend("email", facts.Address),
	}, nil
}

func submitRecovery(ctx context.Context, x *flow.Exec, in recoveryInput) (flow.Result, error) {
	switch {
	case choosingAddress(x.Flow.State):
		return submitChoosing(ctx, x, in)
	case x.Flow.State != flow.ChooseMethod && in.Email == "":
		return useRecovery(ctx, x, in.Code)
	case x.Flow.State == flow.PassedChallenge:
		return flow.Replaced{Why: ui.New(ui.RecoveryDone)}, nil
	case in.Email == "":
		return lacking("email"), nil
	case !schema.LooseEmail(in.Email):
		return flow.DenyField("email", ui.New(ui.ValidationEmail, "value", in.Email)), nil
	}
	effects, err := sendRecovery(ctx, x, identity.Address{Value: in.Email, Via: identity.Email})
	if err != nil {
		return nil, err
	}
	return flow.Await{
		State: flow.SentEmail, Form: []ui.Message{ui.New(ui.RecoveryCodeSent)},
		Facts: recoveryFacts{Address: in.Email}, Effects: effects,
	}, nil
}

// sendRecovery sends a code to a recovery address. Whether it is one shows in
// nothing but the mail.
func sendRecovery(ctx context.Context, x *flow.Exec, typed identity.Address) (flow.Effects, error) {
	value := identity.NormalizeIdentifier(typed.Value)
	i, err := x.Store.IdentityByRecoveryAddress(ctx, typed.Via, value)
	if errors.Is(err, problem.ErrNotFound) {
		wanted := x.Setup.SelfService.Flows.Recovery.NotifyUnknownRecipients && typed.Via == identity.Email
		return notify(x, recoveryPurpose, "recovery_code_invalid", typed.Value, wanted), nil
	}
	if err != nil {
		return flow.Effects{}, err
	}
	to := []identity.Address{{Value: value, Via: typed.Via}}
	return issue(x, recoveryPurpose, letter{"recovery_code_valid", "recovery_code", "recovery_url"}, to, i), nil
}

// handOut makes a code that an operator passes on. No address is proved with it.
func handOut(_ context.Context, x *flow.Exec, _ identity.Address, i *identity.Identity) (flow.Await, error) {
	codes := codesFor(x, recoveryPurpose)
	codes.List = []flow.Code{{Digits: x.Digits(length), For: flow.CodeFor{Identity: i.ID}}}
	return flow.Await{State: flow.SentEmail, Effects: flow.Effects{Codes: codes}}, nil
}

// useRecovery compares a code. A wrong one is answered like progress.
func useRecovery(ctx context.Context, x *flow.Exec, code string) (flow.Result, error) {
	meant, outcome, err := x.Consume(ctx, recoveryPurpose, code)
	switch {
	case err != nil:
		return nil, err
	case outcome == flow.UsedBefore, outcome == flow.TooOften:
		return flow.Replaced{Why: refusal(outcome)}, nil
	}
	wrong := flow.Rejected{Form: []ui.Message{ui.New(ui.RecoveryCodeInvalid)}, Soft: true}
	if outcome != flow.Right || meant.Identity == uuid.Nil {
		return wrong, nil
	}
	result := flow.Recovered{Identity: meant.Identity, Method: session.Method{Method: "code_recovery", AAL: session.AAL1}}
	if meant.Address == (identity.Address{}) {
		return result, nil
	}
	i, err := x.Store.Identity(ctx, meant.Identity)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	if err != nil || !slices.Contains(recoveryOf(i), meant.Address) {
		return wrong, nil // the address was given up, or the account is gone
	}
	result.Address, result.Effects.Verified = meant.Address, []identity.Address{meant.Address}
	return result, nil
}

// recoveryOf are the addresses over which an account can be won back, in order.
func recoveryOf(i *identity.Identity) []identity.Address {
	var all []identity.Address
	for _, a := range i.RecoveryAddresses {
		all = append(all, identity.Address{Value: a.Value, Via: a.Via})
	}
	return identity.SortAddresses(all)
}

// choosingAddress says whether a state is one of the second version.
func choosingAddress(s flow.State) bool { return strings.HasPrefix(string(s), "recovery_") }
