package storetest

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// ending is the end of a session as the feed tells it.
type ending struct {
	Session, Identity uuid.UUID
	Reason            session.EndReason
}

var changeTests = []test{
	{"whatever ends sessions is told of, once for each that was active", func(c *Case) {
		for _, way := range waysToEnd {
			i, other := c.stored(way.name), c.stored("not "+way.name)
			one, two, over, foreign := c.session(i, way.name+"1"), c.session(i, way.name+"2"), c.session(i, way.name+"3"), c.session(other, way.name+"4")
			c.ok(c.RevokeSession(c.Context(), over.ID, i.ID, c.now()))
			c.Clock.Advance(time.Second)
			since := c.now()
			c.ok(way.end(c, i, one))
			want := []ending{{one.ID, i.ID, way.reason}}
			if !way.one {
				want = append(want, ending{two.ID, i.ID, way.reason})
			}
			same(c, way.name, want, c.endings(since))
			c.active(foreign.ID, true)
		}
	}},
	{"all sessions end at once", func(c *Case) {
		i := c.stored("a")
		var want []ending
		for k := range 5 {
			want = append(want, ending{c.session(i, string(rune('a'+k))).ID, i.ID, session.Deleted})
		}
		n, err := c.BulkSessions(c.Context(), store.DeleteSessions, store.EverySession, nil, 1000, c.now())
		c.ok(err)
		same(c, "deleted", 5, n)
		same(c, "told", want, c.endings(c.now()))
	}},
	{"what changes a session without an end is told of, too", func(c *Case) {
		i := c.stored("a")
		s := c.session(i, "t")
		for _, step := range []struct {
			name string
			do   func() error
			want session.Change
		}{
			{"another level", func() error { return c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(s) }) }, session.Change{SessionID: s.ID, IdentityID: i.ID}},
			{"a longer life", func() error {
				_, err := c.ExtendSession(c.Context(), s.ID, c.now().Add(2*time.Hour), c.now().Add(3*time.Hour), c.now())
				return err
			}, session.Change{SessionID: s.ID, IdentityID: i.ID}},
			{"other traits", func() error { return c.UpdateIdentity(c.Context(), i) }, session.Change{IdentityID: i.ID}},
			{"a proof", func() error {
				return c.Tx(c.Context(), func(x *store.Tx) error {
					return x.MarkAddress(identity.Address{Via: identity.Email, Value: "a"}, identity.AddressCompleted, c.now())
				})
			}, session.Change{IdentityID: i.ID}},
		} {
			c.Clock.Advance(time.Second)
			c.ok(step.do())
			list := c.changes(session.ChangeFilter{Since: c.now()})
			if len(list) != 1 || list[0].SessionID != step.want.SessionID || list[0].IdentityID != step.want.IdentityID || list[0].Reason != session.Changed {
				c.Errorf("%s: told %+v", step.name, list)
			}
		}
		same(c, "ends", nil, c.endings(Start))
	}},
	{"the feed is read page by page, in order", func(c *Case) {
		i := c.stored("a")
		for k := range 6 {
			s := c.session(i, string(rune('a'+k)))
			c.Clock.Advance(time.Duration(k%2) * time.Millisecond) // some at the same moment
			c.ok(c.RevokeSession(c.Context(), s.ID, i.ID, c.now()))
		}
		all := c.changes(session.ChangeFilter{Ended: true})
		if len(all) != 6 || !slices.IsSortedFunc(all, func(a, b session.Change) int { return a.At.Compare(b.At) }) {
			c.Fatalf("not in order: %+v", all)
		}
		var paged []session.Change
		for after := (session.Place{}); ; {
			page, err := c.SessionChanges(c.Context(), session.ChangeFilter{After: after, Ended: true, Limit: 2})
			c.ok(err)
			if paged = append(paged, page...); len(page) < 2 {
				break
			}
			last := page[len(page)-1]
			after = session.Place{At: last.At, Batch: last.Batch, SessionID: last.SessionID}
		}
		same(c, "pages", all, paged)
	}},
	{"a transaction that fails tells nothing", func(c *Case) {
		i := c.stored("a")
		s := c.session(i, "t")
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error {
			if err := x.RevokeSession(s.ID, i.ID, c.now()); err != nil {
				return err
			}
			return x.RevokeSession(c.id(), uuid.Nil, c.now())
		}))
		same(c, "ends", nil, c.endings(Start))
	}},
	{"a transaction that took long is told of with a later time", func(c *Case) {
		i := c.stored("a")
		s := c.session(i, "t")
		began := c.now()
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
			err := x.RevokeSession(s.ID, i.ID, c.now())
			c.Clock.Advance(session.LateCommit)
			return err
		}))
		list := c.changes(session.ChangeFilter{Ended: true})
		if len(list) != 1 || !list[0].At.Equal(began.Add(session.LateCommit)) {
			c.Errorf("told %+v", list)
		}
	}},
}

