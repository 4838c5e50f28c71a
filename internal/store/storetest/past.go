package storetest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/risk"
	"cardea/internal/session"
	"cardea/internal/store"
)

var (
	homeSource = netip.MustParsePrefix("192.0.2.7/32")
	farSource  = netip.MustParsePrefix("2001:db8:0:1::/64")
	everything = risk.Asked{Earlier: true, Others: true}
)

// from stores a session that began somewhere.
func (c *Case) from(i *identity.Identity, source string, methods ...session.Method) *session.Session {
	c.Helper()
	s := &session.Session{IdentityID: i.ID, Active: true, Source: source, Methods: methods, IssuedAt: c.now(), AuthenticatedAt: c.now(), ExpiresAt: c.now().Add(time.Hour)}
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(s, nil) }))
	return s
}

func (c *Case) past(i uuid.UUID, asked risk.Asked, source netip.Prefix, since time.Time) risk.Past {
	c.Helper()
	p, err := c.Past(c.Context(), flow.PastQuestion{Asked: asked, Identity: i, Source: source, Since: since, Enough: 3})
	c.ok(err)
	return p
}

var pastTests = []test{
	{"the past of a sign-in is what the account and its source have done", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		first := c.now()
		c.from(i, homeSource.String())
		c.Clock.Advance(time.Hour)
		second := c.now()
		c.from(i, "")
		c.from(other, homeSource.String())
		c.from(other, homeSource.String())
		p := c.past(i.ID, everything, homeSource, first)
		same(c, "others", 1, p.Others)
		same(c, "earlier", fmt.Sprint([]risk.SignIn{{At: second.UTC()}, {At: first.UTC(), Source: homeSource}}), fmt.Sprint(p.Earlier))
		same(c, "only others", fmt.Sprint(risk.Past{Others: 1}), fmt.Sprint(c.past(i.ID, risk.Asked{Others: true}, homeSource, first)))
		same(c, "only earlier", 2, len(c.past(i.ID, risk.Asked{Earlier: true}, homeSource, first).Earlier))
		same(c, "nothing", fmt.Sprint(risk.Past{}), fmt.Sprint(c.past(i.ID, risk.Asked{}, homeSource, first)))
		same(c, "elsewhere", 0, c.past(i.ID, everything, farSource, first).Others)
		same(c, "later", 0, c.past(i.ID, everything, homeSource, second.Add(time.Microsecond)).Others)
		same(c, "of nobody", 2, c.past(c.id(), everything, homeSource, first).Others)
	}},
	{"others are counted once, whether they signed in or up, and no further than asked", func(c *Case) {
		signUp := func(id uuid.UUID) {
			c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
				return x.AddOneTimes(flow.SignUpPurpose, farSource.String(), []flow.OneTime{{Key: id[:], ExpiresAt: c.now().Add(time.Hour)}})
			}))
		}
		since, me := c.now(), c.id()
		signUp(me)
		same(c, "only me", 0, c.past(me, everything, farSource, since).Others)
		i := c.stored("a")
		signUp(i.ID)
		c.from(i, farSource.String())
		same(c, "one who came back", 1, c.past(me, everything, farSource, since).Others)
		for n := range 5 {
			c.from(c.stored(fmt.Sprint("b", n)), farSource.String())
		}
		same(c, "a crowd", 3, c.past(me, everything, farSource, since).Others)
	}},
	{"a session that was held is nothing to compare with until something lifts it", func(c *Case) {
		i := c.stored("a")
		holds := session.Method{Method: "password", AAL: session.AAL1, Holds: true}
		c.from(i, homeSource.String(), holds)
		same(c, "held", 0, len(c.past(i.ID, everything, homeSource, c.now()).Earlier))
		c.from(i, homeSource.String(), holds, session.Method{Method: "code", AAL: session.AAL1, Lifts: true})
		c.from(i, homeSource.String(), holds, session.Method{Method: "totp", AAL: session.AAL2})
		same(c, "lifted", 2, len(c.past(i.ID, everything, homeSource, c.now()).Earlier))
	}},
	{"a session that was dropped is not remembered", func(c *Case) {
		i := c.stored("a")
		s := c.from(i, homeSource.String())
		for range 2 {
			c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.DropSession(s.ID, c.now()) }))
		}
		same(c, "earlier", 0, len(c.past(i.ID, everything, homeSource, c.now()).Earlier))
		_, err := c.Session(c.Context(), s.ID)
		c.missing(err)
	}},
}
