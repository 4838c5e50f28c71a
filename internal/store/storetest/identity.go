package storetest

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/store"
)

var identityTests = []test{
	{"an identity comes back as it was stored", func(c *Case) {
		i := c.person("a@example.org")
		org, at := c.id(), c.now().Add(-time.Hour)
		i.OrganizationID, i.StateChangedAt, i.MetadataAdmin = &org, &at, json.RawMessage("null")
		i.VerifiableAddresses[0].Verified, i.VerifiableAddresses[0].VerifiedAt = true, &at
		i.RecoveryAddresses[0].BreakGlass = &org
		c.ok(c.CreateIdentity(c.Context(), i))
		got, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		same(c, "by id", i, got)
		got, err = c.IdentityByExternalID(c.Context(), i.ExternalID)
		c.ok(err)
		same(c, "by external id", i, got)
		got, err = c.IdentityByVerifiableAddress(c.Context(), identity.Email, "a@example.org")
		c.ok(err)
		same(c, "by verifiable address", i, got)
		got, err = c.IdentityByRecoveryAddress(c.Context(), identity.Email, "a@example.org")
		c.ok(err)
		same(c, "by recovery address", i, got)
	}},
	{"an identity without anything comes back", func(c *Case) {
		i := &identity.Identity{ID: c.id(), SchemaID: "s", State: identity.Inactive, Traits: json.RawMessage(`{}`), CreatedAt: c.now(), UpdatedAt: c.now()}
		c.ok(c.CreateIdentity(c.Context(), i))
		got, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		i.Credentials = map[identity.CredentialType]identity.Credential{}
		same(c, "identity", i, got)
	}},
	{"ids and times that are missing are filled in", func(c *Case) {
		i := &identity.Identity{
			SchemaID: "s", State: identity.Active, Traits: json.RawMessage(`{}`),
			Credentials:         map[identity.CredentialType]identity.Credential{identity.Password: {Identifiers: []string{"a"}}},
			VerifiableAddresses: []identity.VerifiableAddress{{Value: "a", Via: identity.Email, Status: identity.AddressPending}},
		}
		c.ok(c.CreateIdentity(c.Context(), i))
		got, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		p, a := got.Credentials[identity.Password], got.VerifiableAddresses[0]
		if p.ID == uuid.Nil || a.ID == uuid.Nil || !p.CreatedAt.Equal(c.now()) || !a.UpdatedAt.Equal(c.now()) || string(p.Config) != "{}" {
			c.Errorf("not filled in: %+v %+v", p, a)
		}
	}},
	{"an unknown identity is not found", func(c *Case) {
		_, err := c.Identity(c.Context(), c.id())
		c.missing(err)
		_, err = c.IdentityByIdentifier(c.Context(), identity.Password, "nobody")
		c.missing(err)
		_, err = c.IdentityByIdentifier(c.Context(), identity.Password)
		c.missing(err)
		c.missing(c.UpdateIdentity(c.Context(), c.person("x")))
		c.missing(c.DeleteIdentity(c.Context(), c.id()))
	}},
	{"the identifier that is named first wins", func(c *Case) {
		raw, folded := c.stored("Ann"), c.stored("ann")
		for _, want := range []struct {
			values []string
			owner  *identity.Identity
		}{
			{[]string{"Ann", "ann"}, raw},
			{[]string{"ann", "Ann"}, folded},
			{[]string{"ANN", "ann"}, folded},
			{[]string{"x", "y", "Ann"}, raw},
		} {
			got, err := c.IdentityByIdentifier(c.Context(), identity.Password, want.values...)
			c.ok(err)
			same(c, "owner", want.owner.ID, got.ID)
		}
		_, err := c.IdentityByIdentifier(c.Context(), identity.WebAuthn, "Ann")
		c.missing(err)
		got, err := c.IdentityByIdentifiers(c.Context(), []identity.CredentialType{identity.WebAuthn, identity.OIDC}, "b:ann")
		c.ok(err)
		same(c, "owner by several types", folded.ID, got.ID)
	}},
	{"every unique value is guarded and named", func(c *Case) {
		first := c.stored("a@example.org")
		for _, clash := range []struct {
			change func(*identity.Identity)
			want   problem.ConflictError
		}{
			{func(i *identity.Identity) { i.ID = first.ID }, problem.ConflictError{What: "id", Value: first.ID.String()}},
			{func(i *identity.Identity) { i.ExternalID = first.ExternalID }, problem.ConflictError{What: "external_id", Value: first.ExternalID}},
			{func(i *identity.Identity) {
				p := i.Credentials[identity.OIDC]
				p.Identifiers = []string{"free", "b:a@example.org"}
				i.Credentials[identity.OIDC] = p
			}, problem.ConflictError{What: "identifier", Value: "b:a@example.org", Type: "oidc"}},
			{func(i *identity.Identity) { i.VerifiableAddresses[0].Value = "a@example.org" }, problem.ConflictError{What: "verifiable_address", Value: "a@example.org"}},
			{func(i *identity.Identity) { i.RecoveryAddresses[0].Value = "a@example.org" }, problem.ConflictError{What: "recovery_address", Value: "a@example.org"}},
		} {
			second := c.person("b@example.org")
			clash.change(second)
			c.taken(c.CreateIdentity(c.Context(), second), clash.want)
		}
		n, err := c.CountIdentities(c.Context())
		c.ok(err)
		same(c, "identities", 1, n)
		got, err := c.Identity(c.Context(), first.ID)
		c.ok(err)
		same(c, "the first identity", first, got)
	}},
	{"an id that is free again does not hide what is taken", func(c *Case) {
		first, gone := c.stored("a"), c.stored("b")
		c.ok(c.DeleteIdentity(c.Context(), gone.ID))
		gone.ExternalID = first.ExternalID
		c.taken(c.CreateIdentity(c.Context(), gone), problem.ConflictError{What: "external_id", Value: first.ExternalID})
	}},
	{"a conflict leaves nothing behind when the transaction goes on", func(c *Case) {
		first := c.stored("a@example.org")
		clash, copied, fine := c.person("b@example.org"), c.person("d@example.org"), c.person("c@example.org")
		clash.RecoveryAddresses[0].Value = "a@example.org"
		copied.ID = first.ID
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
			for _, i := range []*identity.Identity{clash, copied} {
				if err := x.CreateIdentity(i); err == nil {
					return errors.New("no conflict")
				}
			}
			return x.CreateIdentity(fine)
		}))
		kept, err := c.Identity(c.Context(), first.ID)
		c.ok(err)
		same(c, "the identity whose id was taken", first, kept)
		_, err = c.Identity(c.Context(), clash.ID)
		c.missing(err)
		_, err = c.IdentityByIdentifier(c.Context(), identity.Password, "b@example.org")
		c.missing(err)
		_, err = c.Identity(c.Context(), fine.ID)
		c.ok(err)
	}},
	{"a batch stores what does not conflict", func(c *Case) {
		c.stored("taken")
		list := []*identity.Identity{c.person("a"), c.person("taken"), c.person("b"), c.person("a"), c.person("c")}
		conflicts, err := c.CreateIdentities(c.Context(), list)
		c.ok(err)
		for k, want := range []bool{false, true, false, true, false} {
			var taken *problem.ConflictError
			if errors.As(conflicts[k], &taken) != want {
				c.Errorf("item %d: got %v", k, conflicts[k])
			}
			_, err := c.Identity(c.Context(), list[k].ID)
			if want {
				c.missing(err)
			} else {
				c.ok(err)
			}
		}
	}},
	{"a large batch is stored whole", func(c *Case) {
		var list []*identity.Identity
		for k := range 100 {
			list = append(list, c.person(string(rune('a'+k%26))+string(rune('a'+k/26))))
		}
		conflicts, err := c.CreateIdentities(c.Context(), list)
		c.ok(errors.Join(append(conflicts, err)...))
		got, err := c.Identity(c.Context(), list[99].ID)
		c.ok(err)
		same(c, "the last one", list[99], got)
	}},
	{"an identifier that is not text is refused", func(c *Case) {
		i := c.person("a")
		i.Credentials[identity.Passkey] = identity.Credential{Identifiers: []string{"\xff\x00"}}
		if err := c.CreateIdentity(c.Context(), i); err == nil {
			c.Error("it was stored")
		}
	}},
	{"an update replaces what it names and keeps the rest", updateIdentity},
	{"an update without credentials keeps them", func(c *Case) {
		i := c.stored("a")
		want := i.Credentials
		i.Credentials, i.AvailableAAL = nil, "aal2"
		c.ok(c.UpdateIdentity(c.Context(), i))
		got, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		same(c, "credentials", want, got.Credentials)
		same(c, "available level", "aal2", got.AvailableAAL)
	}},
	{"an update that conflicts changes nothing", func(c *Case) {
		c.stored("a@example.org")
		for _, clash := range []struct {
			change func(*identity.Identity)
			want   problem.ConflictError
		}{
			{func(i *identity.Identity) { i.ExternalID = "ext-a@example.org" }, problem.ConflictError{What: "external_id", Value: "ext-a@example.org"}},
			{func(i *identity.Identity) {
				p := i.Credentials[identity.Password]
				p.Identifiers = []string{"a@example.org"}
				i.Credentials[identity.Password] = p
			}, problem.ConflictError{What: "identifier", Value: "a@example.org", Type: "password"}},
			{func(i *identity.Identity) { i.VerifiableAddresses[0].Value = "a@example.org" }, problem.ConflictError{What: "verifiable_address", Value: "a@example.org"}},
			{func(i *identity.Identity) { i.RecoveryAddresses[0].Value = "a@example.org" }, problem.ConflictError{What: "recovery_address", Value: "a@example.org"}},
		} {
			second := c.stored("b@example.org")
			before, err := c.Identity(c.Context(), second.ID)
			c.ok(err)
			clash.change(second)
			c.taken(c.UpdateIdentity(c.Context(), second), clash.want)
			after, err := c.Identity(c.Context(), second.ID)
			c.ok(err)
			same(c, "the second identity", before, after)
			c.ok(c.DeleteIdentity(c.Context(), second.ID))
		}
	}},
	{"deleting an identity takes all that hangs on it along", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		s := c.session(i, "token")
		f := c.flow()
		f.IdentityID = &i.ID
		c.ok(c.CreateFlow(c.Context(), f))
		c.ok(c.DeleteIdentity(c.Context(), i.ID))
		_, err := c.IdentityByIdentifier(c.Context(), identity.Password, "a")
		c.missing(err)
		_, err = c.Session(c.Context(), s.ID)
		c.missing(err)
		_, err = c.SessionByToken(c.Context(), []byte("token"))
		c.missing(err)
		_, err = c.Flow(c.Context(), f.ID)
		c.missing(err)
		again := c.person("a")
		c.ok(c.CreateIdentity(c.Context(), again))
		_, err = c.Identity(c.Context(), other.ID)
		c.ok(err)
	}},
}

