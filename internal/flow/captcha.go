package flow

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/captcha"
	"cardea/internal/config"
	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/trace"
	"cardea/internal/ui"
)

// The barrier against robots stands in front of the steps: where a proof is due, nothing
// is compared, stored or sent before it was given. A proof is good for one submission.
// Who wants one from a flow, for whatever reason, says so with run.callForProof; whether
// one was given, run.isHuman tells.

// Robots asks a service whether it was a person who gave an answer. The error is one of
// package captcha's.
type Robots interface {
	Ask(ctx context.Context, s captcha.Service, answer string) error
}

// captchaKey is where a flow keeps that a proof is due.
const captchaKey = "captcha"

// due is what a flow remembers of the barrier.
type due struct {
	// Level is how much has to be shown: 0 for nothing, 1 for what everybody has to show,
	// more for more risk.
	Level int       `json:"level,omitempty"`
	Since time.Time `json:"since"`
	// Passed says that a proof was given in the flow.
	Passed bool `json:"passed,omitempty"`
}

// attempt is what a submission shows at the barrier.
type attempt struct {
	answer string // to the challenge, "" for none
	level  int    // that it is good for, 0 before it was looked at
	doubt  error  // why it is good for nothing
}

func (f *Flow) due() (d due) {
	if raw, ok := f.Facts[captchaKey]; ok {
		_ = json.Unmarshal(raw, &d) // written by this file
	}
	return d
}

// callForProof answers that the flow goes on with a proof only, from now on at the level
// that is given, 1 or more. Whoever calls it after something was compared tells with it
// how the comparison came out.
func (r *run) callForProof(ctx context.Context, level int) *Answer {
	return r.bar(ctx, level, captcha.ErrMissing)
}

// isHuman says whether a proof was given in the course of the flow.
func (r *run) isHuman() bool { return r.attempt.level > 0 || r.flow.due().Passed }

// demand notes that the next submission has to come with a proof.
func (r *run) demand(level int) error {
	d := r.flow.due()
	if d.Level == 0 {
		d.Since = r.now
	}
	d.Level = max(1, min(level, r.hardest()))
	return r.flow.remember(captchaKey, d)
}

// bar shows the form with the barrier and says why.
func (r *run) bar(ctx context.Context, level int, why error) *Answer {
	if err := r.demand(level); err != nil {
		return r.forward(ctx, err)
	}
	id := ui.ValidationCaptcha
	switch {
	case errors.Is(why, captcha.ErrMissing):
		id = ui.CaptchaDue
	case errors.Is(why, captcha.ErrUnreachable):
		id = ui.CaptchaUnreachable
	}
	return r.reject(ctx, Deny(ui.New(id)))
}

// barred asks for a proof before a submission is judged, nil when none is due or one was
// given.
func (r *run) barred(ctx context.Context, step *Step, tree map[string]any) *Answer {
	if r.opened || r.flow.Trial() != nil {
		return nil // the mail was the proof
	}
	level := r.level()
	if step.entersCode(tree) {
		level = r.flow.due().Level // the mail may be one, unless somebody wants more
	}
	if level > 0 {
		if err := r.prove(ctx, level); err != nil {
			return r.barOr(ctx, level, err)
		}
	}
	if step.costs(tree) {
		r.count()
	}
	return nil
}

// count notes that somebody of the client's address has done what robots do often.
func (r *run) count() {
	if source, ok := r.crowd(); ok {
		r.meter.Count(source, r.Cardea.Captcha.Risk.Window, r.now)
	}
}

// barOr bars whoever has not shown to be no robot, and forwards other errors. Nothing was
// looked at, so it may take its time.
func (r *run) barOr(ctx context.Context, level int, err error) *Answer {
	for _, why := range []error{
		captcha.ErrMissing, captcha.ErrWrong, captcha.ErrForeign, captcha.ErrExpired, captcha.ErrTooEasy, captcha.ErrUsed, captcha.ErrUnreachable,
	} {
		if errors.Is(err, why) {
			r.tarpit.Wait(ctx)
			return r.bar(ctx, level, err)
		}
	}
	return r.forward(ctx, err)
}

// entersCode says whether a submission guesses at what was sent to somebody, or at a
// second factor.
func (s *Step) entersCode(tree map[string]any) bool {
	return s.Guess != nil && s.Guess.Secret != SecretPassword && typed(tree, s.Guess.Field) != ""
}

// costs says whether a submission makes an account or sends something, as far as can be
// told before.
func (s *Step) costs(tree map[string]any) bool {
	switch {
	case s.entersCode(tree), s.resume != nil, s.Kind == Settings:
		return false
	case s.Kind == Login:
		return s.Guess != nil && s.Guess.Secret == SecretCode
	}
	return true
}

