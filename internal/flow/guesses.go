package flow

import (
	"context"
	"maps"
	"slices"
	"time"

	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/secret"
	"cardea/internal/ui"
)

// Every submission with which somebody could guess their way to a session says so in
// its Spec, and goes through one gate before the step sees it: see run.guess.

// Secret says what is guessed at. Different secrets are counted apart: who tries
// passwords keeps nobody from entering a code.
type Secret int

// The secrets.
const (
	SecretPassword Secret = iota // the owner made it up
	SecretCode                   // it was sent to an address
	SecretFactor                 // a second factor, of whoever is signed in
)

// Guess is how a submission guesses at a secret.
type Guess struct {
	// Field holds the guess; without it nothing is guessed.
	Field  string
	Secret Secret
	// About is the identifier or address that the secret belongs to; "" for one that
	// belongs to the flow alone. In is the input. Nil for a second factor.
	About func(x *Exec, in map[string]any) (string, error)
	// Find finds the account of that, with the questions that the step is going to
	// ask. ErrNotFound for nobody's. Nil when there is none yet.
	Find func(ctx context.Context, x *Exec, about string) (*identity.Identity, error)
}

// Watch hears what becomes of guesses. Outcome is right, wrong, refused, barred, which is
// a guess without the proof that was due, or stopped, for the guess after which a counter
// lets no more through.
type Watch func(outcome string, scope gate.Scope)

// guess lets a step judge a submission. If it guesses at a secret, the guess is taken
// before; what too many were wrong about is not looked at. An answer ends the request.
func (r *run) guess(ctx context.Context, x *Exec, step *Step, tree map[string]any, judge func(context.Context, *Exec, map[string]any) (Result, error)) (Result, *Answer, error) {
	g := step.Guess
	if g == nil || typed(tree, g.Field) == "" || r.opened && step.opens {
		result, err := judge(ctx, x, tree)
		return result, nil, err
	}
	memory := &remembered{Reader: x.Store, asked: map[string]answered{}, keep: true}
	x.Store = memory
	counters, err := r.counters(ctx, x, g, tree)
	memory.keep = false
	if err != nil {
		return nil, nil, err
	}
	if len(counters) == 0 {
		result, err := judge(ctx, x, tree)
		return result, nil, err
	}
	taken, refused, barred, err := r.takeBehind(ctx, g, counters)
	if refused != nil {
		r.tarpit.Wait(ctx)
	}
	switch {
	case err != nil, barred != nil:
		return nil, barred, err
	case refused != nil && g.Secret == SecretFactor:
		return Deny(ui.New(ui.LoginTooManyGuesses, ui.Moment("retry_at", refused.Until)...)), nil, nil
	case refused != nil:
		return nil, r.refuse(ctx, refused), nil
	}
	if taken.Waited {
		clear(memory.asked) // others may have changed the account in the meantime
	}
	if taken.Poisoned {
		tree = maps.Clone(tree)
		tree[g.Field] = secret.Token(r.rand, "", 24)
	}
	result, err := judge(ctx, x, tree)
	counted, err := r.settleGuess(ctx, g, taken, counters, result, err)
	if !counted && err == nil { // it took so long that others had the guess
		r.watch("lapsed", counters[0].Scope)
		return nil, r.refuse(ctx, &gate.Refused{Scope: counters[0].Scope, Until: r.now.Add(time.Second)}), nil
	}
	return result, nil, err
}

func typed(tree map[string]any, field string) string {
	text, _ := tree[field].(string)
	return text
}

// take takes a guess, unless the client's address floods us: then nothing is written.
func (r *run) take(ctx context.Context, counters []gate.Counter) (*gate.Guess, *gate.Refused, error) {
	source, known := r.sourceKey()
	if known {
		if ok, until := r.flood.Full(source, r.now); !ok {
			r.watch("refused", gate.Network)
			return nil, &gate.Refused{Scope: gate.Network, Until: until}, nil
		}
	}
	taken, refused, err := r.desk.Take(ctx, counters)
	if refused != nil {
		r.watch("refused", refused.Scope)
		if known {
			r.flood.Spend(source, r.now)
		}
	}
	return taken, refused, err
}

// settleGuess says at the desk what came out of a guess. err is that of the step. The
// result counts for nothing unless the guess did.
func (r *run) settleGuess(ctx context.Context, g *Guess, taken *gate.Guess, counters []gate.Counter, result Result, err error) (counted bool, _ error) {
	scope := counters[0].Scope
	switch result := result.(type) {
	case Proved, NewIdentity, AddressProved, Recovered:
		if err == nil {
			r.watch("right", scope)
			return taken.Right(ctx)
		}
	case Rejected:
		if err == nil && !result.Unjudged {
			counted, err := taken.Wrong(ctx)
			r.missed(taken, counters)
			if err == nil {
				err = r.anticipate(g, counters, taken)
			}
			return counted, err
		}
	}
	taken.Return()
	return true, err
}

// missed tells of a wrong guess.
func (r *run) missed(taken *gate.Guess, counters []gate.Counter) {
	if source, known := r.sourceKey(); known {
		r.flood.Spend(source, r.now)
	}
	r.count()
	r.watch("wrong", counters[0].Scope)
	for _, c := range counters {
		if slices.Contains(taken.Stopped, c.Scope) && taken.Taken[c.Scope] >= c.Rule.Stop { // the barrier opens again
			r.watch("stopped", c.Scope)
		}
	}
}

// remembered spares the step the questions by which the gate has found the account.
type remembered struct {
	Reader
	asked map[string]answered
	keep  bool
}

type answered struct {
	identity *identity.Identity
	err      error
}

func (m *remembered) once(key string, ask func() (*identity.Identity, error)) (*identity.Identity, error) {
	if a, ok := m.asked[key]; ok && !m.keep {
		delete(m.asked, key) // who asks again wants to know what has changed
		return a.identity, a.err
	}
	i, err := ask()
	if m.keep {
		m.asked[key] = answered{i, err}
	}
	return i, err
}

// IdentityByIdentifier implements Reader.
func (m *remembered) IdentityByIdentifier(ctx context.Context, t identity.CredentialType, identifiers ...string) (*identity.Identity, error) {
	return m.once(question("identifier", append([]string{string(t)}, identifiers...)), func() (*identity.Identity, error) {
		return m.Reader.IdentityByIdentifier(ctx, t, identifiers...)
	})
}

// IdentityByIdentifiers implements Reader.
func (m *remembered) IdentityByIdentifiers(ctx context.Context, types []identity.CredentialType, identifiers ...string) (*identity.Identity, error) {
	parts := append([]string{}, identifiers...)
	for _, t := range types {
		parts = append(parts, string(t))
	}
	return m.once(question("identifiers", parts), func() (*identity.Identity, error) {
		return m.Reader.IdentityByIdentifiers(ctx, types, identifiers...)
	})
}

// question is a text that no other question has.
func question(kind string, parts []string) string {
	for _, p := range parts {
		kind += "\x00" + p
	}
	return kind
}
