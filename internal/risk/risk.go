// Package risk owns what is unusual about a sign-in: the signals, how each follows
// from what is known, and the policies that say what is done about them.
//
// It refuses SQL, HTTP and configuration, and to do anything about a sign-in itself.
//
// Invariants: what is not known is no signal; the first sign-in of an account has
// nothing to be compared with and is never unusual by itself; a question is asked of
// the past only when a policy depends on the answer.
package risk

import (
	"net/netip"
	"slices"
	"time"

	"cardea/internal/geo"
)

// Signal is one thing that is unusual about a sign-in.
type Signal string

// The signals. The words are those of the configuration.
const (
	NewDevice        Signal = "new_device"        // a browser or app in which the account was not signed in before
	NewNetwork       Signal = "new_network"       // see Network
	ImpossibleTravel Signal = "impossible_travel" // too far from the last sign-in for the time between
	ManyAccounts     Signal = "many_accounts"     // from one address, within a while
)

// Signals are all of them, in the order in which they are told.
func Signals() []Signal { return []Signal{NewDevice, NewNetwork, ImpossibleTravel, ManyAccounts} }

// Network is the part of the network in which addresses are taken for one place: the
// /24 of an IPv4 address, the /48 of an IPv6 address, which is what a site usually has
// (RFC 6177). The zero Prefix for one that is not known.
func Network(source netip.Prefix) netip.Prefix {
	bits := 48
	if source.Addr().Is4() {
		bits = 24
	}
	p, err := source.Addr().Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// SignIn is when and where somebody has signed in. Source is zero when it is not known.
type SignIn struct {
	At     time.Time
	Source netip.Prefix
}

// Past is what is known of before. Parts that nobody has asked for are empty.
type Past struct {
	Earlier []SignIn // of the account, the newest first
	Others  int      // other accounts that came from the same source a short while ago
}

// Now is the sign-in at hand.
type Now struct {
	SignIn
	KnownDevice bool
	New         bool // the account is being made: it has no past
	Kind        string
	Method      string
}

// Locate says where an address is; nil when nobody knows.
type Locate func(netip.Addr) *geo.Point

// Rules are what is unusual, and what is done about it.
type Rules struct {
	Policies []Policy
	Speed    float64       // km/h beyond which nobody travels
	Accounts int           // so many accounts of one source are usual
	Within   time.Duration // ... in so long
}

// Asked says what has to be known of the past to decide about a sign-in.
type Asked struct {
	Earlier bool // the account's sign-ins
	Others  bool // other accounts of the source
}

// Asks says what the policies depend on that could come true for a sign-in.
func (r *Rules) Asks(now Now) (a Asked) {
	for _, p := range r.Policies {
		if !p.about(now) || !p.possible(now) {
			continue
		}
		a.Others = a.Others || slices.Contains(p.When, ManyAccounts)
		a.Earlier = a.Earlier || slices.ContainsFunc(p.When, func(s Signal) bool { return s != ManyAccounts })
	}
	return a
}

// Wants says whether any policy depends on a signal.
func (r *Rules) Wants(s Signal) bool {
	return slices.ContainsFunc(r.Policies, func(p Policy) bool { return slices.Contains(p.When, s) })
}

// Judge gives the signals that the policies ask about and the strongest response to
// them. Signals that no policy depends on are not looked for.
func (r *Rules) Judge(now Now, past Past, locate Locate) Verdict {
	found := map[Signal]bool{}
	for _, p := range r.Policies {
		if !p.about(now) || !p.possible(now) {
			continue
		}
		for _, s := range p.When {
			if _, looked := found[s]; !looked {
				found[s] = r.holds(s, now, past, locate)
			}
		}
	}
	v := Verdict{Response: Nothing}
	for _, s := range Signals() {
		if found[s] {
			v.Signals = append(v.Signals, s)
		}
	}
	for _, p := range r.Policies {
		if p.about(now) && !slices.ContainsFunc(p.When, func(s Signal) bool { return !found[s] }) {
			v.Response = max(v.Response, p.Then)
		}
	}
	return v
}

func (r *Rules) holds(s Signal, now Now, past Past, locate Locate) bool {
	switch s {
	case NewDevice:
		return !now.KnownDevice && len(past.Earlier) > 0
	case NewNetwork:
		return isNewNetwork(now.Source, past.Earlier)
	case ImpossibleTravel:
		return len(past.Earlier) > 0 && r.tooFar(past.Earlier[0], now.SignIn, locate)
	case ManyAccounts:
		return past.Others >= r.Accounts
	}
	return false
}

// isNewNetwork says whether none of the sign-ins of which it is known where they came
// from came from a network; without such a sign-in nothing is new.
func isNewNetwork(source netip.Prefix, earlier []SignIn) bool {
	here, compared := Network(source), false
	if !here.IsValid() {
		return false
	}
	for _, e := range earlier {
		switch Network(e.Source) {
		case here:
			return false
		case netip.Prefix{}:
		default:
			compared = true
		}
	}
	return compared
}
