package code

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

const verificationPurpose = "verification code"

// maxAddress is how many characters of an address are looked at.
const maxAddress = 320

// verificationInput asks for a code. Phone is what the button for another text
// message sends.
type verificationInput struct {
	Email string `json:"email"`
	Phone string `json:"sms"`
}

type proofInput struct {
	Code string `json:"code"`
}

// verificationFacts are what a verification remembers.
type verificationFacts struct {
	Address string           `json:"address,omitempty"` // as it was typed
	Via     identity.Channel `json:"via,omitempty"`     // of an address that another journey asked about
	Code    []byte           `json:"code,omitempty"`    // from the link in a mail, sealed
}

// verification sends codes to addresses that are to be proved.
func verification() *flow.Step {
	return flow.Of(flow.Typed[verificationInput]{
		Spec: flow.Spec{
			Kind: flow.Verification, Method: method, Group: ui.Code,
			Aliases: map[string]string{"sms": "email"},
			Retyped: []string{"email"},
			Enabled: enabled,
		},
		Render: renderVerification,
		Submit: submitVerification,
		Send:   sendVerification,
	})
}

// proof takes the code. Its submission needs no anti-CSRF token: whoever has the
// code may bring it from any browser, and no session comes of it.
func proof() *flow.Step {
	return flow.Of(flow.Typed[proofInput]{
		Spec: flow.Spec{
			Kind: flow.Verification, Method: method, Group: ui.Code,
			Link:    "code",
			CSRF:    flow.CSRFRule{Exempt: "the code itself shows that the mailbox was read; nothing of the browser's is used or changed"},
			Enabled: enabled,
			Answers: func(_ *flow.Flow, field func(string) string) bool { return field("code") != "" },
			Guess:   &flow.Guess{Field: "code", Secret: flow.SecretCode, About: verificationAbout, Find: findVerification},
		},
		Submit: submitProof,
		Open:   openProof,
	})
}

// verificationAbout is the address that a code was sent to.
func verificationAbout(x *flow.Exec, _ map[string]any) (string, error) {
	facts, err := factsOf[verificationFacts](x.Flow.Facts[method])
	return facts.Address, err
}

// findVerification finds the account that an address belongs to.
func findVerification(ctx context.Context, x *flow.Exec, about string) (*identity.Identity, error) {
	return x.Store.IdentityByVerifiableAddress(ctx, channelOf(about), identity.NormalizeIdentifier(about))
}

func renderVerification(_ context.Context, v flow.View) (ui.Nodes, error) {
	facts, err := factsOf[verificationFacts](v.Facts)
	if err != nil {
		return nil, err
	}
	if v.Flow.State == flow.ChooseMethod {
		return ui.Nodes{addressField(v.Setup), send(ui.LabelContinue), ui.CSRFToken("")}, nil
	}
	code := codeField()
	if text := v.Unseal(facts.Code); text != "" {
		code.Value = text
	}
	name := "email"
	if facts.Via != "" {
		name = string(facts.Via)
	}
	return ui.Nodes{
		hiddenMethod(), code.Node(ui.Code).Labelled(ui.New(ui.LabelVerificationCode)), send(ui.LabelContinue),
		ui.CSRFToken(""), resend(name, facts.Address),
	}, nil
}

// addressField asks for an address of any kind that messages can be sent to.
func addressField(s *flow.Setup) ui.Node {
	kind, label := ui.InputEmail, ui.LabelEmail
	if slices.ContainsFunc(s.Courier.Channels, func(c config.Channel) bool { return c.ID == string(identity.SMS) }) {
		kind, label = ui.InputText, ui.LabelEmailOrPhone
	}
	return ui.Input{Name: "email", Type: kind, Required: true}.Node(ui.Code).Labelled(ui.New(label))
}

