package flow

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"time"

	"github.com/google/uuid"

	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/secret"
)

// Effects are what a result wants written together with the flow, in its one
// transaction.
type Effects struct {
	// Codes replace all one-time codes of the flow; nil leaves them alone.
	Codes *Codes
	// Messages are sent once the transaction is there to stay.
	Messages []Outgoing
	// Verified are addresses whose owner has just proved them.
	Verified []identity.Address
	// Beside are one-time things that belong to no flow.
	Beside []OneTime
	// Noticed are addresses that a proof was just sent to.
	Noticed []identity.Address
}

// Codes are the one-time codes of a flow that count from now on. Submissions
// are counted for the whole flow, also those of codes before these.
type Codes struct {
	Purpose     string
	MaxAttempts int  // 0 for secrets that nobody guesses
	Beside      bool // those before these go on counting, too
	ExpiresAt   time.Time
	List        []Code
}

// Code is one code of a flow and what it stands for. The code itself is not
// stored: see Exec.Consume.
type Code struct {
	Digits string
	For    CodeFor
}

// CodeFor is what a code stands for.
type CodeFor struct {
	Address  identity.Address `json:"address"`
	Identity uuid.UUID        `json:"identity"` // zero for nobody yet
}

// Outgoing is a message that a journey wants sent. Data is what templates see,
// by the contract's JSON keys.
type Outgoing struct {
	Template  string // template type
	Channel   identity.Channel
	Recipient string
	Data      map[string]any
	Locale    string              // BCP 47, of whom it is for; "" for that of the journey
	Headers   map[string][]string // of the request that caused it, as far as allowed
}

// Message is a composed message, ready for the outbox. What it says is sealed.
type Message struct {
	ID        uuid.UUID
	Template  string
	Channel   identity.Channel
	Recipient string
	Sealed    []byte // subject, texts, data and headers, encrypted
	CreatedAt time.Time
	Budgets   []gate.Counter // what it counts for
	Withheld  gate.Scope     // why it is not sent whatever they say; "" for no reason
}

// Composer renders messages before the transaction that stores them.
type Composer interface {
	Compose(ctx context.Context, s *Setup, o Outgoing) (Message, error)
}

// OneTime is a code or a token as it is stored: hashed, with a sealed payload.
type OneTime struct {
	Purpose     string
	Subject     string // the flow's id
	Key         []byte
	Payload     []byte
	MaxAttempts int
	ExpiresAt   time.Time
}

// Outcome says how the use of a one-time code went.
type Outcome int

// The outcomes. Unknown codes are wrong.
const (
	Right Outcome = iota
	Wrong
	UsedBefore
	TooOften
	Expired
)

// Labels of what the engine makes with the secrets.
const (
	codeLabel    secret.Label = "one-time code"
	payloadLabel secret.Label = "one-time payload"
	shownLabel   secret.Label = "shown in a form"
)

// codeMessage is what is hashed of a code: it counts for one purpose and flow.
func codeMessage(purpose string, flowID uuid.UUID, digits string) []byte {
	return []byte(purpose + " " + flowID.String() + " " + digits)
}

// Consume uses a code of the flow up. It counts the submission and commits on
// its own, whatever happens afterwards: of parallel submissions at most one is
// right.
func (x *Exec) Consume(ctx context.Context, purpose, digits string) (CodeFor, Outcome, error) {
	keys := x.Setup.Keys.MACs(codeLabel, codeMessage(purpose, x.Flow.ID, digits))
	sealed, outcome, err := x.consume(ctx, purpose, x.Flow.ID.String(), keys, x.Now)
	if err != nil || outcome != Right {
		return CodeFor{}, outcome, err
	}
	raw, err := x.Setup.Keys.Open(payloadLabel, sealed, x.Flow.ID[:])
	if err != nil {
		return CodeFor{}, Wrong, nil // made with a secret that was taken away: it counts as unknown
	}
	var meant CodeFor
	if err := json.Unmarshal(raw, &meant); err != nil {
		return CodeFor{}, Wrong, err
	}
	return meant, Right, nil
}

// Amend changes an identity in a transaction of its own, which commits before the
// step's result is concluded and is never taken back: what counts once is used up
// so. change sees the row as it is at that moment, with credentials, does no slow
// work and may run twice; its error leaves the row alone and is the answer.
func (x *Exec) Amend(ctx context.Context, id uuid.UUID, change func(*identity.Identity) error) (*identity.Identity, error) {
	var amended *identity.Identity
	err := x.write(ctx, func(tx Tx) (err error) {
		if amended, err = tx.Identity(id); err != nil {
			return err
		}
		if err = change(amended); err != nil {
			return err
		}
		return tx.UpdateIdentity(amended)
	})
	return amended, err
}

