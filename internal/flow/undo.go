package flow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// A message to an address that an account gave up carries a link that brings the
// address back: whoever still reads it there, and did not give it up, gets the account
// back before somebody else has settled in it. The link leads to a page with a button,
// works once and for a while, and is given only to addresses that were proved.
//
// Whoever presses the button signs everybody out: the one who has changed the address
// is signed in, and nothing else tells them from the owner. Nothing but the address is
// put back; a password that was changed is reset over the address. Of several changes
// each can be undone by who lost by it, and what came later goes with it.

const (
	undoPurpose              = "undo of an address change"
	undoLabel   secret.Label = "undo of an address change"

	// UndoPath is where the built-in page for such links is, below the public URL.
	UndoPath = "undo"
)

// undo is what a link brings back.
type undo struct {
	Address   identity.Address `json:"address"`
	ChangedAt time.Time        `json:"changed_at"`
	Traits    []restored       `json:"traits"`
}

// restored is a trait as it was. Path is below the traits.
type restored struct {
	Path  []string        `json:"path"`
	Value json.RawMessage `json:"value"`
}

// undoPage is where links lead that undo a change; "" when there is no such page.
func (s *Setup) undoPage() string {
	if own := s.Cardea.Security.AddressUndo.UIURL; own != "" {
		return own
	}
	if s.Cardea.Account.Enabled {
		return s.Public(UndoPath, nil)
	}
	return ""
}

// undoable adds links to notices about a change, and gives what they lead to.
func (r *run) undoable(notices []Outgoing, before, after *identity.Identity) ([]OneTime, error) {
	lifespan, page := r.Cardea.Security.AddressUndo.Lifespan, r.undoPage()
	if lifespan <= 0 || page == "" {
		return nil, nil
	}
	var all []OneTime
	for _, lost := range newAddresses(after, before) {
		at := slices.IndexFunc(notices, func(o Outgoing) bool { return o.Channel == lost.Via && o.Recipient == lost.Value })
		traits := lostTraits(before, after, lost.Value)
		if at < 0 || !lost.Verified || len(traits) == 0 {
			continue
		}
		raw, err := json.Marshal(undo{Address: identity.Address{Value: lost.Value, Via: lost.Via}, ChangedAt: r.now, Traits: traits})
		if err != nil {
			return nil, err
		}
		sealed, err := r.Keys.Seal(r.rand, undoLabel, raw, before.ID[:])
		if err != nil {
			return nil, err
		}
		token := before.ID.String() + "." + session.NewExchangeCode(r.rand)
		notices[at].Data["undo_url"] = withQuery(page, "token", token)
		all = append(all, OneTime{
			Purpose: undoPurpose, Subject: before.ID.String(), Key: session.HashToken(token), Payload: sealed, ExpiresAt: r.now.Add(lifespan),
		})
	}
	return all, nil
}

// lostTraits are the traits that a change took an address out of, as they were.
func lostTraits(before, after *identity.Identity, address string) []restored {
	var was, is any
	if json.Unmarshal(before.Traits, &was) != nil || json.Unmarshal(after.Traits, &is) != nil {
		return nil
	}
	var lost []restored
	var walk func(path []string, was, is any)
	walk = func(path []string, was, is any) {
		if object, ok := was.(map[string]any); ok {
			now, _ := is.(map[string]any)
			for key, v := range object {
				walk(append(slices.Clip(path), key), v, now[key])
			}
			return
		}
		if holds(was, address) && !holds(is, address) {
			raw, _ := json.Marshal(was) // it was just read
			lost = append(lost, restored{Path: path, Value: raw})
		}
	}
	walk(nil, was, is)
	return lost
}

// holds says whether a trait is an address, or a list with it.
func holds(trait any, address string) bool {
	switch trait := trait.(type) {
	case string:
		return identity.NormalizeIdentifier(trait) == address
	case []any:
		return slices.ContainsFunc(trait, func(one any) bool { return holds(one, address) })
	}
	return false
}

// restore puts the traits back into those that an account has by now.
func (u undo) restore(traits json.RawMessage) (json.RawMessage, error) {
	var tree map[string]any
	if err := json.Unmarshal(traits, &tree); err != nil {
		return nil, err
	}
	for _, t := range u.Traits {
		at := tree
		for _, key := range t.Path[:len(t.Path)-1] {
			below, ok := at[key].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[key] = below
			}
			at = below
		}
		at[t.Path[len(t.Path)-1]] = t.Value
	}
	return json.Marshal(tree)
}

