package flow

import (
	"time"

	"github.com/google/uuid"
)

// Errand is something that another system is to be told once the transaction that
// it is written in is durable. Nobody waits for it.
type Errand struct {
	ID    uuid.UUID // of this errand: one system, one event
	Event uuid.UUID // of what happened; the same in every attempt and for every system
	Kind  ErrandKind
	// Target names the system to operators; it holds no secret.
	Target string
	Type   string // what happened, in a word: "identity.created"
	// Subject is who it is about, or the flow when nobody is known. What a target is
	// told about a subject arrives in the order in which it was written.
	Subject   uuid.UUID
	Sealed    []byte // what is said, encrypted
	CreatedAt time.Time
}

// ErrandKind says who knows how to run an errand.
type ErrandKind string

// The kinds of errands.
const (
	ErrandHook  ErrandKind = "web_hook" // a hook of a journey whose answer is ignored
	ErrandEvent ErrandKind = "event"    // an event somebody has subscribed to
)
