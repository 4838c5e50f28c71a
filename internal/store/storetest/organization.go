package storetest

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/store"
)

func (c *Case) organization(label string, domains ...org.Domain) *org.Organization {
	return &org.Organization{
		ID: c.id(), Label: label, Enabled: true, SignIn: org.Connections, SignUp: org.Anywhere, SessionLifespan: time.Hour, Domains: domains,
	}
}

func verified(name string) org.Domain { return org.Domain{Name: name, Verified: true} }

var organizationTests = []test{
	{"an organization is read, found by its domains and listed", func(c *Case) {
		acme, beta := c.organization("Acme", verified("acme.test"), org.Domain{Name: "maybe.test"}), c.organization("Beta")
		c.ok(c.CreateOrganization(c.Context(), acme))
		c.ok(c.CreateOrganization(c.Context(), beta))
		got, err := c.Organization(c.Context(), acme.ID)
		c.ok(err)
		same(c, "the organization", acme, got)
		same(c, "its date", c.now(), got.CreatedAt)
		got, err = c.OrganizationByDomain(c.Context(), "acme.test")
		c.ok(err)
		same(c, "by domain", acme, got)
		for _, name := range []string{"maybe.test", "x.acme.test", "test", ""} {
			_, err = c.OrganizationByDomain(c.Context(), name)
			c.missing(err)
		}
		_, err = c.Organization(c.Context(), c.id())
		c.missing(err)
		first, err := c.Organizations(c.Context(), uuid.Nil, 1)
		c.ok(err)
		rest, err := c.Organizations(c.Context(), first[0].ID, 10)
		c.ok(err)
		same(c, "the list", []*org.Organization{acme, beta}, slices.Concat(first, rest))
		none, err := c.Organizations(c.Context(), beta.ID, 10)
		c.ok(err)
		same(c, "the rest", 0, len(none))
	}},
	{"an organization is replaced as a whole", func(c *Case) {
		o := c.organization("Acme", verified("acme.test"), verified("b.test"))
		c.ok(c.CreateOrganization(c.Context(), o))
		c.Clock.Advance(time.Hour)
		o.Label, o.Enabled, o.SignIn, o.SignUp, o.SessionLifespan = "Other", false, org.Anywhere, org.Connections, 0
		o.Domains = []org.Domain{{Name: "acme.test"}, verified("c.test")}
		c.ok(c.UpdateOrganization(c.Context(), o))
		got, err := c.Organization(c.Context(), o.ID)
		c.ok(err)
		same(c, "the organization", o, got)
		same(c, "its date", c.now(), got.UpdatedAt)
		_, err = c.OrganizationByDomain(c.Context(), "b.test")
		c.missing(err)
		c.missing(c.UpdateOrganization(c.Context(), c.organization("None")))
	}},
	{"ids and domains are there once", func(c *Case) {
		acme, beta := c.organization("Acme", org.Domain{Name: "acme.test"}), c.organization("Beta", verified("beta.test"))
		c.ok(c.CreateOrganization(c.Context(), acme))
		c.ok(c.CreateOrganization(c.Context(), beta))
		c.taken(c.CreateOrganization(c.Context(), acme), problem.ConflictError{What: "id", Value: acme.ID.String()})
		c.taken(c.CreateOrganization(c.Context(), c.organization("Thief", verified("acme.test"))), problem.ConflictError{What: "domain", Value: "acme.test"})
		before := *beta
		beta.Domains = []org.Domain{verified("acme.test")}
		c.taken(c.UpdateOrganization(c.Context(), beta), problem.ConflictError{What: "domain", Value: "acme.test"})
		got, err := c.Organization(c.Context(), beta.ID)
		c.ok(err)
		same(c, "after a refused change", before.Domains, got.Domains)
	}},
	{"an organization with members is not deleted", func(c *Case) {
		o := c.organization("Acme", verified("acme.test"))
		c.ok(c.CreateOrganization(c.Context(), o))
		i := c.person("ann")
		i.OrganizationID = &o.ID
		c.ok(c.CreateIdentity(c.Context(), i))
		c.taken(c.DeleteOrganization(c.Context(), o.ID), problem.ConflictError{What: "member", Value: o.ID.String()})
		i.OrganizationID = nil
		c.ok(c.UpdateIdentity(c.Context(), i))
		c.ok(c.DeleteOrganization(c.Context(), o.ID))
		c.missing(c.DeleteOrganization(c.Context(), o.ID))
		_, err := c.OrganizationByDomain(c.Context(), "acme.test")
		c.missing(err)
		c.ok(c.CreateOrganization(c.Context(), c.organization("Next", verified("acme.test"))))
	}},
	{"sessions of the members of one organization end where that is said", func(c *Case) {
		o := c.organization("Acme")
		c.ok(c.CreateOrganization(c.Context(), o))
		ann, bob := c.person("ann"), c.person("bob")
		ann.OrganizationID = &o.ID
		c.ok(c.CreateIdentity(c.Context(), ann))
		c.ok(c.CreateIdentity(c.Context(), bob))
		hers, his := c.session(ann, "hers").ID, c.session(bob, "his").ID
		kept := c.session(ann, "kept")
		kept.Methods = append(kept.Methods, session.Method{Method: "oidc", AAL: session.AAL1, Organization: &o.ID})
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(kept) }))
		c.ok(c.RevokeMembers(c.Context(), o.ID, c.now(), func(vouched bool) bool { return !vouched }))
		for id, want := range map[uuid.UUID]bool{hers: false, his: true, kept.ID: true} {
			got, err := c.Session(c.Context(), id)
			c.ok(err)
			same(c, "active", want, got.Active)
		}
	}},
}
