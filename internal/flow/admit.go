package flow

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Who may come in, and with which addresses. Every journey that could give somebody
// a session or an address asks here: comeIn, comeAnew, changeWithin and
// concludeRecovery.

// admit asks whether a proof lets somebody in; nil lets them. through is the
// organization that has vouched for them.
func (r *run) admit(ctx context.Context, i *identity.Identity, through *uuid.UUID) (*turnedAway, error) {
	home, err := r.organization(ctx, i.OrganizationID)
	if err != nil {
		return nil, err
	}
	origin, err := r.organization(ctx, through)
	if err != nil {
		return nil, err
	}
	r.vouched, r.tied = origin, home != nil && home.SignIn == org.Connections
	why := org.Entry{Member: i.OrganizationID, Home: home, Through: through, Origin: origin}.Refused()
	if why == org.None {
		return nil, nil
	}
	return &turnedAway{why: why, to: home}, nil
}

// claim asks whether an account may have the addresses that it did not have before;
// nil lets it.
func (r *run) claim(ctx context.Context, before, after *identity.Identity, through *uuid.UUID) (*turnedAway, error) {
	known := mailsOf(before)
	for _, address := range mailsOf(after) {
		if slices.Contains(known, address) {
			continue
		}
		owner, err := r.ownerOf(ctx, address)
		if err != nil {
			return nil, err
		}
		if why := (org.Claim{Owner: owner, Member: after.OrganizationID, Through: through}).Refused(); why != org.None {
			return &turnedAway{why: why, to: owner}, nil
		}
	}
	return nil, nil
}

