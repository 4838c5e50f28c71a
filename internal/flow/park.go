package flow

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"time"

	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// What was submitted waits, sealed in the flow, while somebody signs in again;
// then it is carried out without another click. It belongs to one flow, hence to
// one identity, and to the browser that has the continuity cookie.

const (
	parkedKey                = "parked"
	parkedFor                = 15 * time.Minute
	parkedLabel secret.Label = "parked submission"
)

type parked struct {
	Browser []byte    `json:"browser"` // hash of the continuity cookie
	Sealed  []byte    `json:"sealed"`
	Until   time.Time `json:"until"`
}

// fresh says whether the session's sign-in is recent enough to change how
// somebody signs in.
func (r *run) recent() bool {
	age := r.SelfService.Flows.ByKind(string(Settings)).PrivilegedSessionMaxAge
	return age <= 0 || r.Session.AuthenticatedAt.Add(age).After(r.now)
}

// stale asks for a new sign-in and keeps the submission for afterwards.
func (r *run) stale(ctx context.Context, step *Step, tree map[string]any) *Answer {
	if r.kind.name == Login {
		return r.signInAgain()
	}
	back := map[string][]string{"flow": {r.flow.ID.String()}}
	to := r.Public("self-service/login/browser", map[string][]string{
		"refresh": {"true"}, "return_to": {r.Public("self-service/"+string(r.kind.name), back)},
	})
	a := redirect(303, to)
	page := r.flow.Type == Browser && !r.JSON
	if !page {
		a = envelope(refreshNeeded(to))
	}
	if !page && !step.ParksAlways {
		return a
	}
	cookie, err := r.park(ctx, step, tree)
	if err != nil {
		return r.forward(ctx, err)
	}
	a.Continuity = cookie
	return a
}

// refreshNeeded says that a sign-in is too old, and where it can be renewed.
func refreshNeeded(to string) *problem.Error {
	return problem.Forbidden("The sign-in is too long ago for this. Sign in again first.").
		Named(problem.SessionRefreshRequired).Beside("redirect_browser_to", to)
}

// park seals a submission into the flow and returns the cookie it belongs to.
func (r *run) park(ctx context.Context, step *Step, tree map[string]any) (string, error) {
	whole := map[string]any{"method": step.Method}
	for k, v := range tree {
		whole[k] = v
	}
	raw, err := json.Marshal(whole)
	if err != nil {
		return "", err
	}
	sealed, err := r.Keys.Seal(r.rand, parkedLabel, raw, r.flow.ID[:])
	if err != nil {
		return "", err
	}
	cookie := session.NewExchangeCode(r.rand)
	err = r.flow.remember(parkedKey, parked{Browser: session.HashToken(cookie), Sealed: sealed, Until: r.now.Add(parkedFor)})
	if err != nil {
		return "", err
	}
	return cookie, r.write(ctx, nil, func(tx Tx) error { return tx.UpdateFlow(r.flow) })
}

// resume finds the submission that waited for the sign-in that has just taken
// place, nil when there is none for this browser.
func (r *run) resume() *payload.Body {
	raw, ok := r.flow.Facts[parkedKey]
	if !ok || !r.Get || r.kind.name != Settings || !r.recent() {
		return nil
	}
	var p parked
	if json.Unmarshal(raw, &p) != nil || r.now.After(p.Until) ||
		subtle.ConstantTimeCompare(p.Browser, session.HashToken(r.Continuity)) != 1 {
		return nil
	}
	tree, err := r.Keys.Open(parkedLabel, p.Sealed, r.flow.ID[:])
	if err != nil {
		return nil
	}
	body, err := payload.Read(payload.Source{
		ContentType: "application/json", Method: "POST", Body: bytes.NewReader(tree), ContentLength: int64(len(tree)), Limit: int64(len(tree)) + 1,
	})
	if err != nil {
		return nil
	}
	delete(r.flow.Facts, parkedKey)
	return body
}
