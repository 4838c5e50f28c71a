// Package courier owns messages to people: it composes them from templates,
// keeps them in the outbox until they are sent, and sends them over SMTP or HTTP.
//
// It refuses to be asked by a request to send: a message is written into the
// outbox in the transaction of what caused it, and a worker takes it from there.
//
// Invariants: what a message says is sealed wherever it is stored; exactly one
// worker has a message at a time; a message that was handed over is never sent
// again by a worker that knows.
package courier

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
)

// Letter is a message as it is sent: the content of flow.Message.Sealed.
type Letter struct {
	Subject string              `json:"subject"` // one line; "" for SMS
	Text    string              `json:"text"`
	HTML    string              `json:"html,omitempty"`
	Data    map[string]any      `json:"data"` // template_data of the contract
	Headers map[string][]string `json:"headers,omitempty"`
}

// Envelope is what is known of a message besides what it says.
type Envelope struct {
	ID        uuid.UUID
	Template  string
	Channel   identity.Channel
	Recipient string
	Status    Status
	SendCount int // attempts so far
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Status is how far a message has come. The words are the contract's.
type Status string

// The states of a message. Sent and abandoned are final until somebody resends.
const (
	Queued     Status = "queued"
	Processing Status = "processing"
	Sent       Status = "sent"
	Abandoned  Status = "abandoned"
)

// Deliverer hands a letter to the outside. An error that Permanent recognises is
// not worth another try.
type Deliverer interface {
	Deliver(ctx context.Context, s *flow.Setup, e Envelope, l Letter) error
}

// PermanentError is a refusal that no further attempt will change: an SMTP reply
// of 5xx (RFC 5321, section 4.2.1), a recipient that is no address.
type PermanentError struct {
	Cause error
	// NoMailbox: the recipient's address is what is wrong, for every message.
	NoMailbox bool
}

// Error tells the cause.
func (e *PermanentError) Error() string {
	return "the message was refused for good: " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *PermanentError) Unwrap() error { return e.Cause }

// Permanent says whether an error is final.
func Permanent(err error) bool {
	var p *PermanentError
	return errors.As(err, &p)
}

// noMailbox says whether an error is that the recipient's address leads nowhere.
func noMailbox(err error) bool {
	var p *PermanentError
	return errors.As(err, &p) && p.NoMailbox
}

// letterLabel separates letters from everything else that the secrets seal.
const letterLabel secret.Label = "letter"

// Seal encrypts a letter for the outbox, tied to its message.
func Seal(keys *secret.Keyring, rand interface{ Read([]byte) (int, error) }, id uuid.UUID, l Letter) ([]byte, error) {
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return keys.Seal(rand, letterLabel, raw, id[:])
}

// Open is the way back from Seal.
func Open(keys *secret.Keyring, id uuid.UUID, sealed []byte) (Letter, error) {
	raw, err := keys.Open(letterLabel, sealed, id[:])
	if err != nil {
		return Letter{}, err
	}
	var l Letter
	return l, json.Unmarshal(raw, &l)
}
