package flow

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/geo"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// What is unusual about a sign-in, and what follows. Every proof with which somebody
// gets a session they did not have passes weigh: concludeLogin, concludeRegistration
// and concludeRecovery ask it before they write anything.

// SignUpPurpose is the purpose of the notes that somebody has signed up at a source
// and got no session: subject is the source, the key is the id of the account.
const SignUpPurpose = "signed up"

// Pasts is what is remembered of sign-ins.
type Pasts interface {
	// Past answers a question about the past in one statement.
	Past(ctx context.Context, q PastQuestion) (risk.Past, error)
}

// PastQuestion is what is asked of the past.
type PastQuestion struct {
	risk.Asked
	Identity uuid.UUID
	Source   netip.Prefix
	Since    time.Time // for other accounts
	Enough   int       // nobody needs to know whether there are more of them
}

// Odds hears what was unusual about a sign-in, and what was done about it.
type Odds func(k Kind, flow uuid.UUID, v risk.Verdict)

// riskRules reads what is unusual; nil when nobody asks.
func riskRules(c config.CardeaRisk) (*risk.Rules, error) {
	if len(c.Policies) == 0 {
		return nil, nil
	}
	r := &risk.Rules{Speed: c.TravelSpeed, Accounts: c.Accounts.Max, Within: c.Accounts.Window}
	for _, p := range c.Policies {
		then, err := risk.ParseResponse(p.Then)
		if err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
		policy := risk.Policy{Kinds: p.Flows, Methods: p.Methods, Then: then}
		for _, s := range p.When {
			policy.When = append(policy.When, risk.Signal(s))
		}
		r.Policies = append(r.Policies, policy)
	}
	return r, nil
}

// weighProof weighs a proof and does what follows for its evidence m; an answer ends
// the request. fresh is a new account.
func (r *run) weighProof(ctx context.Context, step *Step, i *identity.Identity, m *session.Method, fresh bool) *Answer {
	held := r.Session != nil && r.Session.IdentityID == i.ID && r.Session.Held()
	if r.flow.RequestedAAL == session.AAL2 {
		m.Lifts = held && (step.Confirms || m.AAL == session.AAL2)
	} else {
		if err := r.weigh(ctx, step, i, fresh); err != nil {
			return r.forward(ctx, err)
		}
		if a := r.respond(ctx, step); a != nil {
			return a
		}
		for _, s := range r.verdict.Signals {
			m.Signals = append(m.Signals, string(s))
		}
		m.Holds = r.verdict.Response == risk.SecondFactor && m.AAL != session.AAL2
	}
	if !fresh && !m.Holds && (!held || m.Lifts) { // a new account is known when there is one
		r.knows(i)
	}
	return nil
}

// weigh says what is unusual about a proof, and what is to be done about it. Without a
// policy that could apply nothing is asked.
func (r *run) weigh(ctx context.Context, step *Step, i *identity.Identity, fresh bool) error {
	if r.risks == nil {
		return nil
	}
	now := risk.Now{SignIn: risk.SignIn{At: r.now, Source: r.Source}, New: fresh, Kind: string(r.kind.name), Method: step.Method}
	if !fresh && (r.Session == nil || !r.Session.Held()) {
		_, now.KnownDevice = r.knownDevice(i)
	}
	q := PastQuestion{Asked: r.risks.Asks(now), Identity: i.ID, Source: r.Source, Since: r.now.Add(-r.risks.Within), Enough: r.risks.Accounts}
	var past risk.Past
	if q.Asked != (risk.Asked{}) {
		var err error
		if past, err = r.store.Past(ctx, q); err != nil {
			return err
		}
	}
	r.verdict = r.risks.Judge(now, past, r.locate)
	if r.verdict.Response == risk.SecondFactor {
		r.verdict.Response = r.holdable(i, step, fresh)
	}
	return nil
}

// locate says where an address is, in degrees.
func (r *run) locate(a netip.Addr) *geo.Point {
	if r.places == nil {
		return nil
	}
	place, _ := r.places.Find(a)
	return place.Point
}

// byMail are the methods whose proof is that somebody reads an address.
var byMail = map[string]bool{"code": true, "link": true}

// holdable is what becomes of a sign-in that has to show something else. Whoever has a
// second factor is asked for it, and others for a code at a verified address. Whoever
// has just read their mail has nothing else to show and gets in, as does a new account;
// one that can show nothing at all is not let in.
func (r *run) holdable(i *identity.Identity, step *Step, fresh bool) risk.Response {
	switch {
	case fresh:
		return risk.Nothing
	case r.availableAAL(i) == string(session.AAL2):
		return risk.SecondFactor
	case byMail[step.Method]:
		return risk.Notify
	case r.confirmable(i):
		return risk.SecondFactor
	}
	return risk.Block
}

// confirmable says whether a code can be sent to somebody in place of a second factor.
func (r *run) confirmable(i *identity.Identity) bool {
	for _, s := range r.steps[Login] {
		if s.Confirms && s.Enabled(r.Setup) && s.usable != nil && s.usable(r.Setup, i) {
			return true
		}
	}
	return false
}

// respond tells whoever watches, and refuses what is to be refused; nil lets a proof
// count.
func (r *run) respond(ctx context.Context, step *Step) *Answer {
	if len(r.verdict.Signals) > 0 {
		r.odds(r.kind.name, r.flow.ID, r.verdict)
	}
	switch r.verdict.Response {
	case risk.Challenge:
		if r.opened || r.isHuman() { // who opens a link has read a mail
			return nil
		}
		return r.callForProof(ctx, 1)
	case risk.Block:
		return r.block(ctx, step)
	}
	return nil
}

// block refuses somebody calmly.
func (r *run) block(ctx context.Context, step *Step) *Answer {
	if r.kind.name == Login {
		r.clock.SleepUntil(ctx, r.now.Add(r.floor))
	}
	switch {
	case r.kind.name == Login && step.Method == "password" && r.Setup.Security.AccountEnumeration.Mitigate:
		// Whoever tries passwords of others does not learn that one of them is right.
		return r.reject(ctx, Deny(ui.New(ui.ValidationCredentials)))
	case r.navigates() || r.handed != nil:
		return r.reject(ctx, Deny(ui.New(ui.SignInBlocked)))
	}
	return r.forward(ctx, problem.Forbidden("This sign-in was stopped because it is unusual. Try again later, or from where you have signed in before.").Named(problem.SignInBlocked))
}

// sourceOf is the part of the network that a session notes, where somebody compares.
func (r *run) sourceOf() string {
	if r.risks == nil || !r.Source.IsValid() {
		return ""
	}
	return r.Source.String()
}

// noteSignUp notes where somebody has signed up who gets no session, where somebody
// compares.
func (r *run) noteSignUp(tx Tx, i *identity.Identity) error {
	if r.sourceOf() == "" || !r.risks.Wants(risk.ManyAccounts) {
		return nil
	}
	return tx.AddOneTimes(SignUpPurpose, r.sourceOf(), []OneTime{{Key: i.ID[:], ExpiresAt: r.now.Add(r.risks.Within)}})
}
