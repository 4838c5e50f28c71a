package flow

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// Registrations that tell nobody but the reader of the mailbox whether there was
// an account already: cardea.security.strict_enumeration.

// discreet says whether a registration is one of these. What a code or a provider
// has proved needs no discretion, and where no mail can go the truth would be lost.
func (r *run) discreet(step *Step, i *identity.Identity) bool {
	return r.Setup.Cardea.Security.StrictEnumeration && step.Method == "password" && r.verifies(i) != nil
}

// concludeDiscreetly ends a registration the same way whether the identifiers were
// free or not: no session, a verification under way, one message to the address.
// When they were taken the message says so, the code of the verification is for
// nobody, and the identity was only made to be shown.
func (r *run) concludeDiscreetly(ctx context.Context, step *Step, result NewIdentity) *Answer {
	defer r.clock.SleepUntil(ctx, r.now.Add(r.floor))
	i := result.Identity
	i.AvailableAAL = r.availableAAL(i)
	to, err := r.ReturnTo(r.flow.ReturnTo, r.defaultReturn(Registration, step.Method))
	if err != nil {
		return r.unacceptable(ctx, err)
	}
	if err := r.flow.remember(step.Method, result.Facts); err != nil {
		return r.forward(ctx, err)
	}
	free, err := r.free(ctx, i)
	if err != nil {
		return r.forward(ctx, err)
	}
	r.flow.Values = nil
	if r.flow.Type == Browser {
		r.CSRF.Rotate(r.rand)
	}
	// Nobody waits for any hook, because the time would tell.
	then, err := r.succeeds(ctx, r.afterHooks(Registration, step.Method), occasion{identity: i, unheard: true})
	if err != nil {
		return r.forward(ctx, err)
	}
	b, err := r.signUpDiscreetly(ctx, i, free, then)
	var taken *problem.ConflictError
	if errors.As(err, &taken) { // somebody was quicker
		free = false
		b, err = r.signUpDiscreetly(ctx, i, false, then)
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	if !free {
		taken := Deny(ui.New(ui.ValidationIdentifierTaken))
		r.ledger.fail(r, &taken, nil)
		r.ledger.recorded = true
	}
	return r.answerRegistration(&SignedUp{Identity: i}, "", to, b, r.after(Registration, step.Method))
}

// signUpDiscreetly stores the identity, or does as much work for nothing.
func (r *run) signUpDiscreetly(ctx context.Context, i *identity.Identity, free bool, then []Errand) (*begun, error) {
	edit, stored := asItIs, i
	if !free {
		edit, stored = tellTaken, r.lookalike(i)
	}
	b, err := r.verificationWith(ctx, i, nil, edit)
	if err != nil {
		return nil, err
	}
	return b, r.write(ctx, nil, func(tx Tx) error {
		if err := b.write(tx, r); err != nil {
			return err
		}
		if err := tx.TryIdentity(stored, free, then...); err != nil {
			return err
		}
		if err := tx.Record(r.recordDiscreetly(i, free)); err != nil {
			return err
		}
		if err := r.noteSignUp(tx, i); err != nil {
			return err
		}
		return tx.UpdateFlow(r.flow)
	})
}

// free says whether nobody has any of the unique values of a new identity. How
// many questions that takes depends on the new identity alone.
func (r *run) free(ctx context.Context, i *identity.Identity) (bool, error) {
	found := false
	note := func(_ *identity.Identity, err error) error {
		if errors.Is(err, problem.ErrNotFound) {
			return nil
		}
		found = found || err == nil
		return err
	}
	for _, t := range slices.Sorted(maps.Keys(i.Credentials)) {
		if err := note(r.store.IdentityByIdentifier(ctx, t, i.Credentials[t].Identifiers...)); err != nil {
			return false, err
		}
	}
	for _, a := range i.VerifiableAddresses {
		if err := note(r.store.IdentityByVerifiableAddress(ctx, a.Via, a.Value)); err != nil {
			return false, err
		}
	}
	for _, a := range i.RecoveryAddresses {
		if err := note(r.store.IdentityByRecoveryAddress(ctx, a.Via, a.Value)); err != nil {
			return false, err
		}
	}
	return !found, nil
}

// tellTaken turns the message with the proof into one that says that there is an
// account already. The statements stay the same, down to the note that a proof was
// sent, which is for an address that nobody has.
func tellTaken(x *Exec, e *Effects) {
	for n, m := range e.Messages {
		e.Messages[n] = x.Letter("registration_invalid", identity.Address{Value: m.Recipient, Via: m.Channel})
	}
	for n := range e.Codes.List {
		e.Codes.List[n].For = CodeFor{}
	}
	for n := range e.Noticed {
		e.Noticed[n].Value = ""
	}
}

// lookalike is an identity of the same size whose unique values nobody has.
func (r *run) lookalike(i *identity.Identity) *identity.Identity {
	like := *i
	like.ID = r.newID()
	like.Credentials = make(map[identity.CredentialType]identity.Credential, len(i.Credentials))
	for t, c := range i.Credentials {
		c.ID, c.Identifiers = uuid.Nil, r.nonsense(len(c.Identifiers))
		like.Credentials[t] = c
	}
	like.VerifiableAddresses, like.RecoveryAddresses = slices.Clone(i.VerifiableAddresses), slices.Clone(i.RecoveryAddresses)
	for n := range like.VerifiableAddresses {
		like.VerifiableAddresses[n].ID, like.VerifiableAddresses[n].Value = uuid.Nil, r.newID().String()
	}
	for n := range like.RecoveryAddresses {
		like.RecoveryAddresses[n].ID, like.RecoveryAddresses[n].Value = uuid.Nil, r.newID().String()
	}
	return &like
}

// nonsense draws n values.
func (r *run) nonsense(n int) []string {
	all := make([]string, n)
	for k := range all {
		all[k] = r.newID().String()
	}
	return all
}
