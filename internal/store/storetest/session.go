package storetest

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

var sessionTests = []test{
	{"a token leads to session, devices, identity and addresses", func(c *Case) {
		i := c.stored("a")
		s := c.session(i, "token")
		org := c.id()
		s.Methods = append(s.Methods, session.Method{Method: "oidc", AAL: session.AAL2, Provider: "p", Organization: &org, CompletedAt: c.now(), UpstreamAMR: []string{"mfa"}})
		s.AAL = session.AAL2
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(s) }))
		i.Credentials, s.Identity = nil, i
		got, err := c.SessionByToken(c.Context(), []byte("token"))
		c.ok(err)
		same(c, "by token", s, got)
		got, err = c.Session(c.Context(), s.ID)
		c.ok(err)
		same(c, "by id", s, got)
		_, err = c.SessionByToken(c.Context(), []byte("other"))
		c.missing(err)
	}},
	{"a session can have several tokens or none", func(c *Case) {
		i := c.stored("a")
		s := c.session(i, "one")
		c.ok(c.AddToken(c.Context(), s.ID, []byte("two")))
		for _, token := range []string{"one", "two"} {
			got, err := c.SessionByToken(c.Context(), []byte(token))
			c.ok(err)
			same(c, "session", s.ID, got.ID)
		}
		if err := c.AddToken(c.Context(), s.ID, []byte("one")); err == nil {
			c.Error("two sessions share a token")
		}
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
			return x.CreateSession(&session.Session{IdentityID: i.ID, ExpiresAt: c.now(), IssuedAt: c.now(), AuthenticatedAt: c.now()}, nil)
		}))
	}},
	{"a session needs an identity, a token a session", func(c *Case) {
		ghost := &session.Session{IdentityID: c.id(), ExpiresAt: c.now(), IssuedAt: c.now(), AuthenticatedAt: c.now()}
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(ghost, nil) }))
		c.missing(c.AddToken(c.Context(), c.id(), []byte("x")))
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(ghost) }))
	}},
	{"headers that are not text do not stop a session", func(c *Case) {
		i := c.stored("a")
		agent := "bad\xff\x00agent"
		s := &session.Session{IdentityID: i.ID, ExpiresAt: c.now(), IssuedAt: c.now(), AuthenticatedAt: c.now(), Devices: []session.Device{{UserAgent: &agent}}}
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(s, nil) }))
		got, err := c.Session(c.Context(), s.ID)
		c.ok(err)
		same(c, "agent", "bad\uFFFDagent", *got.Devices[0].UserAgent)
	}},
	{"revoking one session", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		s := c.session(i, "token")
		c.missing(c.RevokeSession(c.Context(), s.ID, other.ID, c.now()))
		c.active(s.ID, true)
		c.ok(c.RevokeSession(c.Context(), s.ID, i.ID, c.now()))
		c.active(s.ID, false)
		c.ok(c.RevokeSession(c.Context(), s.ID, uuid.Nil, c.now()))
		c.missing(c.RevokeSession(c.Context(), c.id(), uuid.Nil, c.now()))
	}},
	{"revoking the others spares one and other identities", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		one, two, three, foreign := c.session(i, "1"), c.session(i, "2"), c.session(i, "3"), c.session(other, "4")
		c.ok(c.RevokeSession(c.Context(), three.ID, i.ID, c.now()))
		n, err := c.RevokeSessionsOf(c.Context(), i.ID, one.ID, c.now())
		c.ok(err)
		same(c, "revoked", 1, n)
		c.active(one.ID, true)
		c.active(two.ID, false)
		c.active(foreign.ID, true)
		n, err = c.RevokeSessionsOf(c.Context(), i.ID, uuid.Nil, c.now())
		c.ok(err)
		same(c, "revoked without exception", 1, n)
	}},
	{"deleting the sessions of an identity", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		c.session(i, "1")
		keep := c.session(other, "2")
		c.ok(c.DeleteSessionsOf(c.Context(), i.ID))
		c.missing(c.DeleteSessionsOf(c.Context(), i.ID))
		_, err := c.SessionByToken(c.Context(), []byte("1"))
		c.missing(err)
		c.active(keep.ID, true)
	}},
	{"a session is extended only near its end", func(c *Case) {
		s := c.session(c.stored("a"), "1")
		until := s.ExpiresAt.Add(time.Hour)
		done, err := c.ExtendSession(c.Context(), s.ID, until, s.ExpiresAt, c.now())
		c.ok(err)
		same(c, "too early", false, done)
		done, err = c.ExtendSession(c.Context(), s.ID, until, s.ExpiresAt.Add(1000), c.now())
		c.ok(err)
		same(c, "in time", true, done)
		got, err := c.Session(c.Context(), s.ID)
		c.ok(err)
		same(c, "end", until, got.ExpiresAt)
	}},
	{"the last use only moves forward", func(c *Case) {
		i := c.stored("a")
		one, two := c.session(i, "1"), c.session(i, "2")
		later := c.now().Add(time.Minute)
		c.ok(c.Touch(c.Context(), later, one.ID, c.id()))
		c.ok(c.Touch(c.Context(), later.Add(-time.Hour), one.ID, two.ID))
		c.ok(c.Touch(c.Context(), later))
		for s, want := range map[*session.Session]time.Time{one: later, two: two.LastUsedAt} {
			got, err := c.Session(c.Context(), s.ID)
			c.ok(err)
			same(c, "last use", want, got.LastUsedAt)
		}
	}},
	{"sessions are listed newest first, page after page, through ties", sessionPages},
	{"session filters select and count", sessionFilters},
	{"evidence of a factor that is gone leaves all sessions of its identity", withdrawnEvidence},
	{"bulk actions count what they changed", func(c *Case) {
		i, other := c.stored("a"), c.stored("b")
		one, two, three := c.session(i, "1"), c.session(i, "2"), c.session(other, "3")
		for _, step := range []struct {
			do   store.BulkAction
			by   store.BulkTarget
			ids  []uuid.UUID
			want int
		}{
			{store.DisableSessions, store.SessionsByID, []uuid.UUID{one.ID, c.id()}, 1},
			{store.DisableSessions, store.SessionsByID, []uuid.UUID{one.ID}, 0},
			{store.DisableSessions, store.SessionsByIdentityID, []uuid.UUID{i.ID}, 1},
			{store.DeleteSessions, store.SessionsByID, []uuid.UUID{two.ID, three.ID}, 2},
			{store.DisableSessions, store.EverySession, nil, 0},
			{store.DeleteSessions, store.EverySession, nil, 1},
			{store.DeleteSessions, store.SessionsByIdentityID, nil, 0},
		} {
			n, err := c.BulkSessions(c.Context(), step.do, step.by, step.ids, 10, c.now())
			c.ok(err)
			same(c, "changed", step.want, n)
		}
	}},
	{"a bulk action keeps to its limit", func(c *Case) {
		i := c.stored("a")
		c.session(i, "1")
		c.session(i, "2")
		n, err := c.BulkSessions(c.Context(), store.DisableSessions, store.EverySession, nil, 1, c.now())
		c.ok(err)
		same(c, "changed", 1, n)
	}},
	{"a transaction that fails leaves nothing", func(c *Case) {
		i, failure := c.person("a"), errors.New("no")
		err := c.Tx(c.Context(), func(x *store.Tx) error {
			if err := x.CreateIdentity(i); err != nil {
				return err
			}
			if _, err := x.Identity(i.ID); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			c.Errorf("got %v, want the function's failure", err)
		}
		_, err = c.Identity(c.Context(), i.ID)
		c.missing(err)
	}},
}

