package flow

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"cardea/internal/config"
	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/ui"
)

// guessLabel separates the keys of counters from all else that is made with the same
// secrets: the database must not tell what people typed.
const guessLabel secret.Label = "guess counter"

// key is the key of a counter. Parts hold no zero bytes, or come last.
func (s *Setup) key(kind string, parts ...string) gate.Key {
	return gate.Key(s.Keys.MAC(guessLabel, []byte(question(kind, parts))))
}

// rule is a gate.Rule for a budget; false when there is none.
func (s *Setup) rule(b config.Budget) (gate.Rule, bool) {
	t := &s.Cardea.Throttle
	return gate.Rule{Free: b.Free, Stop: b.Stop, First: t.FirstWait, Longest: t.LongestWait, Window: t.Window}, t.Enabled && b.Stop > 0
}

// sourceKey is what the client's address counts for; false when it is not known, or
// when nobody wants to know.
func (r *run) sourceKey() (gate.Key, bool) {
	if r.Source == (netip.Prefix{}) || !r.Cardea.Throttle.Enabled {
		return gate.Key{}, false
	}
	return r.key("network", r.Source.String()), true
}

// counters are what a guess is counted for. Whoever was signed in here before is
// counted apart from strangers, who cannot keep them out. An identifier that nobody
// has is counted for as much as one that somebody has.
func (r *run) counters(ctx context.Context, x *Exec, g *Guess, tree map[string]any) ([]gate.Counter, error) {
	if g.Secret == SecretFactor {
		return r.factorCounters(), nil
	}
	if !r.Cardea.Throttle.Enabled {
		return nil, nil
	}
	about, err := g.About(x, tree)
	if err != nil {
		return nil, err
	}
	var owner *identity.Identity
	if g.Find != nil {
		if owner, err = g.Find(ctx, x, about); err != nil && !errors.Is(err, problem.ErrNotFound) {
			return nil, err
		}
	}
	if owner != nil {
		r.ledger.subject = owner.ID
	}
	if about = identity.NormalizeIdentifier(about); about == "" {
		about = "flow " + r.flow.ID.String()
	}
	if device, ok := r.knownDevice(owner); ok {
		if rule, ok := r.rule(r.Cardea.Throttle.Device); ok {
			return []gate.Counter{{
				Scope: gate.Device, Rule: rule, About: r.key("devices", owner.ID.String()),
				Subject: r.key("device", g.Secret.String(), owner.ID.String(), device),
			}}, nil
		}
	}
	return r.strangersCounters(g, about, owner), nil
}

// String names a secret in keys.
func (s Secret) String() string { return [...]string{"password", "code", "factor"}[s] }

func (r *run) strangersCounters(g *Guess, about string, owner *identity.Identity) (all []gate.Counter) {
	t, what := &r.Cardea.Throttle, g.Secret.String()
	scope, budget := gate.Account, t.Account
	if g.Secret == SecretCode {
		scope, budget = gate.Recovery, t.Codes
	}
	add := func(b config.Budget, c gate.Counter) {
		if rule, ok := r.rule(b); ok {
			c.Rule = rule
			all = append(all, c)
		}
	}
	named := r.key("about", about)
	add(budget, gate.Counter{Scope: scope, Subject: r.key("account", what, about), About: named})
	person := gate.Counter{Scope: gate.Person, Subject: r.key("person", what, "nobody", about), About: named, Silent: true}
	if owner != nil {
		person.About = r.key("person", owner.ID.String())
		person.Subject = r.key("person", what, owner.ID.String())
	}
	add(config.Budget{Free: budget.Stop, Stop: budget.Stop}, person)
	if r.Source != (netip.Prefix{}) {
		from := r.Source.String()
		add(t.Pair, gate.Counter{Scope: gate.Pair, Subject: r.key("pair", what, from, about), About: named})
		source := r.key("network", from)
		if t.Network.Stop > 0 {
			all = append(all, gate.Counter{Scope: gate.Network, Subject: source, About: source, Kept: true, Rule: gate.Bucket(t.Network.Stop, t.Window)})
		}
	}
	return all
}

