package flow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// The names of hooks that the engine carries out itself.
const (
	hookSession          = "session"
	hookRevoke           = "revoke_active_sessions"
	hookVerification     = "verification"
	hookShowVerification = "show_verification_ui"
	hookRequireVerified  = "require_verified_address"
)

// begun is a verification that another journey has started.
type begun struct {
	flow    *Flow
	effects *prepared
	address identity.VerifiableAddress
	url     string   // of the page; "" for native clients
	others  []*begun // of further addresses, where each of them gets one
}

// beginVerification starts the proof of the first address of an identity that
// has not been proved; nil when there is nothing to prove or verification is
// switched off. Nothing is written yet: see write.
func (r *run) beginVerification(ctx context.Context, i *identity.Identity, s *session.Session) (*begun, error) {
	if r.flow.Type == Browser && r.verifies(i) != nil {
		r.CSRF.Rotate(r.rand)
	}
	return r.newVerification(ctx, i, s)
}

// verifies is the step that would prove an address of the identity; nil when there
// is nothing to prove or verification is switched off.
func (r *run) verifies(i *identity.Identity) *Step {
	settings := r.SelfService.Flows.ByKind(string(Verification))
	if !settings.Enabled || unproved(i) < 0 {
		return nil
	}
	return r.primary(Verification, settings.Use)
}

// newVerification is beginVerification for a browser that keeps its anti-CSRF
// token. An older form of the contract has one of each address.
func (r *run) newVerification(ctx context.Context, i *identity.Identity, s *session.Session) (*begun, error) {
	first, err := r.verificationWith(ctx, i, s, asItIs)
	if err != nil || first == nil || !r.FeatureFlags.LegacyContinueWithVerificationUI {
		return first, err
	}
	for at := unproved(i) + 1; at < len(i.VerifiableAddresses); at++ {
		a := i.VerifiableAddresses[at]
		if a.Verified || r.kind.name == Settings && a.Status != identity.AddressPending {
			continue
		}
		other, err := r.verificationOf(ctx, i, at, s, asItIs)
		if err != nil {
			return nil, err
		}
		if other != nil {
			first.others = append(first.others, other)
		}
	}
	return first, nil
}

// asItIs changes nothing of what is sent.
func asItIs(*Exec, *Effects) {}

// verificationWith is the verification of the first address that has not been
// proved, with a last word on what is sent.
func (r *run) verificationWith(ctx context.Context, i *identity.Identity, s *session.Session, edit func(*Exec, *Effects)) (*begun, error) {
	return r.verificationOf(ctx, i, unproved(i), s, edit)
}

func (r *run) verificationOf(ctx context.Context, i *identity.Identity, at int, s *session.Session, edit func(*Exec, *Effects)) (*begun, error) {
	step := r.verifies(i)
	if step == nil {
		return nil, nil
	}
	sub := &run{Engine: r.Engine, Visit: r.Visit, kind: r.kinds[Verification], now: r.now, ledger: r.ledger}
	sub.flow = sub.fresh(r.flow.Type)
	sub.inherit(r.flow, i, s)
	x, err := sub.exec(ctx)
	if err != nil {
		return nil, err
	}
	address := i.VerifiableAddresses[at]
	w, err := step.send(ctx, x, identity.Address{Value: address.Value, Via: address.Via}, i)
	if err != nil {
		return nil, err
	}
	if w.State == "" {
		return nil, nil // the method does not reach the address
	}
	if err := sub.proceed(step, w); err != nil {
		return nil, err
	}
	edit(x, &w.Effects)
	p, err := r.ready(ctx, sub.flow, w.Effects)
	if err != nil {
		return nil, err
	}
	i.VerifiableAddresses[at].Status = identity.AddressSent
	b := &begun{flow: sub.flow, effects: p, address: address}
	if r.flow.Type == Browser {
		b.url = r.uiURL(Verification, sub.flow.ID)
	}
	return b, nil
}

// unproved is the first address that has not been proved, -1 for none.
func unproved(i *identity.Identity) int {
	for at, a := range i.VerifiableAddresses {
		if !a.Verified {
			return at
		}
	}
	return -1
}