// Vault seals and opens what credentials and facts must not show.
func (x *Exec) Vault() identity.Vault { return x.Setup.Vault(x.rand) }

// Digits draws a code.
func (x *Exec) Digits(n int) string { return secret.Code(x.rand, n) }

// Spend uses up something that was handed out with the flow and is proved by what
// comes back: a challenge that was signed. It commits on its own, whatever happens
// afterwards: of parallel submissions at most one gets true.
func (x *Exec) Spend(ctx context.Context, purpose string, thing []byte) (bool, error) {
	key := sha256.Sum256(append([]byte(purpose+" "), thing...))
	lifespan := x.Setup.SelfService.Flows.ByKind(string(x.Flow.Kind)).Lifespan
	return x.spend(ctx, purpose, key[:], x.Now.Add(lifespan))
}

// Random draws n bytes.
func (x *Exec) Random(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(x.rand, b)
	return b, err
}

// Secret draws a token for a link: n alphanumerics.
func (x *Exec) Secret(n int) string { return secret.Token(x.rand, "", n) }

// Seal encrypts a text that the flow has to show again but may not hold as it
// is; View.Unseal is the way back.
func (x *Exec) Seal(text string) ([]byte, error) {
	return x.Setup.Keys.Seal(x.rand, shownLabel, []byte(text), x.Flow.ID[:])
}

// Unseal opens what Exec.Seal has sealed; "" for what does not open any more.
func (v View) Unseal(sealed []byte) string {
	text, err := v.Setup.Keys.Open(shownLabel, sealed, v.Flow.ID[:])
	if err != nil {
		return ""
	}
	return string(text)
}

// oneTimes are the codes of effects as they are stored.
func (r *run) oneTimes(f *Flow, c *Codes) ([]OneTime, error) {
	var all []OneTime
	for _, code := range c.List {
		raw, err := json.Marshal(code.For)
		if err != nil {
			return nil, err
		}
		sealed, err := r.Keys.Seal(r.rand, payloadLabel, raw, f.ID[:])
		if err != nil {
			return nil, err
		}
		all = append(all, OneTime{
			Purpose: c.Purpose, Subject: f.ID.String(), MaxAttempts: c.MaxAttempts, ExpiresAt: c.ExpiresAt,
			Key: r.Keys.MAC(codeLabel, codeMessage(c.Purpose, f.ID, code.Digits)), Payload: sealed,
		})
	}
	return all, nil
}

// prepared are effects that can be written without any more work.
type prepared struct {
	flow     *Flow
	codes    *Codes
	oneTimes []OneTime
	messages []Message
	effects  Effects
}

// ready renders and hashes what effects want written, before the transaction.
func (r *run) ready(ctx context.Context, f *Flow, e Effects) (*prepared, error) {
	p := &prepared{flow: f, codes: e.Codes, effects: e}
	if e.Codes != nil {
		var err error
		if p.oneTimes, err = r.oneTimes(f, e.Codes); err != nil {
			return nil, err
		}
	}
	for _, o := range r.withLoginRequest(ctx, f, e.Messages) {
		o.Locale = cmp.Or(o.Locale, r.Language)
		m, err := r.composer.Compose(ctx, r.Setup, o)
		if err != nil {
			return nil, err
		}
		m.Budgets, m.Withheld = r.sendBudgets(m)
		p.messages = append(p.messages, m)
	}
	return p, nil
}

// write stores prepared effects.
func (p *prepared) write(tx Tx, now time.Time) error {
	if p.codes != nil {
		replace := tx.ReplaceOneTimes
		if p.codes.Beside {
			replace = tx.AddOneTimes
		}
		if err := replace(p.codes.Purpose, p.flow.ID.String(), p.oneTimes); err != nil {
			return err
		}
	}
	for _, o := range p.effects.Beside {
		if err := tx.AddOneTimes(o.Purpose, o.Subject, []OneTime{o}); err != nil {
			return err
		}
	}
	for _, m := range p.messages {
		if _, err := tx.Enqueue(m); err != nil {
			return err
		}
	}
	for _, a := range p.effects.Verified {
		if err := tx.MarkAddress(a, identity.AddressCompleted, now); err != nil {
			return err
		}
	}
	for _, a := range p.effects.Noticed {
		if err := tx.MarkAddress(a, identity.AddressSent, now); err != nil {
			return err
		}
	}
	return nil
}