// Undo brings an address back: POST /self-service/undo. An application is answered
// with a Restored, a page is sent to where links lead, with state=undone.
func (e *Engine) Undo(ctx context.Context, v *Visit) *Answer {
	r := e.begin(Settings, v)
	body, err := r.read()
	if err != nil {
		return r.forward(ctx, err)
	}
	u, err := r.undo(ctx, body.First("token"))
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case r.JSON:
		return &Answer{Status: 200, Body: &Restored{Address: u.Address}}
	}
	return redirect(303, withQuery(r.undoPage(), "state", "undone"))
}

// Restored is the answer to an application that has undone a change.
type Restored struct{ Address identity.Address }

// errUndoOver refuses a link: it is no link of ours, or it was used, or it is too old.
func errUndoOver() *problem.Error {
	return problem.New(410, "This link does not work any more: it was used already, or it is too old.")
}

// undo brings an address back. Nothing is used up when that fails.
func (r *run) undo(ctx context.Context, token string) (*undo, error) {
	text, _, _ := strings.Cut(token, ".")
	owner, err := uuid.Parse(text)
	if err != nil {
		return nil, errUndoOver()
	}
	key := session.HashToken(token)
	u, err := r.peekUndo(ctx, owner, key)
	if err != nil {
		return nil, err
	}
	before, after, err := r.foresee(ctx, owner, Changed{Apply: func(i *identity.Identity) error { return r.bringBack(u, i) }})
	if err != nil {
		return nil, err
	}
	p, err := r.ready(ctx, &Flow{}, Effects{Messages: r.notices(before, after)})
	if err != nil {
		return nil, err
	}
	r.own = nil
	err = r.store.Write(ctx, func(tx Tx) error { return r.writeUndo(tx, u, owner, key, p) })
	var taken *problem.ConflictError
	if errors.As(err, &taken) {
		return nil, problem.Conflict("The address belongs to another account by now.").With(err)
	}
	return u, err
}

// peekUndo reads what a link brings back.
func (r *run) peekUndo(ctx context.Context, owner uuid.UUID, key []byte) (*undo, error) {
	sealed, err := r.store.PeekOneTime(ctx, undoPurpose, owner.String(), key, r.now)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, errUndoOver()
	}
	if err != nil {
		return nil, err
	}
	raw, err := r.Keys.Open(undoLabel, sealed, owner[:])
	if err != nil {
		return nil, errUndoOver() // made with a secret that was taken away
	}
	u := &undo{}
	return u, json.Unmarshal(raw, u)
}

// bringBack changes an account back as it is at that moment. The address counts as
// proved: the link was read there.
func (r *run) bringBack(u *undo, i *identity.Identity) error {
	traits, err := u.restore(i.Traits)
	if err != nil {
		return err
	}
	s, err := r.Schema(i.SchemaID)
	if err != nil {
		return err
	}
	derived, violations, err := s.Validate(traits)
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return problem.Conflict("The account has changed since, so that the address does not fit any more.")
	}
	identity.Apply(i, *derived, r.now, r.newID)
	proved(i, []identity.Address{u.Address}, r.now)
	i.AvailableAAL = r.availableAAL(i)
	return nil
}

// writeUndo uses the link up, and with it all that came after the change and may not
// outlive it: sessions, changes that wait, and links that would bring back the address
// of whoever made it.
func (r *run) writeUndo(tx Tx, u *undo, owner uuid.UUID, key []byte, p *prepared) error {
	ok, err := tx.TakeOneTime(undoPurpose, owner.String(), key, r.now)
	if err != nil {
		return err
	}
	if !ok {
		return errUndoOver()
	}
	i, err := tx.Identity(owner)
	if err != nil {
		return err
	}
	if err := r.bringBack(u, i); err != nil {
		return err
	}
	if err := tx.UpdateIdentity(i); err != nil {
		return err
	}
	if _, err := tx.RevokeSessionsOf(owner, uuid.Nil, r.now); err != nil {
		return err
	}
	if err := tx.DropOneTimesSince(undoPurpose, owner.String(), u.ChangedAt); err != nil {
		return err
	}
	if err := tx.ReplaceOneTimes(pendingPurpose, owner.String(), nil); err != nil {
		return err
	}
	return p.write(tx, r.now)
}