// primary is the step that a kind sends with, nil when it is switched off.
func (r *run) primary(k Kind, method string) *Step {
	for _, s := range r.steps[k] {
		if s.Method == method && s.send != nil && s.Enabled(r.Setup) {
			return s
		}
	}
	return nil
}

// inherit takes over where the first journey was to lead, for whom, and which
// OAuth2 login it belongs to.
func (r *run) inherit(origin *Flow, i *identity.Identity, s *session.Session) {
	f := r.flow
	f.IdentityID, f.Challenge, f.ReturnTo, f.RequestURL = &i.ID, origin.Challenge, origin.ReturnTo, origin.RequestURL
	if s != nil {
		f.SessionID = &s.ID
	}
	u, err := url.Parse(origin.RequestURL)
	if err != nil {
		return // it was written by us and parses
	}
	query := u.Query()
	if after := query.Get("after_verification_return_to"); after != "" {
		query.Del("after_verification_return_to")
		query.Set("return_to", after)
		u.RawQuery = query.Encode()
		f.ReturnTo, f.RequestURL = after, u.String()
	}
	if origin.Kind == Login && s == nil && origin.Challenge != "" && origin.Type == Browser {
		// Nobody is signed in with the proof, so the login is begun once more.
		f.ReturnTo = r.Public("self-service/login/browser", origin.again())
	}
}

// write stores the verification in the transaction of the journey that began it.
func (b *begun) write(tx Tx, r *run) error {
	if b == nil {
		return nil
	}
	if err := tx.InsertFlow(b.flow); err != nil {
		return err
	}
	for _, other := range b.others {
		if err := other.write(tx, r); err != nil {
			return err
		}
	}
	return b.effects.write(tx, r.now)
}

// proofs are the addresses that are to be proved, of no verification none.
func (b *begun) proofs() (all []identity.Address) {
	if b == nil {
		return nil
	}
	all = append(all, b.proof())
	for _, other := range b.others {
		all = append(all, other.proofs()...)
	}
	return all
}

// proof is the address that is to be proved.
func (b *begun) proof() identity.Address {
	return identity.Address{Value: b.address.Value, Via: b.address.Via}
}

// next is what the client is told of it.
func (b *begun) next() Continue {
	return Continue{Action: ShowVerificationUI, Flow: b.flow.ID, FlowURL: b.url, Address: b.address.Value}
}

// announced is what an application hears of the verifications.
func (r *run) announced(b *begun, hooks hookNames) []Continue {
	if b == nil || !hooks.has(hookShowVerification) && !r.FeatureFlags.LegacyContinueWithVerificationUI {
		return nil
	}
	items := []Continue{b.next()}
	for _, other := range b.others {
		items = append(items, other.next())
	}
	return items
}

// detours says whether a page goes on with the verification.
func detours(b *begun, hooks hookNames) bool { return b != nil && hooks.has(hookShowVerification) }

// requireVerified is the hook that lets nobody in without a proved address: it
// starts the proof instead of a session. Nil lets the login go on.
func (r *run) requireVerified(ctx context.Context, step *Step, i *identity.Identity) *Answer {
	if !r.after(Login, step.Method).has(hookRequireVerified) {
		return nil
	}
	if len(i.VerifiableAddresses) == 0 {
		return r.forward(ctx, problem.New(500, "A verified address is required, but the identity schema knows no verifiable address.").
			Named(problem.InvalidConfiguration))
	}
	for _, a := range i.VerifiableAddresses {
		if a.Verified {
			return nil
		}
	}
	if r.FeatureFlags.LegacyRequireVerifiedLoginError && step.Method == "password" {
		return r.reject(ctx, Deny(ui.New(ui.ValidationAddressNotVerified)))
	}
	b, err := r.verificationWith(ctx, i, nil, asItIs)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	p := problem.New(403, "An address of the account has to be verified first.").Named(problem.SessionVerifiedRequired)
	p.Code = 400
	if b == nil {
		return r.forward(ctx, p)
	}
	err = r.write(ctx, nil, func(tx Tx) error {
		if err := b.write(tx, r); err != nil {
			return err
		}
		return tx.MarkAddress(b.proof(), identity.AddressSent, r.now)
	})
	if err != nil {
		return r.forward(ctx, err)
	}
	page := r.uiURL(Verification, b.flow.ID)
	if !r.JSON {
		return redirect(303, page)
	}
	b.url = page
	return envelope(p.Detail("continue_with", []Continue{b.next()}))
}