func submitVerification(ctx context.Context, x *flow.Exec, in verificationInput) (flow.Result, error) {
	switch length := utf8.RuneCountInString(in.Email); {
	case x.Flow.State == flow.PassedChallenge:
		return flow.Replaced{Why: ui.New(ui.VerificationDone)}, nil
	case in.Email == "":
		return lacking("email"), nil
	case length > maxAddress:
		return flow.DenyField("email", ui.New(ui.ValidationMaxLength, "max_length", maxAddress, "actual_length", length)), nil
	}
	address := identity.Address{Value: identity.NormalizeIdentifier(in.Email), Via: channelOf(in.Email)}
	i, err := x.Store.IdentityByVerifiableAddress(ctx, address.Via, address.Value)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		return nil, err
	}
	facts := verificationFacts{Address: in.Email}
	if err != nil {
		wanted := x.Setup.SelfService.Flows.Verification.NotifyUnknownRecipients && address.Via == identity.Email
		effects := notify(x, verificationPurpose, "verification_code_invalid", in.Email, wanted)
		effects.Noticed = []identity.Address{address} // nobody's, but it is as much work
		return asked(facts, address.Via, effects), nil
	}
	return asked(facts, address.Via, dispatchVerification(x, address, i)), nil
}

// sendVerification begins the verification of an address on behalf of another
// journey.
func sendVerification(_ context.Context, x *flow.Exec, a identity.Address, i *identity.Identity) (flow.Await, error) {
	return asked(verificationFacts{Address: a.Value, Via: a.Via}, a.Via, dispatchVerification(x, a, i)), nil
}

func dispatchVerification(x *flow.Exec, a identity.Address, i *identity.Identity) flow.Effects {
	effects := issue(x, verificationPurpose, letter{"verification_code_valid", "verification_code", "verification_url"}, []identity.Address{a}, i)
	for n := range effects.Messages {
		effects.Messages[n].Headers = nil
		effects.Messages[n].Data["verification_url"] = x.Setup.Public("self-service/verification", url.Values{
			"code": {effects.Codes.List[n].Digits}, "flow": {x.Flow.ID.String()},
		})
	}
	effects.Noticed = []identity.Address{a}
	return effects
}

// asked shows the screen on which the code is entered.
func asked(facts verificationFacts, via identity.Channel, effects flow.Effects) flow.Await {
	note := ui.VerificationCodeSent
	if via == identity.SMS {
		note = ui.VerificationCodeTexted
	}
	return flow.Await{State: flow.SentEmail, Form: []ui.Message{ui.New(note)}, Facts: facts, Effects: effects}
}

// openProof is the link in the mail: it fills the code in. Mail scanners open
// links, too; so a person has to press the button.
func openProof(_ context.Context, x *flow.Exec, in proofInput) (flow.Result, error) {
	if x.Flow.State == flow.PassedChallenge {
		return flow.Replaced{Why: ui.New(ui.VerificationDone)}, nil
	}
	facts, err := factsOf[verificationFacts](x.Flow.Facts[method])
	if err != nil {
		return nil, err
	}
	if facts.Code, err = x.Seal(in.Code); err != nil {
		return nil, err
	}
	return flow.Await{Form: x.Flow.Messages, Facts: facts}, nil
}

// submitProof compares a code. A wrong one is answered like progress.
func submitProof(ctx context.Context, x *flow.Exec, in proofInput) (flow.Result, error) {
	if x.Flow.State == flow.PassedChallenge {
		return flow.Replaced{Why: ui.New(ui.VerificationDone)}, nil
	}
	meant, outcome, err := x.Consume(ctx, verificationPurpose, in.Code)
	switch {
	case err != nil:
		return nil, err
	case outcome == flow.UsedBefore, outcome == flow.TooOften:
		return flow.Replaced{Why: refusal(outcome)}, nil
	case outcome != flow.Right, meant.Identity == uuid.Nil:
		return flow.Rejected{Form: []ui.Message{ui.New(ui.VerificationCodeInvalid)}, Soft: true}, nil
	}
	done := ui.VerificationEmailVerified
	if meant.Address.Via == identity.SMS {
		done = ui.VerificationPhoneVerified
	}
	return flow.AddressProved{Address: meant.Address, Form: []ui.Message{ui.New(done)}}, nil
}
