package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/errand"
	"cardea/internal/fetch"
	"cardea/internal/flow"
)

// targetPrefix tells web hooks from subscriptions in the names of targets.
const targetPrefix = "web_hooks/"

// deferred is what the errand of a hook says: what the hook was told and, for the
// time when the configuration does not have it any more, how it was to be called.
type deferred struct {
	Settings json.RawMessage `json:"settings"`
	Known    json.RawMessage `json:"known"`
}

// Errand makes an errand of a call that nobody waits for; see flow.Hooks. The body's
// program runs when the errand does: it cannot hold up a request.
func (r *Runner) Errand(set *flow.Setup, raw json.RawMessage, about flow.HookCall) (flow.Errand, error) {
	s, err := read(raw)
	if err != nil {
		return flow.Errand{}, err
	}
	known, err := r.tell(set, about)
	if err != nil {
		return flow.Errand{}, fmt.Errorf("%s: %w", s.name(), err)
	}
	said, err := json.Marshal(deferred{Settings: raw, Known: known})
	if err != nil {
		return flow.Errand{}, err
	}
	event, err := uuid.NewRandomFromReader(r.o.Rand)
	if err != nil {
		return flow.Errand{}, err
	}
	point := ".after"
	if about.Before {
		point = ".before"
	}
	return errand.New(set, r.o.Rand, flow.Errand{
		Event: event, Kind: flow.ErrandHook, Target: targetPrefix + s.target(), Type: string(about.Page.Flow.Kind) + point,
		Subject: subject(about), CreatedAt: about.Now,
	}, said)
}

// subject is who a call is about.
func subject(about flow.HookCall) uuid.UUID {
	switch {
	case about.Identity != nil && about.Identity.ID != uuid.Nil:
		return about.Identity.ID
	case about.Session != nil && about.Session.IdentityID != uuid.Nil:
		return about.Session.IdentityID
	}
	return about.Page.Flow.ID
}

// Run makes one attempt at a call that nobody waits for; see errand.Runner. Of the
// answer only the status counts.
func (r *Runner) Run(ctx context.Context, set *flow.Setup, e flow.Errand, said []byte) error {
	var d deferred
	if err := json.Unmarshal(said, &d); err != nil {
		return &errand.FinalError{Cause: errors.New("what it says cannot be read")}
	}
	s, err := read(d.Settings)
	if err != nil {
		return &errand.FinalError{Cause: err}
	}
	s = inForce(set, s)
	s.Response.Parse, s.CanInterrupt = false, false
	if err := r.runOnce(ctx, set, s, e, d.Known); err != nil {
		err = fmt.Errorf("%s: %w", s.name(), err)
		var program *programError
		if errors.As(err, &program) || errors.Is(err, fetch.ErrForbiddenAddress) {
			return &errand.FinalError{Cause: err}
		}
		return err
	}
	return nil
}

func (r *Runner) runOnce(ctx context.Context, set *flow.Setup, s *settings, e flow.Errand, known json.RawMessage) error {
	body, err := r.body(ctx, set, s, known)
	if errors.Is(err, errCancelled) {
		return nil
	}
	if err != nil {
		return err
	}
	client, err := r.keptFor(set).client()
	if err != nil {
		return err
	}
	res, err := r.attempt(ctx, set, client, s, body, e.Event)
	if err != nil {
		return err
	}
	_, err = judge(s, res)
	return err
}

// inForce is the hook as it is configured by now, so that a call can be replayed
// once its address or its credentials are right: the one with the same id, else
// with the same address, method and body. A hook that is gone is called as it was.
func inForce(set *flow.Setup, was *settings) *settings {
	for _, k := range []string{"login", "registration", "settings", "recovery", "verification"} {
		f := set.SelfService.Flows.ByKind(k)
		lists := [][]config.Hook{f.Before.Hooks, f.After.Hooks}
		for _, m := range f.After.Methods {
			lists = append(lists, m.Hooks)
		}
		for _, list := range lists {
			for _, h := range list {
				now, err := read(h.Config)
				if h.Name == "web_hook" && err == nil && now.replaces(was) {
					return now
				}
			}
		}
	}
	return was
}

func (s *settings) replaces(was *settings) bool {
	if s.ID != "" || was.ID != "" {
		return s.ID == was.ID
	}
	return s.URL == was.URL && s.Method == was.Method && s.Body == was.Body
}