func (c *Case) active(id uuid.UUID, want bool) {
	c.Helper()
	got, err := c.Session(c.Context(), id)
	c.ok(err)
	same(c, "active", want, got.Active)
}

func (c *Case) sessions(f store.SessionFilter) (ids []uuid.UUID) {
	c.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	list, err := c.Sessions(c.Context(), f)
	c.ok(err)
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}

func sessionPages(c *Case) {
	i := c.stored("a")
	var want, got []uuid.UUID
	for _, age := range []time.Duration{0, 0, 0, time.Second, time.Second, time.Minute} {
		s := &session.Session{
			ID: c.id(), IdentityID: i.ID, Active: true, AAL: session.AAL1, CreatedAt: c.now().Add(-age),
			IssuedAt: c.now(), AuthenticatedAt: c.now(), ExpiresAt: c.now().Add(time.Hour),
		}
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.CreateSession(s, nil) }))
		want = append(want, s.ID)
	}
	f := store.SessionFilter{Limit: 2}
	for {
		page, err := c.Sessions(c.Context(), f)
		c.ok(err)
		for _, s := range page {
			got = append(got, s.ID)
			f.BeforeCreatedAt, f.BeforeID = s.CreatedAt, s.ID
		}
		if len(page) == 0 {
			break
		}
	}
	same(c, "all pages", want, got)
	same(c, "by offset", want[3:5], c.sessions(store.SessionFilter{IdentityID: i.ID, Offset: 3, Limit: 2}))
}

