package flow

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// With the hook verify_new_address a new address takes effect only when it is
// proved. Until then the whole change waits in the verification flow that proves
// it.

const (
	hookVerifyNew = "verify_new_address"
	pendingKey    = "pending"
	// pendingPurpose marks the newest waiting change of an identity: an older one
	// cannot take effect any more.
	pendingPurpose = "change of traits"
)

// pending is a change that waits.
type pending struct {
	Identity uuid.UUID       `json:"identity"`
	Session  uuid.UUID       `json:"session"`
	Traits   json.RawMessage `json:"traits"`
	Before   []byte          `json:"before"` // hash of the traits that are to be replaced
}

// errNotPending says that what a change was based on is not so any more.
var errNotPending = errors.New("the change cannot take effect any more")

// newAddresses are the addresses to prove that an account did not have before.
func newAddresses(before, after *identity.Identity) []identity.VerifiableAddress {
	var added []identity.VerifiableAddress
	for _, a := range after.VerifiableAddresses {
		if !slices.ContainsFunc(before.VerifiableAddresses, func(b identity.VerifiableAddress) bool { return b.Via == a.Via && b.Value == a.Value }) {
			added = append(added, a)
		}
	}
	return added
}

// deferChange starts the proof of a new address instead of storing the change.
// The answer is nil when the change brings no new address.
func (r *run) deferChange(ctx context.Context, step *Step, before, after *identity.Identity) *Answer {
	added := newAddresses(before, after)
	switch {
	case len(added) == 0:
		return nil
	case !r.recent():
		return r.stale(ctx, step, map[string]any{"traits": json.RawMessage(after.Traits)})
	case len(added) > 1:
		return r.reject(ctx, Rejected{Form: []ui.Message{ui.New(ui.SettingsTooManyAddressChanges)}, Soft: true})
	}
	_, err := r.store.IdentityByVerifiableAddress(ctx, added[0].Via, added[0].Value)
	if err == nil {
		return r.reject(ctx, Deny(ui.New(ui.ValidationIdentifierTaken)))
	}
	if !errors.Is(err, problem.ErrNotFound) {
		return r.forward(ctx, err)
	}
	return r.holdChange(ctx, before, after, added[0])
}

// holdChange keeps the change with the flow that proves the address.
func (r *run) holdChange(ctx context.Context, before, after *identity.Identity, added identity.VerifiableAddress) *Answer {
	asked := *after
	asked.VerifiableAddresses = []identity.VerifiableAddress{added}
	b, err := r.verificationWith(ctx, &asked, r.Session, asItIs)
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	if b == nil {
		return r.forward(ctx, problem.New(500, "The hook verify_new_address needs the verification flow to be switched on.").Named(problem.InvalidConfiguration))
	}
	err = b.flow.remember(pendingKey, pending{Identity: before.ID, Session: r.Session.ID, Traits: after.Traits, Before: hashOf(before)})
	if err != nil {
		return r.forward(ctx, err)
	}
	mark := OneTime{Purpose: pendingPurpose, Subject: before.ID.String(), Key: b.flow.ID[:], ExpiresAt: b.flow.ExpiresAt}
	err = r.write(ctx, nil, func(tx Tx) error {
		if err := tx.ReplaceOneTimes(mark.Purpose, mark.Subject, []OneTime{mark}); err != nil {
			return err
		}
		if err := b.write(tx, r); err != nil {
			return err
		}
		return tx.UpdateFlow(r.flow)
	})
	if err != nil {
		return r.forward(ctx, err)
	}
	if r.flow.Type == Browser && !r.JSON {
		return redirect(303, b.url)
	}
	a := r.show(ctx, 200)
	if page, ok := a.Body.(*Page); ok {
		page.ContinueWith = append(page.ContinueWith, b.next())
	}
	return a
}

// hashOf is what a waiting change remembers of the traits it replaces.
func hashOf(i *identity.Identity) []byte {
	sum := sha256.Sum256(i.Traits)
	return sum[:]
}

// waiting is the change that this verification lets take effect, nil for none.
func (r *run) waiting() *pending {
	raw, ok := r.flow.Facts[pendingKey]
	if !ok {
		return nil
	}
	var p pending
	if json.Unmarshal(raw, &p) != nil {
		return nil
	}
	return &p
}

// settle checks that a waiting change may still take effect, and uses it up.
func (r *run) settle(ctx context.Context, p *pending) (*identity.Derived, error) {
	s, err := r.store.Session(ctx, p.Session)
	if err != nil || !s.IsActive(r.now, &r.Limits) || s.IdentityID != p.Identity {
		return nil, errors.Join(errNotPending, ignoreMissing(err))
	}
	_, outcome, err := r.store.ConsumeCode(ctx, pendingPurpose, p.Identity.String(), [][]byte{r.flow.ID[:]}, r.now)
	if err != nil {
		return nil, err
	}
	if outcome != Right {
		return nil, errNotPending
	}
	i, err := r.store.Identity(ctx, p.Identity)
	if err != nil {
		return nil, err
	}
	schema, err := r.Schema(i.SchemaID)
	if err != nil {
		return nil, err
	}
	derived, violations, err := schema.Validate(p.Traits)
	if err != nil {
		return nil, err
	}
	if len(violations) > 0 {
		return nil, errNotPending
	}
	return derived, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, problem.ErrNotFound) {
		return nil
	}
	return err
}

// applyPending stores a waiting change in the transaction that proves the address.
func (r *run) applyPending(tx Tx, p *pending, derived *identity.Derived) error {
	i, err := tx.Identity(p.Identity)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hashOf(i), p.Before) != 1 {
		return errNotPending
	}
	identity.Apply(i, *derived, r.now, r.newID)
	i.AvailableAAL = r.availableAAL(i)
	return tx.UpdateIdentity(i)
}

// notPending is what the client is told of a change that came too late.
func notPending(step *Step) Rejected {
	id := ui.VerificationCodeInvalid
	if step.Method == "link" {
		id = ui.VerificationTokenInvalid
	}
	return Rejected{Form: []ui.Message{ui.New(id)}, Soft: true}
}

// pendingNotices are the messages to the addresses that a waiting change takes away,
// and what their links lead to.
func (r *run) pendingNotices(ctx context.Context, p *pending, derived *identity.Derived) ([]Outgoing, []OneTime, error) {
	before, after, err := r.foresee(ctx, p.Identity, Changed{Apply: func(i *identity.Identity) error {
		identity.Apply(i, *derived, r.now, r.newID)
		return nil
	}})
	if err != nil {
		return nil, nil, err
	}
	notices := r.notices(before, after)
	undo, err := r.undoable(notices, before, after)
	return notices, undo, err
}