// factorCounters is what guesses at second factors of whoever is signed in count for.
// Nothing that proves a first factor is counted with them: only who has one can keep
// the owner from the second, and never from the first.
func (r *run) factorCounters() []gate.Counter {
	limit := r.Cardea.Security.SecondFactorGuesses
	if r.Session == nil || limit.Max == 0 {
		return nil
	}
	key := r.key("factors", r.Session.IdentityID.String())
	return []gate.Counter{{
		Scope: gate.Factor, Subject: key, About: key,
		Rule: gate.Rule{Free: limit.Max + 1, Stop: limit.Max, Window: limit.Window},
	}}
}

// refuse answers a guess that is not looked at: applications hear when to come again,
// people read it on the form. Nothing depends on whether there is an account.
func (r *run) refuse(ctx context.Context, why *gate.Refused) *Answer {
	if r.navigates() {
		return r.reject(ctx, Deny(ui.New(ui.TooManyAttempts, ui.Moment("retry_at", why.Until)...)))
	}
	seconds := max(1, int(math.Ceil(why.Until.Sub(r.clock.Now()).Seconds())))
	return r.forward(ctx, problem.New(429, "There were too many wrong attempts. Please try again later.").
		Named(problem.TooManyAttempts).After(time.Duration(seconds)*time.Second))
}

// LetIn forgets all wrong guesses about an account: its owner has shown who they are
// by other means, or an operator knows.
func (e *Engine) LetIn(ctx context.Context, s *Setup, i *identity.Identity) error {
	id := i.ID.String()
	about := []gate.Key{s.key("person", id), s.key("devices", id), s.key("factors", id)}
	seen := map[string]bool{}
	add := func(name string) {
		if name = identity.NormalizeIdentifier(name); !seen[name] {
			seen[name] = true
			about = append(about, s.key("about", name))
		}
	}
	for _, c := range i.Credentials {
		for _, name := range c.Identifiers {
			add(name)
		}
	}
	for _, a := range i.RecoveryAddresses {
		add(a.Value)
	}
	for _, a := range i.VerifiableAddresses {
		add(a.Value)
	}
	return e.desk.Forget(ctx, about...)
}

// A browser that was signed in to an account before knows it again by its anti-CSRF
// cookie, the one thing that it keeps for a year: the first half of that is a name for
// the browser, and a proof, made with our secrets, that somebody was signed in to the
// account with it. The other half is drawn anew whenever the token changes.
const (
	deviceName  = 6  // bytes
	deviceProof = 10 // bytes
	deviceLabel = secret.Label("known device")
)

// knownDevice tells whether the request comes from where an account is, or was,
// signed in, and which place that is.
func (r *run) knownDevice(i *identity.Identity) (string, bool) {
	if i == nil {
		return "", false
	}
	if r.Session != nil && r.Session.IdentityID == i.ID {
		return "session " + r.Session.ID.String(), true
	}
	return r.knownBrowser(i)
}

func (r *run) knownBrowser(i *identity.Identity) (string, bool) {
	real := r.CSRF.Real()
	if len(real) < deviceName+deviceProof {
		return "", false
	}
	for _, mac := range r.Keys.MACs(deviceLabel, deviceMessage(real[:deviceName], i)) {
		if equal(mac[:deviceProof], real[deviceName:deviceName+deviceProof]) {
			return fmt.Sprintf("browser %x", real[:deviceName]), true
		}
	}
	return "", false
}

func deviceMessage(name []byte, i *identity.Identity) []byte {
	sum := sha256.Sum256(append(name[:len(name):len(name)], i.ID[:]...))
	return sum[:]
}

// knows makes the browser of the request one that an account was signed in with, as
// soon as its anti-CSRF token changes.
func (r *run) knows(i *identity.Identity) {
	if _, already := r.knownBrowser(i); already {
		return
	}
	name := secret.Bytes(r.rand, deviceName)
	r.CSRF.Name(append(name, r.Keys.MAC(deviceLabel, deviceMessage(name, i))[:deviceProof]...))
}
