package code

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

const loginPurpose = "login code"

// loginInput is a submitted login form. Address is what the buttons of accounts
// whose addresses are known send.
type loginInput struct {
	Identifier string `json:"identifier"`
	Address    string `json:"address"`
	Code       string `json:"code"`
	Resend     string `json:"resend"`
}

// loginFacts are what a login remembers.
type loginFacts struct {
	Known      []identity.Address `json:"known,omitempty"`      // whom the flow is about can choose among these
	Chooses    bool               `json:"chooses,omitempty"`    // ... and does
	Identifier string             `json:"identifier,omitempty"` // a code was sent for it
	Again      bool               `json:"again,omitempty"`      // not for the first time
}

func login(spec flow.Spec, usable func(*flow.Setup, *identity.Identity) bool) *flow.Step {
	spec.Kind, spec.Method, spec.Group = flow.Login, method, ui.Code
	spec.Aliases = map[string]string{"address": "identifier"}
	spec.Echo = []string{"identifier"}
	spec.Answers = func(f *flow.Flow, field func(string) string) bool {
		return field("method") == method || field("method") == "" && field("address") != "" && choosing(f)
	}
	return flow.Of(flow.Typed[loginInput]{
		Spec: spec, Prepare: prepareLogin, Render: renderLogin, Submit: submitLogin, Send: sendLoginTo, Usable: usable,
	})
}

// firstFactor signs in with nothing but a code.
func firstFactor() *flow.Step {
	return login(flow.Spec{
		Enabled: passwordless,
		Guess:   &flow.Guess{Field: "code", Secret: flow.SecretCode, About: loginAbout, Find: findLogin},
		Accepts: func(f *flow.Flow) bool { return f.RequestedAAL != session.AAL2 },
	}, func(s *flow.Setup, i *identity.Identity) bool {
		return len(addressesOf(i)) > 0 || fallback(s)
	})
}

// secondFactor asks somebody who is signed in for a code.
func secondFactor() *flow.Step {
	return login(flow.Spec{
		Enabled: asSecondFactor,
		Guess:   &flow.Guess{Field: "code", Secret: flow.SecretFactor},
		Accepts: func(f *flow.Flow) bool { return f.RequestedAAL == session.AAL2 && !f.Confirms() },
	}, func(_ *flow.Setup, i *identity.Identity) bool { return len(addressesOf(i)) > 0 })
}

// confirming asks somebody who has no second factor for a code at a verified address.
func confirming() *flow.Step {
	return login(flow.Spec{
		Confirms: true,
		Enabled:  enabled,
		Guess:    &flow.Guess{Field: "code", Secret: flow.SecretFactor},
		Accepts:  (*flow.Flow).Confirms,
	}, func(_ *flow.Setup, i *identity.Identity) bool { return len(provedOf(i)) > 0 })
}

// loginAbout is the identifier that a code is said to belong to; of whoever chooses
// among their own addresses the one that it was sent to.
func loginAbout(x *flow.Exec, in map[string]any) (string, error) {
	if typed, _ := in["identifier"].(string); typed != "" {
		return typed, nil
	}
	facts, err := factsOf[loginFacts](x.Flow.Facts[method])
	return facts.Identifier, err
}

// findLogin finds the account as useLogin does.
func findLogin(ctx context.Context, x *flow.Exec, about string) (*identity.Identity, error) {
	facts, err := factsOf[loginFacts](x.Flow.Facts[method])
	switch {
	case err != nil:
		return nil, err
	case facts.Chooses && x.Session == nil, !facts.Chooses && about == "":
		return nil, problem.ErrNotFound
	case facts.Chooses:
		return &identity.Identity{ID: x.Session.IdentityID}, nil
	}
	return accountOf(ctx, x, about)
}

// choosing says whether the flow is about somebody who chooses among addresses.
func choosing(f *flow.Flow) bool {
	facts, err := factsOf[loginFacts](f.Facts[method])
	return err == nil && facts.Chooses
}

