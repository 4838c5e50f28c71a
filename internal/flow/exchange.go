package flow

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
	"cardea/internal/session"
)

// Exchange is a session token exchange: a native app trades the half it was shown
// when its flow began and the half its browser came back with for a session.
type Exchange struct {
	FlowID    uuid.UUID
	SessionID *uuid.UUID // nil until the browser has come back with success
	ExpiresAt time.Time
	// ReturnHash is the hash of the browser's half; nil until it came back.
	ReturnHash []byte
}

// Completes says whether the hash of the browser's half is the right one.
func (e *Exchange) Completes(returnHash []byte) bool {
	return e.ReturnHash != nil && bytes.Equal(e.ReturnHash, returnHash)
}

// ExchangeStore keeps exchanges.
type ExchangeStore interface {
	// CreateExchange keeps the hash of the init half of a session token exchange.
	CreateExchange(ctx context.Context, flowID uuid.UUID, initHash []byte, expiresAt time.Time) error
	// Exchange finds one by the hash of its init half, whether it is over or not.
	Exchange(ctx context.Context, initHash []byte) (*Exchange, error)
	// AddToken gives a session one more token.
	AddToken(ctx context.Context, sessionID uuid.UUID, tokenHash []byte) error
}

// ExchangeWriter changes exchanges.
type ExchangeWriter interface {
	// CompleteExchange notes the browser's half and, unless it is nil, the session.
	CompleteExchange(flowID uuid.UUID, returnHash []byte, sessionID *uuid.UUID) error
	// MoveExchange hands an exchange to the flow that continues the one it belongs to.
	MoveExchange(from, to uuid.UUID) error
}

const (
	exchangeKey     = "exchange" // fact: the flow's app waits for the other half of an exchange
	exchangePurpose = "session token exchange"
)

// handed is a sign-in in a browser on behalf of an app: the browser gets no session
// but a code to bring to the app.
type handed struct{ code string }

// handOver finds out whether the browser that came back acts for an app. Who is
// signed in to the browser is then nobody's business.
func (r *run) handOver() {
	if r.flow.Type != API || r.flow.Facts[exchangeKey] == nil {
		return
	}
	v := *r.Visit
	v.Session, v.Token = nil, ""
	r.Visit, r.handed = &v, &handed{session.NewExchangeCode(r.rand)}
}

// handIn notes, with the outcome, the half of the exchange that the browser brings
// to the app.
func (r *run) handIn(tx Tx, s *session.Session) error {
	if r.handed == nil {
		return nil
	}
	var id *uuid.UUID
	if s != nil {
		id = &s.ID
	}
	return tx.CompleteExchange(r.flow.ID, session.HashToken(r.handed.code), id)
}

// toApp sends the browser to the app, with the code and, where the app has to go
// on with it, the flow.
func (r *run) toApp(ctx context.Context, withFlow bool) *Answer {
	to, err := r.ReturnTo(r.flow.ReturnTo, r.SelfService.DefaultBrowserReturnURL)
	if err != nil {
		return r.forward(ctx, err)
	}
	to = withQuery(to, "code", r.handed.code)
	if withFlow {
		to = withQuery(to, "flow", r.flow.ID.String())
	}
	return redirect(303, to)
}

// Trade gives an app its session for both halves of an exchange, once. A flow that
// needs more than the provider knew is shown instead.
func (e *Engine) Trade(ctx context.Context, v *Visit, initCode, returnCode string) *Answer {
	r := e.begin(Login, v)
	unknown := envelope(problem.NotFound("There is no session for these codes yet."))
	traded, err := e.store.Exchange(ctx, session.HashToken(initCode))
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return unknown
	case err != nil:
		return envelope(asProblem(err))
	case !traded.Completes(session.HashToken(returnCode)), traded.ExpiresAt.Before(r.now):
		return unknown
	case traded.SessionID == nil:
		return r.unfinished(ctx, traded.FlowID, unknown)
	}
	s, err := e.store.Session(ctx, *traded.SessionID)
	if err != nil || !s.IsActive(r.now, &r.Limits) {
		return unknown
	}
	first, err := e.store.Spend(ctx, exchangePurpose, append([]byte("exchange "), session.HashToken(initCode+returnCode)...), traded.ExpiresAt)
	if err != nil {
		return envelope(asProblem(err))
	}
	if !first {
		return unknown
	}
	token := session.NewToken(r.rand)
	if err := e.store.AddToken(ctx, s.ID, session.HashToken(token)); err != nil {
		return envelope(asProblem(err))
	}
	shown := *s
	shown.Devices = []session.Device{}
	return &Answer{Status: 200, Body: &SignedIn{Session: &shown, Token: token, Traded: true}}
}

// unfinished shows a registration that the provider's answer was not enough for.
func (r *run) unfinished(ctx context.Context, id uuid.UUID, otherwise *Answer) *Answer {
	f, err := r.store.Flow(ctx, id)
	if err != nil || f.Kind != Registration || f.Expired(r.now) {
		return otherwise
	}
	r.kind, r.flow = r.kinds[f.Kind], f
	return r.show(ctx, 422)
}
