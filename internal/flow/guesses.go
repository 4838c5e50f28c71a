package flow

import (
	"context"
	"time"

	"cardea/internal/payload"
	"cardea/internal/ui"
)

// What an account's second factors keep secret can be guessed by whoever has the first
// one: as often as they like, were it only counted in a flow. So it is counted for the
// account, before it is looked at.

// secondFactorGuesses is what guesses at the second factors of an account count for.
const secondFactorGuesses = "second factor guesses"

// Guesses counts guesses at secrets.
type Guesses interface {
	// Guess counts one guess about a subject, unless as many as allowed were counted
	// since the first of them; they are forgotten when window is over. Of parallel
	// guesses no more than allowed get true. until is when there may be more, only
	// with false. It commits on its own.
	Guess(ctx context.Context, purpose, subject string, allowed int, now time.Time, window time.Duration) (ok bool, until time.Time, err error)
	// ForgetGuesses forgets the guesses about a subject: one was right.
	ForgetGuesses(ctx context.Context, purpose, subject string) error
}

// guess lets a step judge a submission, and counts it before if it guesses at a second
// factor. The rejection of an account about which too many were wrong is the same for
// every method, flow and client. Nothing that proves a first factor is counted: only
// who has one can keep the owner from the second, and never from the first.
func (r *run) guess(ctx context.Context, step *Step, body *payload.Body, judge func() (Result, error)) (Result, error) {
	limit := r.Cardea.Security.SecondFactorGuesses
	if step.Guess == "" || r.Session == nil || limit.Max == 0 || body.First(step.Guess) == "" {
		return judge()
	}
	account := r.Session.IdentityID.String()
	ok, until, err := r.store.Guess(ctx, secondFactorGuesses, account, limit.Max, r.now, limit.Window)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return Deny(ui.New(ui.LoginTooManyGuesses, ui.Moment("retry_at", until)...)), nil
	}
	result, err := judge()
	if _, right := result.(Proved); right && err == nil {
		err = r.store.ForgetGuesses(ctx, secondFactorGuesses, account)
	}
	return result, err
}
