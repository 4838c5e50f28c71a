// Package gate owns how often secrets may be guessed: what a guess is counted for,
// the rules under which counters let another one through, and the desk at which a
// guess is taken before anything is compared.
//
// It refuses SQL, HTTP and configuration, and does not know what a guess is about:
// counters are keyed hashes.
//
// Invariants: a guess is counted before it is looked at, by one conditional write, so
// of any number of parallel guesses on any number of processes no more are looked at
// than a counter allows. Until it is known what became of it, it is reserved for a
// time (Lease); nobody hears the outcome of one whose time has run out. Whoever was
// right gives the guess back. What is refused is neither counted nor looked at.
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

// The scopes of what keeps a message from being sent: budgets, and what needs no count.
const (
	SendRecipient Scope = "recipient"  // an address
	SendSource    Scope = "source"     // the address of the network that asked for it
	SendTemplate  Scope = "template"   // a type of message
	SendCountry   Scope = "country"    // of a telephone number
	SendTotal     Scope = "total"      // of a channel
	Suppressed    Scope = "suppressed" // the address is on the suppression list
	Abroad        Scope = "abroad"     // the country is not one of those that get messages
)

// Counter is what one guess is counted for. Guesses about the same may come with
// different rules: whoever has shown more than others may have more.
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
	Held    int       // those of them that some process has reserved and not found wrong
	Until   time.Time // not granted: when there may be another
	Ends    time.Time // granted: how long it is reserved; of a bucket: when it has faded
}

// Ledger keeps counters for all processes.
type Ledger interface {
	// TakeGuesses reserves a guess at every counter, or at none when one that is not
	// silent refuses. States are in the order of the counters. It commits on its own.
	TakeGuesses(ctx context.Context, counters []Counter, now time.Time) ([]State, error)
	// MissGuesses makes one reservation each a guess that was wrong. False, and nothing
	// is changed, when one has lapsed: then others may have had the guess. It commits
	// on its own.
	MissGuesses(ctx context.Context, subjects []Key, now time.Time) (bool, error)
	// ForgetGuesses empties all counters about something.
	ForgetGuesses(ctx context.Context, about ...Key) error
}

// Refused says that a guess was not looked at.
type Refused struct {
	Scope Scope
	Until time.Time // when there may be another
	Final bool      // no guesses are left, other than a pause between two
	Taken int       // guesses that count
}