// prepareLogin finds the addresses that somebody who is signed in can choose
// from. A second factor that can only be this one, at one address, is sent at
// once.
func prepareLogin(ctx context.Context, x *flow.Exec) (any, error) {
	second := x.Flow.RequestedAAL == session.AAL2
	if x.Session == nil || !second && !(x.Flow.Refresh && x.Setup.FeatureFlags.RefreshLoginChooseAddress) {
		return nil, nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	facts := loginFacts{Chooses: true, Known: addressesOf(i)}
	if len(facts.Known) == 0 && fallback(x.Setup) {
		facts.Known = verifiableOf(i)
	}
	if x.Flow.Confirms() {
		facts.Known = provedOf(i)
	}
	if facts.Known, err = restricted(x, i, facts.Known); err != nil {
		return nil, err
	}
	if second && len(facts.Known) == 1 && slices.Equal(x.Methods(i), []string{method}) {
		return dispatch(x, facts, facts.Known, i, facts.Known[0].Value), nil
	}
	return facts, nil
}

// restricted keeps the address of the trait that the flow was started for with
// the parameter via.
func restricted(x *flow.Exec, i *identity.Identity, all []identity.Address) ([]identity.Address, error) {
	u, err := url.Parse(x.Flow.RequestURL)
	if err != nil {
		return all, nil
	}
	via := u.Query().Get("via")
	if via == "" || x.Flow.RequestedAAL != session.AAL2 {
		return all, nil
	}
	value, err := traitOf(i, via)
	if err != nil {
		return nil, err
	}
	if value == "" {
		return nil, problem.BadRequest("The trait that the parameter via names has no value.")
	}
	a, ok := among(all, value)
	if !ok {
		return nil, problem.BadRequest("No code can be sent to the trait that the parameter via names.")
	}
	return []identity.Address{a}, nil
}

func submitLogin(ctx context.Context, x *flow.Exec, in loginInput) (flow.Result, error) {
	facts, err := factsOf[loginFacts](x.Flow.Facts[method])
	if err != nil {
		return nil, err
	}
	wanted, refused := again(in.Resend)
	switch {
	case refused != nil:
		return *refused, nil
	case x.Flow.State == flow.PassedChallenge:
		return flow.Deny(ui.New(ui.LoginNoMethod)), nil
	case facts.Chooses && x.Session == nil:
		return flow.Deny(ui.New(ui.ValidationNoCodeUser)), nil // signed out meanwhile
	case x.Flow.State == flow.SentEmail && !wanted:
		return useLogin(ctx, x, facts, in)
	case facts.Chooses:
		return sendChosen(ctx, x, facts, in.Identifier)
	}
	return sendLogin(ctx, x, facts, in.Identifier)
}

// sendLogin sends codes to an account by one of its identifiers.
func sendLogin(ctx context.Context, x *flow.Exec, facts loginFacts, typed string) (flow.Result, error) {
	if typed == "" {
		return lacking("identifier"), nil
	}
	i, err := accountOf(ctx, x, typed)
	switch {
	case errors.Is(err, problem.ErrNotFound) && x.Setup.Security.AccountEnumeration.Mitigate:
		return sent(x, facts, notify(x, loginPurpose, "login_code_invalid", typed, x.Setup.Cardea.Security.StrictEnumeration), typed), nil
	case errors.Is(err, problem.ErrNotFound):
		return flow.Deny(ui.New(ui.ValidationNoCodeUser)), nil
	case err != nil:
		return nil, err
	}
	return dispatch(x, facts, targets(i, typed), i, typed), nil
}

// sendChosen sends a code to one of the addresses of whoever is signed in.
func sendChosen(ctx context.Context, x *flow.Exec, facts loginFacts, typed string) (flow.Result, error) {
	if typed == "" {
		typed = facts.Identifier
	}
	if typed == "" {
		return lacking("address"), nil
	}
	i, err := x.Store.Identity(ctx, x.Session.IdentityID)
	if err != nil {
		return nil, err
	}
	a, ok := among(facts.Known, typed)
	if !ok && fallback(x.Setup) && !x.Flow.Confirms() {
		if a, ok = among(verifiableOf(i), typed); !ok {
			return flow.Deny(ui.New(ui.LoginAddressUnknown)), nil
		}
	}
	if !ok || !slices.Contains(reachedIn(x, i), a) { // the browser may be somebody else's by now
		return flow.Deny(ui.New(ui.ValidationNoCodeUser)), nil
	}
	return dispatch(x, facts, []identity.Address{a}, i, typed), nil
}

// sendLoginTo sends codes to an account that another method has found.
func sendLoginTo(_ context.Context, x *flow.Exec, typed identity.Address, i *identity.Identity) (flow.Await, error) {
	facts, err := factsOf[loginFacts](x.Flow.Facts[method])
	if err != nil {
		return flow.Await{}, err
	}
	return dispatch(x, facts, targets(i, typed.Value), i, typed.Value), nil
}

// dispatch sends codes to addresses of an account.
func dispatch(x *flow.Exec, facts loginFacts, to []identity.Address, i *identity.Identity, typed string) flow.Await {
	return sent(x, facts, issue(x, loginPurpose, letter{"login_code_valid", "login_code", "login_url"}, to, i), typed)
}

// sent shows the screen on which the code is entered.
func sent(x *flow.Exec, facts loginFacts, effects flow.Effects, typed string) flow.Await {
	note := ui.LoginCodeSent
	if x.Flow.Refresh || x.Flow.RequestedAAL == session.AAL2 {
		note = ui.LoginCodeSentToKnownAddress
	}
	if strings.Contains(typed, "@") {
		typed = strings.ToLower(typed)
	}
	facts.Again, facts.Identifier = x.Flow.State == flow.SentEmail, typed
	return flow.Await{
		State: flow.SentEmail, Form: []ui.Message{ui.New(note)}, Facts: facts, Effects: effects,
		Values: map[string]any{"identifier": typed},
	}
}

// useLogin compares a code. It counts for the account it was sent for.
func useLogin(ctx context.Context, x *flow.Exec, facts loginFacts, in loginInput) (flow.Result, error) {
	var missing flow.Rejected
	if in.Identifier == "" && !facts.Chooses {
		missing.Fields = append(missing.Fields, required("identifier"))
	}
	if in.Code == "" {
		missing.Fields = append(missing.Fields, required("code"))
	}
	if missing.Fields != nil {
		return missing, nil
	}
	i, err := claimed(ctx, x, facts, in.Identifier)
	if errors.Is(err, problem.ErrNotFound) {
		if !x.Setup.Security.AccountEnumeration.Mitigate {
			return flow.Deny(ui.New(ui.ValidationNoCodeUser)), nil
		}
		i, err = &identity.Identity{}, nil // no code is for nobody, but the submission counts
	}
	if err != nil {
		return nil, err
	}
	meant, outcome, err := x.Consume(ctx, loginPurpose, in.Code)
	switch {
	case err != nil:
		return nil, err
	case outcome == flow.UsedBefore, outcome == flow.TooOften:
		return flow.Rejected{Form: []ui.Message{refusal(outcome)}, Unjudged: true}, nil
	case outcome != flow.Right, meant.Identity == uuid.Nil, meant.Identity != i.ID, !slices.Contains(reachedIn(x, i), meant.Address):
		return flow.Deny(ui.New(ui.LoginCodeInvalid)), nil
	}
	level := session.AAL1
	if x.Flow.RequestedAAL == session.AAL2 && !x.Flow.Confirms() {
		level = session.AAL2
	}
	return flow.Proved{
		Identity: i, Method: session.Method{Method: method, AAL: level}, State: flow.PassedChallenge,
		Effects: flow.Effects{Verified: []identity.Address{meant.Address}},
	}, nil
}

// claimed is the account that somebody says to be.
func claimed(ctx context.Context, x *flow.Exec, facts loginFacts, typed string) (*identity.Identity, error) {
	if facts.Chooses {
		return x.Store.Identity(ctx, x.Session.IdentityID)
	}
	return accountOf(ctx, x, typed)
}
