package flow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/trace"
)

// Leave sends the browser to somebody else who finds out who it is, and who sends
// it back to Engine.Return.
type Leave struct {
	Provider string
	// To finds the address to go to, with a state that has to come back. A state is good
	// for one return, of this browser, to this flow. What it carries is kept with the
	// flow, sealed, until then.
	To func(ctx context.Context, state string) (address string, carry any, err error)
}

// Back is how a browser came back.
type Back struct {
	Query url.Values
	Carry json.RawMessage
	// Stray is why the return is not the one that was waited for. Only trials are told,
	// and only by the browser that left; there is no Carry then.
	Stray error
}

func (Leave) result() {}

// Facts that leaving keeps with a flow, and the labels of what it makes.
const (
	awayKey                  = "away"
	awayFor                  = 30 * time.Minute
	awayPurpose              = "provider state"
	stateLabel  secret.Label = "provider state"
	carryLabel  secret.Label = "carried to a provider"
)

// away is what a flow knows of the browser that left. Only the one that left last
// can come back.
type away struct {
	Method   string    `json:"method"`
	Provider string    `json:"provider"`
	State    []byte    `json:"state"`             // hash
	Browser  []byte    `json:"browser,omitempty"` // hash of the continuity cookie; none for native flows
	Sealed   []byte    `json:"sealed"`
	Until    time.Time `json:"until"`
}

// leave keeps what has to be known when the browser comes back and sends it away.
func (r *run) leave(ctx context.Context, step *Step, l Leave) *Answer {
	state, err := r.newState()
	if err != nil {
		return r.forward(ctx, err)
	}
	to, carried, err := l.To(ctx, state)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	carry, err := json.Marshal(carried)
	if err != nil {
		return r.forward(ctx, err)
	}
	kept := away{Method: step.Method, Provider: l.Provider, State: hashOfState(state), Until: r.now.Add(awayFor)}
	if kept.Sealed, err = r.Keys.Seal(r.rand, carryLabel, carry, r.flow.ID[:]); err != nil {
		return r.forward(ctx, err)
	}
	cookie := ""
	if r.flow.Type == Browser {
		// A browser keeps its cookie: journeys in other tabs and a submission that waits
		// for this sign-in are bound to it, too.
		if cookie = r.Continuity; len(cookie) != len(session.NewExchangeCode(r.rand)) {
			cookie = session.NewExchangeCode(r.rand)
		}
		kept.Browser = session.HashToken(cookie)
	}
	if err := r.flow.remember(awayKey, kept); err != nil {
		return r.forward(ctx, err)
	}
	r.flow.UpdatedAt = r.now
	if err := r.write(ctx, nil, func(tx Tx) error { return tx.UpdateFlow(r.flow) }); err != nil {
		return r.forward(ctx, err)
	}
	a := r.goElsewhere(to)
	if r.flow.Type == API && a.Location != "" {
		a = locationChange(a.Location)
	}
	a.Continuity = cookie
	return a
}

