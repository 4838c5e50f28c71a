// Package gate owns how often secrets may be guessed: what a guess is counted for,
// the rules under which counters let another one through, and the desk at which a
// guess is taken before anything is compared.
//
// It refuses SQL, HTTP and configuration, and does not know what a guess is about:
// counters are keyed hashes.
//
// Invariants: a guess is counted before it is looked at, by one conditional write, so
// of any number of parallel guesses on any number of processes no more are looked at
// than a counter allows. Whoever was right gives the guess back. What is refused is
// neither counted nor looked at.
package gate

import (
	"context"
	"time"
)

// Key is the keyed hash of what guesses are counted for.
type Key [32]byte

// Scope names a kind of counter, for metrics and logs.
type Scope string

// The scopes.
const (
	Account  Scope = "account"  // an identifier, whether somebody has it or not
	Person   Scope = "person"   // an account, by whatever identifier it was named
	Pair     Scope = "pair"     // an identifier and an address of the network
	Device   Scope = "device"   // an account and a browser in which it was signed in before
	Network  Scope = "network"  // an address of the network
	Factor   Scope = "factor"   // the second factors of an account
	Recovery Scope = "recovery" // an address that a code was sent to
)

// Rule says how many guesses a counter lets through. Free go through at once. Then
// each has to wait after the one before it: First, and twice as long each time, at
// most Longest. Stop is how many there are in all. A counter starts again when nothing
// was counted for Window.
type Rule struct {
	Free, Stop             int
	First, Longest, Window time.Duration
}

// Counter is what one guess is counted for.
type Counter struct {
	Scope   Scope
	Subject Key
	// About is shared by counters that are forgotten together; the same as Subject
	// for those that only time empties.
	About Key
	Rule  Rule
	// Silent counters do not refuse: a guess beyond them is judged as wrong, so that
	// nobody learns which identifiers belong to one account.
	Silent bool
	// Kept counters are not emptied by somebody who was right: it tells nothing about
	// the other guesses.
	Kept bool
}

// State is what became of a counter when a guess was taken.
type State struct {
	Granted bool
	Taken   int       // guesses that count, this one included
	Until   time.Time // not granted: when there may be another
	Ends    time.Time // granted: when the counter starts again if nothing else is counted
}

// Ledger keeps counters for all processes.
type Ledger interface {
	// TakeGuesses counts a guess for every counter, or for none when one that is not
	// silent refuses. States are in the order of the counters. It commits on its own.
	TakeGuesses(ctx context.Context, counters []Counter, now time.Time) ([]State, error)
	// ForgetGuesses empties all counters about something.
	ForgetGuesses(ctx context.Context, about ...Key) error
}

// Refused says that a guess was not looked at.
type Refused struct {
	Scope Scope
	Until time.Time // when there may be another
	Final bool      // no guesses are left, other than a pause between two
}