func sessionFilters(c *Case) {
	i, other := c.stored("a"), c.stored("b")
	live, revoked, over, foreign := c.session(i, "1"), c.session(i, "2"), c.session(i, "3"), c.session(other, "4")
	c.ok(c.RevokeSession(c.Context(), revoked.ID, i.ID, c.now()))
	over.ExpiresAt = c.now()
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(over) }))
	yes, no := true, false
	for _, f := range []struct {
		name   string
		filter store.SessionFilter
		want   []uuid.UUID
	}{
		{"all", store.SessionFilter{}, []uuid.UUID{live.ID, revoked.ID, over.ID, foreign.ID}},
		{"of an identity", store.SessionFilter{IdentityID: i.ID}, []uuid.UUID{live.ID, revoked.ID, over.ID}},
		{"but one", store.SessionFilter{IdentityID: i.ID, Except: live.ID}, []uuid.UUID{revoked.ID, over.ID}},
		{"active", store.SessionFilter{Active: &yes, Now: c.now()}, []uuid.UUID{live.ID, foreign.ID}},
		{"inactive", store.SessionFilter{Active: &no, Now: c.now()}, []uuid.UUID{revoked.ID, over.ID}},
	} {
		same(c, f.name, f.want, c.sessions(f.filter))
		n, err := c.CountSessions(c.Context(), f.filter)
		c.ok(err)
		same(c, f.name+", counted", len(f.want), n)
	}
	for expand, check := range map[store.SessionExpand]func(*session.Session) bool{
		store.SessionOnly:   func(s *session.Session) bool { return s.Devices == nil && s.Identity == nil },
		store.WithDevices:   func(s *session.Session) bool { return len(s.Devices) == 1 && s.Identity == nil },
		store.WithIdentity:  func(s *session.Session) bool { return s.Identity.ID == i.ID && s.Identity.VerifiableAddresses == nil },
		store.WithAddresses: func(s *session.Session) bool { return len(s.Identity.VerifiableAddresses) == 1 },
	} {
		list, err := c.Sessions(c.Context(), store.SessionFilter{Limit: 1, IdentityID: i.ID, Expand: expand})
		c.ok(err)
		if !check(list[0]) {
			c.Errorf("expansion %d loaded %+v", expand, list[0])
		}
	}
	i.State = identity.Inactive
	c.ok(c.UpdateIdentity(c.Context(), i))
	got, err := c.SessionByToken(c.Context(), []byte("1"))
	c.ok(err)
	same(c, "a session of an inactive identity counts", false, got.IsActive(c.now(), &session.Limits{}))
}

func withdrawnEvidence(c *Case) {
	both := func(s *session.Session) {
		s.Renew(session.Method{Method: "totp", AAL: session.AAL2, CompletedAt: c.now()}, c.now(), time.Hour)
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateSession(s) }))
	}
	ann, bob := c.stored("ann@ex.org"), c.stored("bob@ex.org")
	one, two, low, other := c.session(ann, "one"), c.session(ann, "two"), c.session(ann, "low"), c.session(bob, "other")
	both(one)
	both(two)
	both(other)
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.WithdrawEvidence(ann.ID, []string{"lookup_secret", "totp"}, c.now()) }))
	for what, want := range map[*session.Session]session.AAL{one: session.AAL1, two: session.AAL1, low: session.AAL1, other: session.AAL2} {
		got, err := c.Session(c.Context(), what.ID)
		c.ok(err)
		same(c, "level", want, got.AAL)
		if session.AALOf(got.Methods) != got.AAL {
			c.Errorf("%s does not follow from %v", got.AAL, got.Methods)
		}
	}
}
