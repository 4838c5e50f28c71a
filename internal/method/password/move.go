package password

import (
	"context"
	"errors"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Origin is the system that passwords come from.
type Origin interface {
	// Knows says whether identifier and password belong together there. An error is
	// one that a client may be answered with; it holds neither of them.
	Knows(ctx context.Context, set *flow.Setup, about flow.HookCall, identifier, password string) (bool, error)
}

// move judges a password that another system knows, and takes it over. The result
// is a denial, a proof with the credential that is to be stored, or, when somebody
// else was faster, the identity whose password is here by now.
//
// Being told no costs the same hash as a wrong password that is here.
func (m Method) move(ctx context.Context, x *flow.Exec, i *identity.Identity, in loginInput) (moved, error) {
	if !x.Setup.SelfService.Methods.Password.Config.MigrateHook.Enabled {
		return moved{}, problem.New(500, "The password of this account is known to another system, and asking it is switched off.").
			Named(problem.InvalidConfiguration)
	}
	hashing := m.Hashing(x.Setup.Snapshot)
	deny := func() (moved, error) { return moved{denied: true}, failed(hashing.Dummy(ctx, in.Password)) }
	about, err := x.Brief(ctx, i)
	if err != nil {
		return moved{}, err
	}
	known, err := m.Origin.Knows(ctx, x.Setup, about, in.Identifier, in.Password)
	if err != nil {
		return moved{}, err
	}
	if !known {
		return deny()
	}
	// The answer may have taken its time. What was true of the account when the
	// question was asked must not let anybody in now.
	now, err := x.Store.Identity(ctx, i.ID)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return deny()
	case err != nil:
		return moved{}, err
	case !elsewhere(now):
		return moved{identity: now}, nil
	case unconfirmed(x, now):
		return deny()
	}
	hash, err := hashing.Hash(ctx, in.Password)
	if err != nil {
		// A password that cannot be kept does not move, and does not let in either:
		// else the old system would be asked forever.
		return moved{denied: true}, failed(err)
	}
	c, err := withHash(now.Credentials[identity.Password], hash)
	if err != nil {
		return moved{}, err
	}
	return moved{proof: &flow.Proved{
		Identity: now, Method: session.Method{Method: "password", AAL: session.AAL1}, Credential: &c,
	}}, nil
}

// moved is what became of a password that was elsewhere; one field is set.
type moved struct {
	denied   bool
	proof    *flow.Proved
	identity *identity.Identity
}

// wrong is the answer to every password that does not let in.
func wrong() flow.Rejected { return flow.Deny(ui.New(ui.ValidationCredentials)) }
