package storetest

import (
	"fmt"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/store"
)

func (c *Case) list(f store.IdentityFilter) (ids []uuid.UUID) {
	c.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	list, err := c.Identities(c.Context(), f)
	c.ok(err)
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	return ids
}

var listTests = []test{
	{"pages follow one another by id", func(c *Case) {
		var want, got []uuid.UUID
		for k := range 7 {
			want = append(want, c.stored(fmt.Sprint(k)).ID)
		}
		for after := uuid.Nil; ; after = got[len(got)-1] {
			page := c.list(store.IdentityFilter{After: after, Limit: 3})
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		same(c, "all pages", want, got)
		same(c, "by offset", want[4:6], c.list(store.IdentityFilter{Offset: 4, Limit: 2}))
		n, err := c.CountIdentities(c.Context())
		c.ok(err)
		same(c, "count", 7, n)
	}},
	{"a list shows addresses, and credentials when asked", func(c *Case) {
		want := c.stored("a")
		list, err := c.Identities(c.Context(), store.IdentityFilter{Limit: 1, Credentials: true})
		c.ok(err)
		same(c, "whole", []*identity.Identity{want}, list)
		list, err = c.Identities(c.Context(), store.IdentityFilter{Limit: 1})
		c.ok(err)
		want.Credentials = nil
		same(c, "without credentials", []*identity.Identity{want}, list)
	}},
	{"a list without a limit is refused", func(c *Case) {
		if _, err := c.Identities(c.Context(), store.IdentityFilter{}); err == nil {
			c.Error("it was answered")
		}
	}},
	{"filters select", func(c *Case) {
		a, b, ab := c.stored("Ann"), c.person("bob"), c.stored("annabel")
		org := c.id()
		b.OrganizationID = &org
		c.ok(c.CreateIdentity(c.Context(), b))
		password, oidc := []identity.CredentialType{identity.Password}, []identity.CredentialType{identity.OIDC, identity.SAML}
		for _, f := range []struct {
			name   string
			filter store.IdentityFilter
			want   []uuid.UUID
		}{
			{"ids", store.IdentityFilter{IDs: []uuid.UUID{b.ID, a.ID, c.id()}}, sorted(a.ID, b.ID)},
			{"no ids", store.IdentityFilter{IDs: []uuid.UUID{}}, nil},
			{"ids after one", store.IdentityFilter{IDs: []uuid.UUID{b.ID, a.ID}, After: sorted(a.ID, b.ID)[0]}, sorted(a.ID, b.ID)[1:]},
			{"organization", store.IdentityFilter{OrganizationID: &org}, []uuid.UUID{b.ID}},
			{"exact", store.IdentityFilter{Identifiers: []store.IdentifierMatch{{Types: password, Values: []string{"ann", "Ann"}}}}, []uuid.UUID{a.ID}},
			{"exact in two ways", store.IdentityFilter{Identifiers: []store.IdentifierMatch{
				{Types: password, Values: []string{"bob"}}, {Types: oidc, Values: []string{"a:bob", "b:annabel"}},
			}}, sorted(b.ID, ab.ID)},
			{"prefix", store.IdentityFilter{Identifiers: []store.IdentifierMatch{{Types: password, Values: []string{"ann"}, Prefix: true}}}, []uuid.UUID{ab.ID}},
			{"prefix with a wildcard in it", store.IdentityFilter{Identifiers: []store.IdentifierMatch{{Types: password, Values: []string{"%", "_nn"}, Prefix: true}}}, nil},
			{"no types", store.IdentityFilter{Identifiers: []store.IdentifierMatch{{Values: []string{"bob"}}}}, nil},
		} {
			same(c, f.name, f.want, c.list(f.filter))
		}
	}},
	{"an identifier that was given up selects nobody", func(c *Case) {
		i := c.stored("a")
		delete(i.Credentials, identity.Password)
		c.ok(c.UpdateIdentity(c.Context(), i))
		same(c, "found", []uuid.UUID(nil), c.list(store.IdentityFilter{Identifiers: []store.IdentifierMatch{
			{Types: []identity.CredentialType{identity.Password}, Values: []string{"a"}},
		}}))
	}},
}

func sorted(a, b uuid.UUID) []uuid.UUID {
	if string(b[:]) < string(a[:]) {
		a, b = b, a
	}
	return []uuid.UUID{a, b}
}