func updateIdentity(c *Case) {
	i := c.stored("a@example.org")
	kept := i.Credentials[identity.OIDC]
	later := c.now().Add(time.Minute)
	c.Clock.Advance(time.Minute)

	i.Traits, i.MetadataPublic, i.ExternalID, i.State = json.RawMessage(`{"email":"n@example.org"}`), nil, "", identity.Inactive
	p := i.Credentials[identity.Password]
	p.Config, p.Identifiers = json.RawMessage(`{"hashed_password":"new"}`), []string{"n@example.org"}
	i.Credentials[identity.Password] = p
	i.Credentials[identity.TOTP] = identity.Credential{
		ID: c.id(), Type: identity.TOTP, Identifiers: []string{i.ID.String()}, Config: json.RawMessage(`{}`), CreatedAt: later, UpdatedAt: later,
	}
	i.VerifiableAddresses[0].Verified, i.VerifiableAddresses[0].VerifiedAt = true, &later
	i.VerifiableAddresses = append(i.VerifiableAddresses, identity.VerifiableAddress{
		ID: c.id(), Value: "n@example.org", Via: identity.Email, Status: identity.AddressPending, CreatedAt: later, UpdatedAt: later,
	})
	i.RecoveryAddresses = nil
	c.ok(c.UpdateIdentity(c.Context(), i))

	got, err := c.Identity(c.Context(), i.ID)
	c.ok(err)
	same(c, "identity", i, got)
	same(c, "time of the update", later, got.UpdatedAt)
	same(c, "time of the changed credential", later, got.Credentials[identity.Password].UpdatedAt)
	same(c, "time of the changed address", later, got.VerifiableAddresses[0].UpdatedAt)
	same(c, "the credential that was left alone", kept, got.Credentials[identity.OIDC])
	_, err = c.IdentityByIdentifier(c.Context(), identity.Password, "a@example.org")
	c.missing(err)
	_, err = c.IdentityByRecoveryAddress(c.Context(), identity.Email, "a@example.org")
	c.missing(err)

	delete(i.Credentials, identity.OIDC)
	c.ok(c.UpdateIdentity(c.Context(), i))
	_, err = c.IdentityByIdentifier(c.Context(), identity.OIDC, "a:a@example.org")
	c.missing(err)
}