// newState draws a state. It names the flow, and only this server can have made it.
func (r *run) newState() (string, error) {
	sealed, err := r.Keys.Seal(r.rand, stateLabel, r.flow.ID[:], []byte(awayPurpose))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func hashOfState(state string) []byte {
	sum := sha256.Sum256([]byte(state))
	return sum[:]
}

// Return carries a journey on whose browser comes back from a provider: the redirect
// URI of RFC 6749, section 4.1.2. provider is what the address says, "" for nothing.
func (e *Engine) Return(ctx context.Context, method, provider string, v *Visit) (a *Answer) {
	ctx, span := trace.Start(ctx, "return")
	defer span.End()
	r := e.begin(Login, v)
	defer func() { r.end(ctx, a) }()
	r.returned = true
	f, err := r.stateOf(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	r.kind, r.flow = e.kinds[f.Kind], f
	step := r.returnsTo(method)
	if step == nil {
		return r.forward(ctx, problem.NotFound("The method was switched off by the operator."))
	}
	r.ledger.step = step
	r.handOver()
	if a := r.pass(ctx, r.kind.back); a != nil {
		return a
	}
	kept, own, err := r.comesFrom(ctx, method, provider)
	if err != nil {
		if own && r.flow.Trial() != nil {
			return r.tried(ctx, step, Back{Stray: err})
		}
		return r.forward(ctx, err)
	}
	delete(r.flow.Facts, awayKey)
	r.clear()
	r.flow.Active = step.Method
	carry, err := r.Keys.Open(carryLabel, kept.Sealed, r.flow.ID[:])
	if err != nil {
		return r.forward(ctx, strayed().With(err))
	}
	back := Back{Query: r.Query, Carry: carry}
	if r.flow.Trial() != nil {
		return r.tried(ctx, step, back)
	}
	x, err := r.exec(ctx)
	if err != nil {
		return r.forward(ctx, err)
	}
	result, err := step.resume(ctx, x, back)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	return r.act(ctx, x, step, nil, result)
}

// strayed is a return that nobody waits for. What exactly is wrong with it is
// nobody's business.
func strayed() *problem.Error {
	return problem.BadRequest("The answer of the provider does not belong to a sign-in that this browser has begun, or it was used before. Please start again.")
}

// stateOf finds the flow that a browser comes back to.
func (r *run) stateOf(ctx context.Context) (*Flow, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(r.param("state"))
	if err != nil {
		return nil, strayed().With(err)
	}
	raw, err := r.Keys.Open(stateLabel, sealed, []byte(awayPurpose))
	if err != nil {
		return nil, strayed().With(err)
	}
	id, err := uuid.FromBytes(raw)
	if err != nil {
		return nil, strayed().With(err)
	}
	return r.store.Flow(ctx, id)
}

// returnsTo is the step of the flow's kind to which a method's browsers come back.
func (r *run) returnsTo(method string) *Step {
	at := slices.IndexFunc(r.steps[r.kind.name], func(s *Step) bool {
		return s.Method == method && s.resume != nil && s.Enabled(r.Setup) && s.accepts(r.flow)
	})
	if at < 0 {
		return nil
	}
	return r.steps[r.kind.name][at]
}

// comesFrom checks that this is the browser that left, that it comes from where it
// went, and that it does so for the first time (RFC 9700, sections 4.4 and 4.7). The
// second result says that at least the browser is the right one.
func (r *run) comesFrom(ctx context.Context, method, provider string) (*away, bool, error) {
	raw, ok := r.flow.Facts[awayKey]
	if !ok {
		return nil, false, strayed()
	}
	var kept away
	if err := json.Unmarshal(raw, &kept); err != nil {
		return nil, false, err
	}
	state := hashOfState(r.param("state"))
	bound := r.handed != nil // the app's half of the exchange binds what no cookie can
	if kept.Browser != nil {
		bound = subtle.ConstantTimeCompare(kept.Browser, session.HashToken(r.Continuity)) == 1
	}
	switch {
	case !bound, subtle.ConstantTimeCompare(kept.State, state) != 1, r.now.After(kept.Until), kept.Method != method:
		return nil, bound, strayed()
	case provider != "" && provider != kept.Provider:
		return nil, bound, strayed().With(errors.New("the provider is another than the one that the browser was sent to"))
	}
	first, err := r.store.Spend(ctx, awayPurpose, state, kept.Until)
	if err == nil && !first {
		err = strayed()
	}
	return &kept, bound, err
}

// refuseSecondReturn sends somebody on who is signed in by now: a return that the
// browser repeats does no harm.
func refuseSecondReturn(ctx context.Context, r *run) *Answer {
	if r.Session == nil || r.flow.Refresh {
		return nil
	}
	to, err := r.ReturnTo(r.flow.ReturnTo, r.defaultReturn(r.kind.name, ""))
	if err != nil {
		return r.forward(ctx, err)
	}
	return r.goElsewhere(to)
}