// mailsOf are the e-mail addresses that an account is reached or known by.
func mailsOf(i *identity.Identity) (all []string) {
	if i == nil {
		return nil
	}
	for _, a := range i.VerifiableAddresses {
		all = append(all, a.Value)
	}
	for _, a := range i.RecoveryAddresses {
		all = append(all, a.Value)
	}
	for t, c := range i.Credentials {
		if t != identity.OIDC && t != identity.SAML { // their identifiers are subjects
			all = append(all, c.Identifiers...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// turnedAway is why somebody may not go on, and whose connections could help.
type turnedAway struct {
	why org.Refusal
	to  *org.Organization // nil when nobody could
}

// message says why.
func (t *turnedAway) message() ui.Message {
	switch t.why {
	case org.Closed:
		return ui.New(ui.OrganizationClosed)
	case org.Foreign:
		return ui.New(ui.OrganizationForeign)
	}
	return ui.New(ui.OrganizationOutside, "organization", t.to.Label)
}

// sendHome refuses, and shows the connections through which it would have gone well.
func (r *run) sendHome(ctx context.Context, t *turnedAway) *Answer {
	if t.why == org.Outside && r.flow.Organization == nil {
		stage := r.flow.stage()
		stage.Organization = &t.to.ID
		for _, s := range r.steps[r.kind.name] {
			if s.Connects && len(stage.Methods) > 0 && !slices.Contains(stage.Methods, s.Method) {
				stage.Methods = append(stage.Methods, s.Method)
			}
		}
		if err := r.flow.remember(stageKey, stage); err != nil {
			return r.forward(ctx, err)
		}
	}
	return r.reject(ctx, Rejected{Form: []ui.Message{t.message()}})
}

// refusal is the same for journeys that have no form to show it on.
func (t *turnedAway) refusal(r *run) *problem.Error {
	return problem.Forbidden(r.catalogue.Locale().Render(t.message()).Text)
}

// join makes a member of whoever came through a connection of an organization and
// belongs to none. It says whether it did.
func join(i *identity.Identity, through *uuid.UUID) bool {
	if through == nil || i.OrganizationID != nil {
		return false
	}
	id := *through
	i.OrganizationID = &id
	return true
}

// joining adds joining to a change of an identity. What somebody else has changed
// in the meantime counts: a member of another organization stays one.
func joining(change func(*identity.Identity) error, through uuid.UUID) func(*identity.Identity) error {
	return both(change, func(i *identity.Identity) error {
		if !join(i, &through) && *i.OrganizationID != through {
			return problem.Forbidden("The account belongs to another organization.")
		}
		return nil
	})
}

// lifespan is how long a session lives that begins or is renewed now: the
// organization whose connection has vouched for somebody may have a say.
func (r *run) lifespan(of *session.Session) time.Duration {
	if r.vouched != nil && r.vouched.SessionLifespan > 0 {
		return r.Shortened(of, r.vouched.SessionLifespan)
	}
	return r.Lifespan(of)
}

// comeIn asks whether a login lets somebody in; nil goes on.
func (r *run) comeIn(ctx context.Context, proof *Proved, link *Link) *Answer {
	through := vouching(proof, link)
	if through == nil && r.flow.RequestedAAL == session.AAL2 {
		through = r.vouchedBefore(proof.Identity)
	}
	away, err := r.admit(ctx, proof.Identity, through)
	if err == nil && away == nil && proof.Update != nil && proof.Method.Provider != "" {
		// What a provider tells may have changed addresses.
		var before *identity.Identity
		if before, err = r.store.Identity(ctx, proof.Identity.ID); err == nil {
			away, err = r.claim(ctx, before, proof.Identity, proof.Method.Organization)
		}
	}
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case away != nil:
		return r.sendHome(ctx, away)
	}
	return nil
}

// vouching is the organization whose connection has brought somebody, to sign in or
// to be linked; nil for none.
func vouching(proof *Proved, link *Link) *uuid.UUID {
	if proof.Method.Organization == nil && link != nil {
		return link.Proof.Organization
	}
	return proof.Method.Organization
}

// vouchedBefore is the account's organization if the session that is there has come
// through one of its connections. It counts for second factors alone: who signs in
// again has to come through a connection again.
func (r *run) vouchedBefore(i *identity.Identity) *uuid.UUID {
	if r.Session == nil || r.Session.IdentityID != i.ID || i.OrganizationID == nil {
		return nil
	}
	for _, m := range r.Session.Methods {
		if m.Organization != nil && *m.Organization == *i.OrganizationID {
			return i.OrganizationID
		}
	}
	return nil
}

// enrol makes a member of whoever an organization's connection has brought.
func (r *run) enrol(proof *Proved, link *Link) {
	through := vouching(proof, link)
	r.joins = join(proof.Identity, through)
	if r.joins || through != nil && proof.Update != nil {
		proof.Update = joining(proof.Update, *through)
	}
}

// comeAnew asks whether somebody may sign up like this, and makes a member of
// whoever an organization's connection has brought; nil goes on.
func (r *run) comeAnew(ctx context.Context, result NewIdentity) *Answer {
	i, through := result.Identity, result.Method.Organization
	join(i, through)
	away, err := r.admit(ctx, i, through)
	if err == nil && away == nil {
		away, err = r.claim(ctx, nil, i, through)
	}
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case away != nil:
		return r.sendHome(ctx, away)
	}
	return nil
}

// changeWithin asks whether an account may become what a change of settings makes
// of it. Linking a connection makes a member.
func (r *run) changeWithin(ctx context.Context, before, after *identity.Identity, c *Changed) *Answer {
	var away *turnedAway
	home, err := r.organization(ctx, before.OrganizationID)
	if err != nil {
		return r.forward(ctx, err)
	}
	r.tied = home != nil && home.SignIn == org.Connections
	if c.Evidence != nil && c.Evidence.Organization != nil {
		through := *c.Evidence.Organization
		if away, err = r.admit(ctx, after, &through); join(after, &through) {
			c.Apply, r.joins = joining(c.Apply, through), true
		}
	}
	if err == nil && away == nil {
		away, err = r.claim(ctx, before, after, nil)
	}
	switch {
	case err != nil:
		return r.forward(ctx, err)
	case away != nil:
		return r.reject(ctx, Deny(away.message()))
	}
	return nil
}
