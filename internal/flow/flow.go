package flow

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"cardea/internal/session"
	"cardea/internal/ui"
)

// Kind names one of the five self-service journeys.
type Kind string

// The kinds. What differs between them is data: see kinds.go.
const (
	Login        Kind = "login"
	Registration Kind = "registration"
	Settings     Kind = "settings"
	Recovery     Kind = "recovery"
	Verification Kind = "verification"
)

// Type says which class of client started a flow, and so how it is protected:
// a browser flow by the anti-CSRF cookie, a native ("api") flow by refusing
// everything that looks like a browser.
type Type string

// The flow types.
const (
	Browser Type = "browser"
	API     Type = "api"
)

// State is how far a flow has come. The words are the contract's.
type State string

// The states that more than one kind shares; methods may add their own.
const (
	ChooseMethod    State = "choose_method"
	SentEmail       State = "sent_email"
	PassedChallenge State = "passed_challenge"
	ShowForm        State = "show_form"
	Success         State = "success"
)

// Flow is one journey of one client. What a client sees of it (nodes, labels)
// is rendered from these facts whenever it is read and never stored.
//
// Invariant: it holds no password, code or token, neither in Facts nor in Values.
type Flow struct {
	ID           uuid.UUID
	Kind         Kind
	Type         Type
	State        State
	Active       string // the method that acted last, "" for none
	IssuedAt     time.Time
	ExpiresAt    time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
	RequestURL   string // absolute URL of the init request as the client saw it
	ReturnTo     string // where the flow leads in the end, as it was asked for; "" for the default
	CSRFHash     []byte // SHA-256 of the anti-CSRF token it is bound to; nil for native flows
	IdentityID   *uuid.UUID
	SessionID    *uuid.UUID
	Organization *uuid.UUID
	SchemaID     string // identity schema chosen at the start, "" for the default
	Challenge    string // OAuth2 login challenge
	Refresh      bool
	RequestedAAL session.AAL

	// Facts are what methods have to remember between requests, by method name.
	Facts map[string]json.RawMessage
	// Messages are the form's own messages, by id and context.
	Messages []ui.Message
	// FieldMessages are the messages on nodes, in the order they came up.
	FieldMessages []FieldMessage
	// Values are what was typed into fields that may be shown again, by node name
	// ("identifier", "traits.name.first"), as JSON scalars.
	Values map[string]any

	// ExchangeCode is the init half of a session token exchange; it is shown once,
	// in the answer that creates the flow, and not stored with it.
	ExchangeCode string
	// Transient is the submission's transient_payload; hooks see it, no row does.
	Transient json.RawMessage
}

// FieldMessage is a message on one node.
type FieldMessage struct {
	Node    string     `json:"node"`
	Message ui.Message `json:"message"`
}

// Expired says whether the flow's time is over. Expiry is strict.
func (f *Flow) Expired(now time.Time) bool { return f.ExpiresAt.Before(now) }