var roomTests = []test{
	{"room for one more session is made of the oldest", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		var all []*session.Session
		for k := range 4 {
			all = append(all, c.session(i, string(rune('a'+k))))
			c.Clock.Advance(time.Second)
		}
		foreign := c.session(other, "z")
		c.ok(c.RevokeSession(c.Context(), all[3].ID, i.ID, c.now()))
		since := c.now()
		room := func(l session.Limits) error {
			return c.Tx(c.Context(), func(x *store.Tx) error { return x.MakeRoom(i.ID, l, c.now()) })
		}
		c.ok(room(session.Limits{}))
		c.ok(room(session.Limits{Concurrent: 4, Refuse: true}))
		if err := room(session.Limits{Concurrent: 3, Refuse: true}); !errors.Is(err, session.ErrTooMany) {
			c.Errorf("a fourth of three: %v", err)
		}
		c.active(all[0].ID, true)
		c.ok(room(session.Limits{Concurrent: 2}))
		for k, want := range []bool{false, false, true, false} {
			c.active(all[k].ID, want)
		}
		c.active(foreign.ID, true)
		told := c.endings(since)
		slices.SortFunc(told, func(a, b ending) int { return bytes.Compare(a.Session[:], b.Session[:]) })
		told = slices.DeleteFunc(told, func(e ending) bool { return e.Reason == session.Revoked })
		same(c, "told", []ending{{all[0].ID, i.ID, session.Displaced}, {all[1].ID, i.ID, session.Displaced}}, told)
		c.Clock.Advance(time.Minute)
		c.ok(room(session.Limits{Concurrent: 1, Refuse: true, Idle: time.Second})) // what is over takes no place
	}},
	{"lists know of the limits that end sessions", func(c *Case) {
		i := c.stored("a")
		s := c.session(i, "t")
		c.Clock.Advance(10 * time.Minute)
		yes, no := true, false
		for _, tc := range []struct {
			limits session.Limits
			active bool
		}{
			{session.Limits{}, true}, {session.Limits{Idle: 11 * time.Minute, Absolute: 11 * time.Minute}, true},
			{session.Limits{Idle: 10 * time.Minute}, false}, {session.Limits{Absolute: 10 * time.Minute}, false},
		} {
			in, out := []uuid.UUID{s.ID}, []uuid.UUID(nil)
			if !tc.active {
				in, out = out, in
			}
			same(c, "active", in, c.sessions(store.SessionFilter{Active: &yes, Now: c.now(), Limits: tc.limits}))
			same(c, "inactive", out, c.sessions(store.SessionFilter{Active: &no, Now: c.now(), Limits: tc.limits}))
		}
	}},
	{"a session that is not to be remembered stays so", func(c *Case) {
		i := c.stored("a")
		s := &session.Session{IdentityID: i.ID, Transient: true, ExpiresAt: c.now(), IssuedAt: c.now(), AuthenticatedAt: c.now()}
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(s, nil) }))
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(s) }))
		got, err := c.Session(c.Context(), s.ID)
		c.ok(err)
		same(c, "transient", true, got.Transient)
	}},
}

// waysToEnd end one session of an identity, or all.
var waysToEnd = []struct {
	name   string
	reason session.EndReason
	one    bool
	end    func(c *Case, i *identity.Identity, s *session.Session) error
}{
	{"revoke", session.Revoked, true, func(c *Case, i *identity.Identity, s *session.Session) error {
		return c.RevokeSession(c.Context(), s.ID, uuid.Nil, c.now())
	}},
	{"revoke all", session.Revoked, false, func(c *Case, i *identity.Identity, s *session.Session) error {
		_, err := c.RevokeSessionsOf(c.Context(), i.ID, uuid.Nil, c.now())
		return err
	}},
	{"delete", session.Deleted, false, func(c *Case, i *identity.Identity, s *session.Session) error {
		return c.DeleteSessionsOf(c.Context(), i.ID)
	}},
	{"disable some", session.Revoked, true, func(c *Case, i *identity.Identity, s *session.Session) error {
		_, err := c.BulkSessions(c.Context(), store.DisableSessions, store.SessionsByID, []uuid.UUID{s.ID}, 0, c.now())
		return err
	}},
	{"delete some", session.Deleted, false, func(c *Case, i *identity.Identity, s *session.Session) error {
		_, err := c.BulkSessions(c.Context(), store.DeleteSessions, store.SessionsByIdentityID, []uuid.UUID{i.ID}, 0, c.now())
		return err
	}},
	{"switch off", session.IdentityDisabled, false, func(c *Case, i *identity.Identity, s *session.Session) error {
		i.State = identity.Inactive
		return c.UpdateIdentity(c.Context(), i)
	}},
	{"delete the identity", session.IdentityDeleted, false, func(c *Case, i *identity.Identity, s *session.Session) error {
		return c.DeleteIdentity(c.Context(), i.ID)
	}},
}

func (c *Case) changes(f session.ChangeFilter) []session.Change {
	c.Helper()
	if f.Since.IsZero() {
		f.Since = Start
	}
	f.Limit = 100
	list, err := c.SessionChanges(c.Context(), f)
	c.ok(err)
	return list
}

func (c *Case) endings(since time.Time) (all []ending) {
	c.Helper()
	for _, one := range c.changes(session.ChangeFilter{Since: since, Ended: true}) {
		all = append(all, ending{one.SessionID, one.IdentityID, one.Reason})
	}
	return all
}