// concludeVerification ends a verification: the address is proved.
func (r *run) concludeVerification(ctx context.Context, step *Step, result AddressProved) *Answer {
	f, before := r.flow, *r.flow
	before.Facts = maps.Clone(before.Facts)
	to, err := r.ReturnTo(f.ReturnTo, r.defaultReturn(Verification, step.Method))
	if err != nil { // a place that is not allowed any more silently becomes the default
		to = r.defaultReturn(Verification, step.Method)
	}
	f.State, f.Active, f.Messages, f.FieldMessages, f.Values = PassedChallenge, step.Method, result.Form, nil, nil
	if err := f.remember(continueKey, continueFacts{URL: to, Group: step.Group}); err != nil {
		return r.forward(ctx, err)
	}
	s, err := r.awaited(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	if r.opened && f.Type == Browser {
		r.rebind()
	}
	result.Effects.Verified = append(result.Effects.Verified, result.Address)
	var derived *identity.Derived
	waiting := r.waiting()
	if waiting != nil {
		if derived, err = r.settle(ctx, waiting); err != nil {
			return r.tooLate(ctx, step, before, err)
		}
		notices, undo, err := r.pendingNotices(ctx, waiting, derived)
		if err != nil {
			return r.forward(ctx, err)
		}
		result.Effects.Messages, result.Effects.Beside = append(result.Effects.Messages, notices...), undo
	}
	p, err := r.ready(ctx, f, result.Effects)
	if err != nil {
		return r.forward(ctx, err)
	}
	then, err := r.provesAddress(ctx, result, waiting, derived)
	if err != nil {
		return r.forward(ctx, err)
	}
	err = r.conclude(ctx, then, occasion{}, func(tx Tx) error {
		if waiting != nil {
			if err := r.applyPending(tx, waiting, derived); err != nil {
				return err
			}
		}
		if err := p.write(tx, r.now); err != nil {
			return err
		}
		return tx.UpdateFlow(f)
	})
	if err != nil {
		return r.tooLate(ctx, step, before, err)
	}
	if a := r.verificationHooks(ctx, result.Address, waiting != nil); a != nil {
		return a
	}
	if s != nil {
		return r.verifiedFor(ctx, step, s)
	}
	return r.progress(ctx, true)
}

// tooLate answers to a proof whose change cannot take effect; other errors are
// forwarded. The flow stays as it was before the proof.
func (r *run) tooLate(ctx context.Context, step *Step, before Flow, err error) *Answer {
	var taken *problem.ConflictError
	switch {
	case errors.As(err, &taken):
		r.flow = &before
		return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTaken)))
	case errors.Is(err, errNotPending):
		r.flow = &before
		return r.reject(ctx, notPending(step))
	}
	return r.forward(ctx, err)
}

// proven is the form of a verification that is over: a way on.
func (r *run) proven() ui.Container {
	var next continueFacts
	_ = json.Unmarshal(r.flow.Facts[continueKey], &next) // written by concludeVerification
	nodes := ui.Nodes{ui.CSRFToken("")}
	if r.flow.Type == Browser {
		nodes = ui.Nodes{ui.CSRFToken(r.CSRF.Masked(r.rand))}
	}
	label := ui.New(ui.LabelContinue)
	return ui.Container{
		Action: next.URL, Method: "GET", Messages: r.flow.Messages,
		Nodes: append(nodes, ui.Anchor{ID: "continue", HRef: next.URL, Title: label}.Node(next.Group).Labelled(label)),
	}
}

// continueKey is where a verification keeps where it leads once it is over.
const continueKey = "continue"

type continueFacts struct {
	URL   string   `json:"url"`
	Group ui.Group `json:"group"`
}
