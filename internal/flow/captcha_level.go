package flow

import (
	"context"
	"net/netip"
	"slices"

	"cardea/internal/config"
	"cardea/internal/gate"
)

// Levels of the barrier: each is due where risk has grown by as much again as made the
// first one due, and asks for four times the work. Beyond the hardest there is none, and
// whoever has shown that much is held up by nothing but the counters themselves.

const steeper = 4

// difficulty is how large the number of a level's challenges may be.
func (r *run) difficulty(level int) int {
	p := &r.Cardea.Captcha.ProofOfWork
	most := p.Difficulty
	for range level - 1 {
		if most >= p.Hardest {
			break
		}
		most *= steeper
	}
	return max(min(most, p.Hardest), min(p.Difficulty, p.Hardest))
}

// hardest is the highest level there is.
func (r *run) hardest() int {
	level := 1
	for r.difficulty(level+1) > r.difficulty(level) {
		level++
	}
	return level
}

// worth is the level that a challenge of a difficulty is good for, 0 for none.
func (r *run) worth(most int) int {
	level := 0
	for level < r.hardest() && r.difficulty(level+1) <= most {
		level++
	}
	return level
}

// rise is the level that is due after something has happened so often, of which so many
// are free.
func (r *run) rise(seen, free int) int {
	if free <= 0 {
		return 0
	}
	return min(seen/free, r.hardest())
}

// crowd is what submissions of the client's address count for. Behind an address that is
// not public stands a proxy that nobody has named, a test, or a colleague.
func (r *run) crowd() (gate.Key, bool) {
	c := &r.Cardea.Captcha
	a := r.Source.Addr()
	if r.Source == (netip.Prefix{}) || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || c.Risk.Submissions == 0 ||
		c.For(string(r.kind.name)) == config.CaptchaNever {
		return gate.Key{}, false
	}
	return r.key("crowd", r.Source.String()), true
}

// unproven is how many guesses at a counter are looked at without a proof, 0 for as many as
// its rule allows. Silent counters are about what nobody is told, and a network has more
// people than an identifier.
func (r *run) unproven(g *Guess, c gate.Counter) int {
	if g.Secret != SecretPassword || c.Silent || c.Scope == gate.Network || r.Cardea.Captcha.For(string(r.kind.name)) == config.CaptchaNever {
		return 0
	}
	return r.Cardea.Captcha.Risk.WrongPasswords
}

// guarded is the same for somebody who has shown as much as this request.
func (r *run) guarded(g *Guess, c gate.Counter) int {
	if r.attempt.level >= r.hardest() {
		return 0
	}
	return r.unproven(g, c) * (r.attempt.level + 1)
}

// behindBarrier tightens the rules of counters for this request.
func (r *run) behindBarrier(g *Guess, counters []gate.Counter) []gate.Counter {
	tight := slices.Clone(counters)
	for i, c := range tight {
		if few := r.guarded(g, c); few > 0 && few < c.Rule.Stop {
			tight[i].Rule.Stop = few
		}
	}
	return tight
}

// wantsProof is the level that would let a refused guess through, 0 when no proof does.
func (r *run) wantsProof(g *Guess, counters []gate.Counter, why *gate.Refused) int {
	if why == nil || !why.Final {
		return 0
	}
	i := slices.IndexFunc(counters, func(c gate.Counter) bool { return c.Scope == why.Scope })
	if i < 0 || why.Taken >= counters[i].Rule.Stop || r.guarded(g, counters[i]) == 0 {
		return 0
	}
	return max(r.attempt.level+1, r.rise(why.Taken, r.Cardea.Captcha.Risk.WrongPasswords))
}

// takeBehind takes a guess, for which a proof may be due by now.
func (r *run) takeBehind(ctx context.Context, g *Guess, counters []gate.Counter) (*gate.Guess, *gate.Refused, *Answer, error) {
	for {
		taken, refused, err := r.take(ctx, r.behindBarrier(g, counters))
		level := r.wantsProof(g, counters, refused)
		if err != nil || level == 0 {
			return taken, refused, nil, err
		}
		if err := r.prove(ctx, level); err != nil {
			r.watch("barred", refused.Scope)
			return nil, nil, r.barOr(ctx, level, err), nil
		}
	}
}

// anticipate notes after a wrong guess that the next one is behind the barrier.
func (r *run) anticipate(g *Guess, counters []gate.Counter, taken *gate.Guess) error {
	level := 0
	for _, c := range counters {
		if n := taken.Taken[c.Scope]; n < c.Rule.Stop {
			level = max(level, r.rise(n, r.unproven(g, c)))
		}
	}
	if level == 0 {
		return nil
	}
	return r.demand(level)
}