// level is what is due before the next submission is known, 0 for nothing.
func (r *run) level() int {
	level := r.flow.due().Level
	switch r.Cardea.Captcha.For(string(r.kind.name)) {
	case config.CaptchaAlways:
		level = max(level, 1)
	case config.CaptchaRisk:
		if source, ok := r.crowd(); ok {
			level = max(level, r.rise(r.meter.Seen(source, r.now), r.Cardea.Captcha.Risk.Submissions))
		}
	}
	return level
}

// prove checks the proof that came along, at most once in a request.
func (r *run) prove(ctx context.Context, level int) error {
	if r.attempt.level == 0 && r.attempt.doubt == nil {
		if shown, err := r.examine(ctx, level); err != nil {
			r.attempt.doubt = err
		} else {
			r.attempt.level = shown
		}
	}
	switch {
	case r.attempt.doubt != nil:
		return r.attempt.doubt
	case r.attempt.level < level:
		return captcha.ErrTooEasy
	}
	return r.flow.remember(captchaKey, due{Since: r.now, Passed: true})
}

// examine finds out which level the proof is good for.
func (r *run) examine(ctx context.Context, level int) (int, error) {
	ctx, span := trace.Start(ctx, "captcha")
	shown, err := r.examined(ctx, level)
	span.Done(err)
	return shown, err
}

func (r *run) examined(ctx context.Context, level int) (int, error) {
	c := &r.Cardea.Captcha
	if c.Provider != config.ProofOfWork {
		return r.hardest(), r.askService(ctx)
	}
	if r.attempt.answer == "" && c.ProofOfWork.WithoutJavaScript == "wait" {
		return level, r.waited(ctx, level)
	}
	p, err := captcha.Check(r.Keys, r.attempt.answer, r.flow.ID.String(), r.now)
	if err != nil {
		return 0, err
	}
	if p.Max < r.difficulty(level) {
		return 0, captcha.ErrTooEasy
	}
	first, err := r.store.Spend(ctx, "proof of work", p.Key, p.Expires)
	if err == nil && !first {
		err = captcha.ErrUsed
	}
	return r.worth(p.Max), err
}

// askService lets the service judge.
func (r *run) askService(ctx context.Context) error {
	if r.attempt.answer == "" {
		return captcha.ErrMissing
	}
	if r.robots == nil {
		return captcha.ErrUnreachable
	}
	err := r.robots.Ask(ctx, r.service(), r.attempt.answer)
	if errors.Is(err, captcha.ErrUnreachable) && r.Cardea.Captcha.Service.WhenUnreachable == "accept" {
		return nil
	}
	if err != nil {
		return err
	}
	key := sha256.Sum256([]byte(r.attempt.answer))
	first, err := r.store.Spend(ctx, "answer to a captcha", key[:], r.now.Add(answersLive))
	if err == nil && !first {
		err = captcha.ErrUsed
	}
	return err
}

// answersLive is longer than any service accepts an answer.
const answersLive = time.Hour

// waited lets somebody through who has waited in place of work, once each time.
func (r *run) waited(ctx context.Context, level int) error {
	since := r.flow.due().Since
	if since.IsZero() {
		since = r.flow.IssuedAt
	}
	if r.now.Before(since.Add(patience(level))) {
		return captcha.ErrMissing
	}
	key := sha256.Sum256([]byte(r.flow.ID.String() + since.UTC().String()))
	first, err := r.store.Spend(ctx, "waited for", key[:], r.flow.ExpiresAt)
	if err == nil && !first {
		err = captcha.ErrUsed
	}
	return err
}

// patience is how long people wait at a level who cannot work.
func patience(level int) time.Duration { return 30 * time.Second << (2 * (level - 1)) }

// hearAnswer takes the answer to the challenge out of a submission: what is left is for
// hooks.
func (r *run) hearAnswer(body *payload.Body, tree map[string]any) {
	c := &r.Cardea.Captcha
	field, widget := responseField(c.Provider), widgetFields[c.Provider]
	if r.attempt.answer = body.First(transientField + field); r.attempt.answer == "" {
		r.attempt.answer = body.First(widget)
	}
	transient, ok := tree["transient_payload"].(map[string]any)
	if !ok {
		return
	}
	if _, there := transient[field]; !there {
		return
	}
	delete(transient, field)
	if len(transient) == 0 {
		delete(tree, "transient_payload")
	}
}

// Challenge gives a proof of work that a flow accepts: GET
// /self-service/captcha/challenge. It is no secret.
func (e *Engine) Challenge(ctx context.Context, v *Visit) *Answer {
	r := e.begin(Login, v)
	id, err := uuid.Parse(r.param("flow"))
	if err != nil {
		return envelope(problem.BadRequest("The parameter flow is missing or is not the id of a flow."))
	}
	if r.Cardea.Captcha.Provider != config.ProofOfWork {
		return envelope(problem.NotFound("The barrier against robots is a service of somebody else."))
	}
	if r.flow, err = r.store.Flow(ctx, id); err != nil {
		return envelope(asProblem(err))
	}
	r.kind = e.kinds[r.flow.Kind]
	return &Answer{Status: 200, Body: r.challenge()}
}
