// Package event owns what other systems are told about what happens: the names of
// events, the shape in which they are said, who has subscribed, and the call that
// delivers one. docs/guide/events.md is its manual.
//
// It refuses to decide when something happens: journeys and the store do.
//
// Invariants: an event has one id, whoever is told and however often; it holds no
// credential, no metadata of the operator and nothing that somebody typed into a form
// besides traits; within a version fields are added, never changed or removed.
package event

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/risk"
	"cardea/internal/session"
)

// Version is that of the shape of all events.
const Version = 1

// Type names what happened.
type Type string

// The events that are not the end of a submission; those are named by Ended. The
// words are the store's, too.
const (
	IdentityCreated Type = "identity.created"
	IdentityUpdated Type = "identity.updated"
	IdentityDeleted Type = "identity.deleted"
	SessionCreated  Type = "session.created"
	SessionRevoked  Type = "session.revoked"
)

// Ended is the event of a journey's success or of a submission that failed.
func Ended(k flow.Kind, failed bool) Type {
	if failed {
		return Type(k) + ".failed"
	}
	return Type(k) + ".succeeded"
}

// Types are all types.
func Types() []Type {
	all := []Type{IdentityCreated, IdentityUpdated, IdentityDeleted, SessionCreated, SessionRevoked}
	for _, k := range []flow.Kind{flow.Login, flow.Registration, flow.Recovery, flow.Verification, flow.Settings} {
		all = append(all, Ended(k, false), Ended(k, true))
	}
	return all
}

// envelope is an event as it is said.
type envelope struct {
	ID        uuid.UUID `json:"id"`
	Type      Type      `json:"type"`
	Version   int       `json:"version"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

// data is what is known. Ids are set whenever there is such a thing, also where the
// thing itself is left out.
type data struct {
	IdentityID *uuid.UUID      `json:"identity_id,omitempty"`
	Identity   json.RawMessage `json:"identity,omitempty"`
	// Changed are the parts of an identity that an update has changed.
	Changed   []string        `json:"changed,omitempty"`
	SessionID *uuid.UUID      `json:"session_id,omitempty"`
	Session   json.RawMessage `json:"session,omitempty"`
	// Reason is why a session ended.
	Reason  session.EndReason `json:"reason,omitempty"`
	Flow    *journey          `json:"flow,omitempty"`
	Client  *client           `json:"client,omitempty"`
	Failure *failure          `json:"failure,omitempty"`
	Risk    *odds             `json:"risk,omitempty"`
}

// journey is the flow that a submission belongs to.
type journey struct {
	ID             uuid.UUID       `json:"id"`
	Kind           flow.Kind       `json:"kind"`
	Type           flow.Type       `json:"type"`
	Method         string          `json:"method,omitempty"`
	RequestedAAL   string          `json:"requested_aal,omitempty"`
	Refresh        bool            `json:"refresh,omitempty"`
	OrganizationID *uuid.UUID      `json:"organization_id,omitempty"`
	Transient      json.RawMessage `json:"transient_payload"`
}

// client is who has sent the submission.
type client struct {
	IP        *string `json:"ip_address"`
	UserAgent *string `json:"user_agent"`
}

// odds are what was unusual about a sign-in or sign-up, and what was done about it, in
// the words of the configuration.
type odds struct {
	Signals  []risk.Signal `json:"signals"`
	Response string        `json:"response"`
}

// failure says why a submission failed: messages of the form by their ids, or an
// error. Texts can quote what was typed and stay out.
type failure struct {
	Messages []int  `json:"messages,omitempty"`
	Status   int    `json:"status,omitempty"`
	ErrorID  string `json:"error_id,omitempty"`
}
