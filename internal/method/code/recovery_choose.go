package code

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// The second version of recovery lets people choose among the addresses of their
// account, of which they see only parts and have to know the rest.

// The states of the second version.
const (
	awaitingAddress   flow.State = "recovery_awaiting_address"
	awaitingChoice    flow.State = "recovery_awaiting_address_choice"
	confirmingAddress flow.State = "recovery_confirming_address"
	awaitingCode      flow.State = "recovery_awaiting_code"
)

// mostChoices is how many addresses are offered.
const mostChoices = 10

// choice is an address for the eyes of a stranger.
type choice struct {
	Hash   string           `json:"hash"`
	Masked string           `json:"masked"`
	Via    identity.Channel `json:"via"`
}

// hashOf is what the button of an address sends.
func hashOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func choicesOf(i *identity.Identity) []choice {
	var all []choice
	for _, a := range recoveryOf(i) {
		all = append(all, choice{Hash: hashOf(a.Value), Masked: identity.MaskAddress(a.Value), Via: a.Via})
	}
	return all[:min(len(all), mostChoices)]
}

func renderChoosing(s flow.State, facts recoveryFacts) ui.Nodes {
	address := ui.Hidden(ui.Code, "recovery_address", facts.Address)
	back := ui.Submit(ui.Code, "screen", "previous", ui.New(ui.RecoveryBack))
	switch s {
	case awaitingChoice:
		var nodes ui.Nodes
		for _, c := range facts.Choices {
			nodes = append(nodes, ui.Submit(ui.Code, "recovery_select_address", c.Hash, ui.Foreign(ui.LabelText, c.Masked, ui.Info, nil)))
		}
		return append(nodes, hiddenMethod(), address)
	case confirmingAddress:
		kind, label := ui.InputEmail, ui.LabelEmail
		if facts.selected().Via == identity.SMS {
			kind, label = ui.InputTel, ui.LabelPhone
		}
		return ui.Nodes{
			ui.Input{Name: "recovery_confirm_address", Type: kind, Required: true}.Node(ui.Code).Labelled(ui.New(label)),
			address, send(ui.LabelContinue), hiddenMethod(), back,
		}
	case awaitingCode:
		return ui.Nodes{
			strictEntry(ui.LabelRecoveryCode), send(ui.LabelContinue), hiddenMethod(),
			resend("recovery_confirm_address", facts.Confirm), address, back,
		}
	}
	return ui.Nodes{
		ui.Input{Name: "recovery_address", Type: ui.InputText, Required: true}.Node(ui.Code).Labelled(ui.New(ui.LabelRecoveryAddress)),
		send(ui.LabelContinue),
	}
}

// selected is the choice that was made.
func (f recoveryFacts) selected() choice {
	at := slices.IndexFunc(f.Choices, func(c choice) bool { return c.Hash == f.Selected })
	if at < 0 {
		return choice{}
	}
	return f.Choices[at]
}

func submitChoosing(ctx context.Context, x *flow.Exec, in recoveryInput) (flow.Result, error) {
	facts, err := factsOf[recoveryFacts](x.Flow.Facts[method])
	if err != nil {
		return nil, err
	}
	if in.Screen == "previous" {
		return previous(facts), nil
	}
	switch x.Flow.State {
	case awaitingChoice:
		return choose(ctx, x, facts, in)
	case confirmingAddress:
		return confirm(ctx, x, facts, in.Confirm)
	case awaitingCode:
		if in.Code != "" {
			return useRecovery(ctx, x, in.Code)
		}
		return confirm(ctx, x, facts, in.Confirm)
	}
	return identify(ctx, x, in.Address)
}

// previous goes back to the choice, or to the beginning where there was none.
func previous(facts recoveryFacts) flow.Result {
	if len(facts.Choices) <= 1 {
		return flow.Await{State: awaitingAddress, Facts: recoveryFacts{}}
	}
	facts.Selected, facts.Confirm = "", ""
	return offer(facts)
}

func offer(facts recoveryFacts) flow.Await {
	return flow.Await{State: awaitingChoice, Facts: facts, Form: []ui.Message{ui.New(ui.RecoveryChooseAddress)}}
}

// identify takes the first address. Somebody who has typed the only one, or one
// that nobody has, goes straight on; so does everybody where accounts are not to
// be told apart.
func identify(ctx context.Context, x *flow.Exec, typed string) (flow.Result, error) {
	if typed == "" {
		return lacking("recovery_address"), nil
	}
	value := identity.NormalizeIdentifier(typed)
	facts := recoveryFacts{Address: typed, Selected: hashOf(value)}
	i, err := x.Store.IdentityByRecoveryAddress(ctx, channelOf(typed), value)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	if err != nil || x.Setup.Security.AccountEnumeration.Mitigate {
		return confirm(ctx, x, facts, typed)
	}
	facts.Choices = choicesOf(i)
	if len(facts.Choices) == 1 && recoveryOf(i)[0].Value == typed {
		return confirm(ctx, x, facts, typed)
	}
	facts.Selected = ""
	return offer(facts), nil
}

// choose takes the choice. An address that was typed in full already is not
// asked for again.
func choose(ctx context.Context, x *flow.Exec, facts recoveryFacts, in recoveryInput) (flow.Result, error) {
	var missing flow.Rejected
	if in.Select == "" {
		missing.Fields = append(missing.Fields, required("recovery_select_address"))
	}
	if in.Address == "" {
		missing.Fields = append(missing.Fields, required("recovery_address"))
	}
	if missing.Fields != nil {
		return missing, nil
	}
	facts.Selected = in.Select
	if facts.selected() == (choice{}) {
		return flow.Deny(ui.New(ui.ValidationGeneric, "reason", "This is none of the addresses to choose from.")), nil
	}
	if in.Select == hashOf(identity.NormalizeIdentifier(facts.Address)) {
		return confirm(ctx, x, facts, facts.Address)
	}
	return flow.Await{State: confirmingAddress, Facts: facts, Form: []ui.Message{ui.New(ui.RecoveryAskFullAddress)}}, nil
}

// confirm sends a code to an address that was typed in full. One that is not the
// chosen one gets none; the answer is the same.
func confirm(ctx context.Context, x *flow.Exec, facts recoveryFacts, typed string) (flow.Result, error) {
	if typed == "" {
		return lacking("recovery_confirm_address"), nil
	}
	effects := pretend(x, recoveryPurpose)
	if hashOf(identity.NormalizeIdentifier(typed)) == facts.Selected {
		var err error
		if effects, err = sendRecovery(ctx, x, identity.Address{Value: typed, Via: channelOf(typed)}); err != nil {
			return nil, err
		}
	}
	facts.Confirm = typed
	return flow.Await{
		State: awaitingCode, Facts: facts, Effects: effects,
		Form: []ui.Message{ui.New(ui.RecoveryCodeSentTo, "masked_address", identity.MaskAddress(typed))},
	}, nil
}
