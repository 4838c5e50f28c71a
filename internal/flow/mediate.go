package flow

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// Sign-in that the browser mediates (W3C, Federated Credential Management): it asks a
// provider for a token by itself, in a dialogue of its own, and the page that wanted to
// know brings the token here. Nobody is sent away and nothing comes back, so what a
// state is to a redirect, the nonce in the token is here: we make it, for one browser,
// one provider and one use.

// Mediator is a provider that browsers can ask by themselves.
type Mediator struct {
	Provider  string // its id
	ConfigURL string // of its description for browsers
	ClientID  string
	Nonce     string // that its token has to repeat; the engine fills it in
}

// Mediation is what a page needs to make the browser ask.
type Mediation struct {
	Mediators []Mediator
	CSRF      string // the anti-CSRF token that has to come along with the token
}

// Brought is a token that a browser has got from a provider.
type Brought struct {
	Provider string // the one that the nonce was made for
	Token    string
	Nonce    string // that the token has to repeat
}

// Mediated is how a step takes part in such sign-ins.
type Mediated struct {
	// Offers lists the providers that can be asked in a realm.
	Offers func(*Setup, Realm) []Mediator
	// Nonce reads the nonce of a token that nobody has checked, "" for none.
	Nonce func(token string) string
	// Judge checks a token.
	Judge func(context.Context, *Exec, Brought) (Result, error)
}

const (
	mediationFor                  = 30 * time.Minute // how long a nonce is good, in a page that may stay open
	mediationPurpose              = "mediated sign-in"
	mediationLabel   secret.Label = "nonce of a mediated sign-in"
)

// mediating is the step of the run's kind that takes part, nil for none.
func (r *run) mediating() *Step {
	at := slices.IndexFunc(r.steps[r.kind.name], func(s *Step) bool {
		return s.mediated != nil && s.Enabled(r.Setup) && s.accepts(r.flow)
	})
	if at < 0 {
		return nil
	}
	return r.steps[r.kind.name][at]
}

// Mediation says which providers a browser can ask: GET /self-service/fed-cm/parameters.
// It is nil where nobody has configured any.
func (e *Engine) Mediation(ctx context.Context, v *Visit) *Answer {
	r := e.begin(Login, v)
	r.flow, r.starting = r.fresh(Browser), true
	step := r.mediating()
	if step == nil || len(step.mediated.Offers(r.Setup, Realm{})) == 0 && r.param("organization") == "" {
		return nil
	}
	if a := r.pass(ctx, r.kind.mediation); a != nil {
		return a
	}
	if err := r.enterRealm(ctx); err != nil {
		return r.forward(ctx, err)
	}
	m := &Mediation{Mediators: step.mediated.Offers(r.Setup, r.realm), CSRF: r.CSRF.Masked(r.rand)}
	for i := range m.Mediators {
		nonce, err := r.mediationNonce(m.Mediators[i].Provider)
		if err != nil {
			return r.forward(ctx, err)
		}
		m.Mediators[i].Nonce = nonce
	}
	return &Answer{Status: 200, Body: m}
}

// mediationNonce draws a nonce. Only this server can have made it, and only together
// with the anti-CSRF cookie of the same browser it can be opened again.
func (r *run) mediationNonce(provider string) (string, error) {
	plain := binary.BigEndian.AppendUint64(nil, uint64(r.now.Add(mediationFor).Unix()))
	sealed, err := r.Keys.Seal(r.rand, mediationLabel, append(plain, provider...), r.CSRF.Hash())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openNonce finds out for which provider a nonce was made for this browser, and until
// when it is good.
func (r *run) openNonce(nonce string) (provider string, until time.Time, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil {
		return "", until, strayed().With(err)
	}
	plain, err := r.Keys.Open(mediationLabel, sealed, r.CSRF.Hash())
	if err != nil || len(plain) < 8 {
		return "", until, strayed().With(err)
	}
	return string(plain[8:]), time.Unix(int64(binary.BigEndian.Uint64(plain)), 0), nil
}

// mediatedBody is what a page sends.
type mediatedBody struct {
	Token string `json:"token"`
	Nonce string `json:"nonce"`
}

// Mediate signs somebody in with a token that the browser got from a provider: POST
// /self-service/fed-cm/token. It is a start of a login and its submission in one.
func (e *Engine) Mediate(ctx context.Context, v *Visit) *Answer {
	r := e.begin(Login, v)
	defer r.settleUp(ctx)
	r.flow, r.starting = r.fresh(Browser), true
	body, err := r.read()
	if err != nil {
		return r.forward(ctx, err)
	}
	token := body.First("csrf_token")
	if !r.CSRF.Matches(token) {
		r.CSRF.Silent = token == ""
		return r.forward(ctx, r.CSRF.Violation())
	}
	step := r.mediating()
	if step == nil {
		return r.forward(ctx, problem.NotFound("The method was switched off by the operator."))
	}
	r.ledger.step = step
	if a := r.pass(ctx, append(slices.Clone(r.kind.mediated), r.kind.mediation...)); a != nil {
		return a
	}
	brought, err := r.brought(ctx, step, body)
	if err != nil {
		return r.forward(ctx, err)
	}
	if err := r.create(ctx); err != nil {
		return r.notStarted(ctx, err)
	}
	x, err := r.exec(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	result, err := step.mediated.Judge(ctx, x, *brought)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	return r.act(ctx, x, step, nil, result)
}

// brought reads a token and uses up the nonce that it was asked for with. The nonce is
// the token's own where the page does not name it: whether the token is any good, the
// step finds out.
func (r *run) brought(ctx context.Context, step *Step, body *payload.Body) (*Brought, error) {
	tree := body.Fit(payload.ShapeOf[mediatedBody]().With("transient_payload", &payload.Shape{Type: payload.Object, Open: true}))
	if err := r.hearTransient(tree); err != nil {
		return nil, err
	}
	b := &Brought{Token: body.First("token"), Nonce: body.First("nonce")}
	if b.Token == "" {
		return nil, problem.BadRequest("The field token is missing.")
	}
	if b.Nonce == "" {
		b.Nonce = step.mediated.Nonce(b.Token)
	}
	provider, until, err := r.openNonce(b.Nonce)
	if err != nil {
		return nil, err
	}
	if r.now.After(until) {
		return nil, problem.New(410, "The sign-in took too long. Please start again.").Named(problem.FlowExpired)
	}
	b.Provider = provider
	first, err := r.store.Spend(ctx, mediationPurpose, hashOfState(b.Nonce), until)
	if err == nil && !first {
		err = strayed()
	}
	return b, err
}

// refuseMediated keeps mediated sign-ins to those who are nobody yet: a browser that
// asks by itself does not make anybody prove themselves again.
func refuseMediated(ctx context.Context, r *run) *Answer {
	r.flow.RequestedAAL = session.AAL1
	if r.Session != nil {
		return r.alreadySignedIn(ctx)
	}
	return nil
}
