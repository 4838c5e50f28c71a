package store

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/session"
)

// many fills the tables between whose indexes the planner has to choose.
func many(t *testing.T, db *DB) {
	t.Helper()
	const count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + manyRows + ") "
	const id = "unhex(printf('%032x', i))"
	for _, fill := range []string{
		"INSERT INTO identities (tenant, id, external_id, schema_id, state, traits, organization_id, created_at, updated_at) SELECT 1, " + id + ", 'x' || i, 's', 'active', '{}', unhex(printf('%032x', i % 100)), i, i FROM n",
		"INSERT INTO identity_traits (tenant, name, value, identity_id) SELECT 1, 'email', 'u' || i, " + id + " FROM n",
		"INSERT INTO identity_trait_ends (tenant, name, value, identity_id) SELECT 1, 'email', 'u' || i, " + id + " FROM n",
		"INSERT INTO credential_identifiers (tenant, type, identifier, identity_id) SELECT 1, 'password', 'u' || i, " + id + " FROM n",
		"INSERT INTO verifiable_addresses (tenant, identity_id, id, via, value, status, created_at, updated_at) SELECT 1, " + id + ", " + id + ", 'email', 'u' || i, 'pending', i, i FROM n",
		"INSERT INTO sessions (tenant, id, identity_id, active, aal, methods, issued_at, authenticated_at, expires_at, last_used_at, created_at, updated_at) SELECT 1, " + id + ", " + id + ", 1, 'aal1', '[]', i, i, i, i, i, i FROM n",
		"INSERT INTO flows (tenant, id, kind, type, state, issued_at, expires_at, created_at, updated_at, request_url, identity_id) SELECT 1, " + id + ", 'login', 'browser', 's', i, i, i, i, '', " + id + " FROM n",
		"INSERT INTO messages (tenant, id, template, channel, recipient, status, sealed, next_at, created_at, updated_at) SELECT 1, " + id + ", 't', 'email', 'u' || i, CASE i % 4 WHEN 0 THEN 'queued' WHEN 1 THEN 'processing' WHEN 2 THEN 'abandoned' ELSE 'sent' END, x'00', i, i, i FROM n",
		"INSERT INTO errands (tenant, id, event, kind, target, type, subject, seq, status, sealed, created_at, updated_at, died_at) SELECT 1, " + id + ", " + id + ", 'event', 't', 'a', " + id + ", i, CASE i % 2 WHEN 0 THEN 'waiting' ELSE 'dead' END, x'00', i, i, CASE i % 2 WHEN 0 THEN NULL ELSE i END FROM n",
		"INSERT INTO errand_lanes (tenant, target, subject, last_seq, next_at) SELECT 1, 't', " + id + ", 1, i FROM n",
		"INSERT INTO session_tokens (tenant, hash, session_id, created_at) SELECT 1, " + id + ", " + id + ", i FROM n",
	} {
		if err := db.writes.write(t.Context(), func(c conn) error { _, err := c.exec(count + fill); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.writes.write(t.Context(), func(c conn) error { _, err := c.exec("ANALYZE"); return err }); err != nil {
		t.Fatal(err)
	}
}

// recorder is a connection that notes the texts that run on it.
type recorder struct {
	conn
	mu    sync.Mutex
	texts []string
}

func (r *recorder) note(query string) {
	r.mu.Lock()
	r.texts = append(r.texts, query)
	r.mu.Unlock()
}

func (r *recorder) exec(query string, args ...any) (int64, error) {
	r.note(query)
	return r.conn.exec(query, args...)
}

func (r *recorder) later(judge judge, query string, args ...any) error {
	r.note(query)
	return r.conn.later(judge, query, args...)
}

func (r *recorder) query(query string, args []any, each func(row) error) error {
	r.note(query)
	return r.conn.query(query, args, each)
}

// TestNoHotStatementScans explains every statement that the operations below ran,
// on an empty database, as most begin, and on one of 100,000 rows with statistics: none may walk a whole table or
// index, nor sort what an index could have.
func TestNoHotStatementScans(t *testing.T) {
	db := migrated(t)
	texts := recordAll(t, db)
	if len(texts) < 30 {
		t.Errorf("only %d statements were recorded", len(texts))
	}
	noScans(t, db, texts)
	many(t, db)
	noScans(t, db, texts)
}

func noScans(t *testing.T, db *DB, texts []string) {
	t.Helper()
	explain := func(query string) (plan []string) {
		err := db.writes.write(t.Context(), func(c conn) error {
			plan = nil
			return c.query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?")), func(rows row) error {
				var a, b, n int
				var detail string
				err := rows.Scan(&a, &b, &n, &detail)
				plan = append(plan, detail)
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	for _, query := range texts {
		inner := map[string]bool{} // selects of the statement itself, whose own steps are judged
		for _, step := range explain(query) {
			if name, ok := strings.CutPrefix(step, "CO-ROUTINE "); ok {
				inner["SCAN "+name] = true
			}
			scan := strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" && !inner[step]
			sort := strings.Contains(step, "TEMP B-TREE") && !strings.Contains(query, "CASE") && !sortsFew(query)
			if scan && !walksInOrder(query) || sort {
				t.Errorf("%s\n\tin the plan of %.300s", step, query)
			}
		}
	}
}

// sortsFew: these make distinct what a LIMIT has bounded, or sort a row for each name that
// was asked for.
func sortsFew(query string) bool {
	return strings.Contains(query, "LIMIT ?) c UNION SELECT") || strings.Contains(query, "ORDER BY k.turn LIMIT 1")
}

// walksInOrder: these begin at one end of an index and stop at their LIMIT.
func walksInOrder(query string) bool {
	return strings.Contains(query, "SELECT id FROM sessions WHERE tenant = ?")
}

// recordAll runs what the server does and returns the distinct texts.
func recordAll(t *testing.T, db *DB) []string {
	t.Helper()
	r := &recorder{}
	db.writes = recordingWriter{db.writes, r}
	tenant := db.Tenant(1)
	i := person("a@example.org")
	s := &session.Session{IssuedAt: start, AuthenticatedAt: start, ExpiresAt: start.Add(time.Hour), Active: true}
	f := &flow.Flow{ID: uuid.New(), Kind: flow.Login, Type: flow.Browser, ExpiresAt: start, IssuedAt: start}
	run := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	run(tenant.CreateFlow(ctx, f), tenant.Tx(ctx, func(x *Tx) error {
		if err := x.CreateIdentity(i); err != nil {
			return err
		}
		s.IdentityID = i.ID
		return errors.Join(x.CreateSession(s, []byte("h")), x.UpdateSession(s), x.UpdateFlow(f))
	}))
	i.Credentials = map[identity.CredentialType]identity.Credential{identity.Password: {Identifiers: []string{"b"}}}
	i.VerifiableAddresses[0].Verified, i.RecoveryAddresses = true, nil
	_, consumeErr := tenant.Consume(ctx, "p", "s", [][]byte{{1}}, start)
	_, secretErr := tenant.Consume(ctx, "p", "", [][]byte{{1}}, start)
	_, extendErr := tenant.ExtendSession(ctx, s.ID, start, start, start)
	_, revokeErr := tenant.RevokeSessionsOf(ctx, i.ID, uuid.Nil, start)
	_, bulkErr := tenant.BulkSessions(ctx, DisableSessions, EverySession, nil, 10, start)
	message := flow.Message{ID: uuid.New(), Channel: identity.Email, Sealed: []byte{1}, CreatedAt: start}
	lease := MessageLease{Tenant: 1, ID: message.ID, Holder: "h", Attempt: 1}
	later := flow.Message{ID: uuid.New(), Channel: identity.Email, Sealed: []byte{1}, CreatedAt: start}
	later.Budgets = []gate.Counter{{Subject: gate.Key{1}, Rule: gate.Bucket(2, time.Hour)}}
	run(tenant.Tx(ctx, func(x *Tx) error {
		_, err := x.Enqueue(message)
		_, laterErr := x.Enqueue(later)
		return errors.Join(err, laterErr)
	}))
	_, listErr := tenant.Suppressions(ctx, SuppressionFilter{Now: start, BeforeCreatedAt: start, Limit: 10})
	_, someErr := tenant.Suppressions(ctx, SuppressionFilter{Address: "ann@cardea.test", Now: start, Limit: 10})
	_, missErr := tenant.MissGuesses(ctx, []gate.Key{{1}, {2}}, start)
	run(listErr, someErr, missErr, tenant.Suppress(ctx, []Suppression{{ID: uuid.New(), Via: identity.Email, Address: "ann@cardea.test", CreatedAt: start}}))
	_, claimErr := db.System().ClaimMessages(ctx, "h", start, start, 10)
	_, renewErr := db.System().RenewMessage(ctx, lease, start)
	run(claimErr, renewErr, db.System().FinishMessage(ctx, lease, MessageOutcome{Status: MessageAbandoned, Now: start}),
		db.System().FinishMessage(ctx, lease, MessageOutcome{Status: MessageSent, Now: start, SuppressUntil: start}))
	_, requeueErr := tenant.RequeueMessage(ctx, message.ID, start)
	run(requeueErr)
	errand := flow.Errand{ID: uuid.New(), Target: "t", Sealed: []byte{1}, CreatedAt: start}
	run(tenant.DispatchAll(ctx, []flow.Errand{errand, {ID: uuid.New(), Target: "t", Sealed: []byte{1}, CreatedAt: start}}))
	for range 2 {
		errands, claimErr := db.System().ClaimErrands(ctx, "h", start, start, 10, []string{"u"})
		run(claimErr)
		for _, o := range []ErrandOutcome{{Now: start, NextAt: start}, {Now: start, Dead: true}, {Now: start, Delivered: true}} {
			run(db.System().FinishErrand(ctx, errands[0].ErrandLease, o))
		}
		_, renewErr := db.System().RenewErrand(ctx, errands[0].ErrandLease, start)
		run(renewErr)
	}
	_, replayErr := tenant.ReplayErrand(ctx, errand.ID, start)
	_, pastErr := tenant.Past(ctx, flow.PastQuestion{Asked: risk.Asked{Earlier: true, Others: true}, Identity: i.ID, Source: netip.MustParsePrefix("192.0.2.1/32"), Since: start, Enough: 3})
	run(pastErr)
	_, errandSweepErr := db.System().SweepErrands(ctx, start, 10)
	run(ignoreMissing(replayErr), errandSweepErr)
	_, _, sweepErr := db.System().Sweep(ctx, Before{Rows: time.Unix(0, 0), Sessions: time.Unix(0, 0)}, 10)
	run(tenant.Tx(ctx, func(x *Tx) error {
		return errors.Join(x.MakeRoom(i.ID, session.Limits{Concurrent: 1, Idle: 1, Absolute: 1}, start), x.displace([]uuid.UUID{s.ID}, start))
	}))
	_, _, messagesErr := db.System().SweepMessages(ctx, time.Unix(0, 0), 10)
	run(messagesErr)
	run(tenant.UpdateIdentity(ctx, i), consumeErr, secretErr, extendErr, revokeErr, bulkErr, sweepErr,
		tenant.Touch(ctx, start, s.ID), tenant.RevokeSession(ctx, s.ID, i.ID, start),
		tenant.ReplaceOneTime(ctx, OneTime{Purpose: "p", Subject: "s", Key: []byte{1}, ExpiresAt: start}),
		tenant.CreateExchange(ctx, f.ID, []byte{1}, start),
		tenant.Tx(ctx, func(x *Tx) error { return x.CompleteExchange(f.ID, []byte{2}, nil) }),
		tenant.DeleteSessionsOf(ctx, i.ID), tenant.DeleteIdentity(ctx, i.ID))
	return append(distinct(r.texts), reads(t, db)...)
}

type recordingWriter struct {
	writer
	r *recorder
}

func (w recordingWriter) writeAlone(ctx context.Context, fn func(conn) error) error {
	return w.write(ctx, fn)
}

func (w recordingWriter) write(ctx context.Context, fn func(conn) error) error {
	return w.writer.write(ctx, func(c conn) error {
		w.r.conn = c
		return fn(w.r)
	})
}

// reads are the statements of the reading methods.
func reads(t *testing.T, db *DB) (texts []string) {
	t.Helper()
	r, pool := &recorder{}, db.reads
	db.reads = recordedReads{pool, r}
	defer func() { db.reads = pool }()
	ctx, tenant, id := t.Context(), db.Tenant(1), uuid.New()
	yes := true
	_, _ = tenant.SessionByToken(ctx, []byte("x"))
	_, _ = tenant.Session(ctx, id)
	_, _ = tenant.Flow(ctx, id)
	_, _ = tenant.StoredError(ctx, id, start)
	_, _ = tenant.Exchange(ctx, []byte("x"))
	_, _ = tenant.PeekOneTime(ctx, "p", "s", []byte("x"), start)
	_, _ = tenant.Identity(ctx, id)
	_, _ = tenant.IdentityByExternalID(ctx, "x")
	_, _ = tenant.IdentityByIdentifier(ctx, identity.Password, "u1", "U1")
	_, _ = tenant.IdentityByVerifiableAddress(ctx, identity.Email, "u1")
	_, _ = tenant.IdentityByRecoveryAddress(ctx, identity.Email, "u1")
	passwords := []identity.CredentialType{identity.Password, identity.Code}
	for _, f := range []IdentityFilter{
		{After: id}, {IDs: []uuid.UUID{id}}, {OrganizationID: &id}, {OrganizationID: &id, After: id},
		{Identifiers: []IdentifierMatch{{Types: passwords, Values: []string{"u1"}}, {Types: passwords, Values: []string{"U1"}}}, Credentials: true},
		{Identifiers: []IdentifierMatch{{Types: passwords, Values: []string{"u1"}, Prefix: true}}},
		{Traits: []identity.SearchMatch{{Name: "email", Text: "u1", How: identity.Equals}}}, {Traits: []identity.SearchMatch{{Name: "email", Text: "u1", How: identity.Begins}}},
		{Traits: []identity.SearchMatch{{Name: "email", Text: "u1", How: identity.Contains}, {Name: "name", Text: "u", How: identity.Equals}}, After: id},
		{State: identity.Active, SchemaID: "s", Verified: &yes, CreatedAfter: start, CreatedBefore: start, UpdatedAfter: start, UpdatedBefore: start, After: id},
	} {
		f.Limit = 250
		if _, err := tenant.CountMatching(ctx, f); err != nil {
			t.Fatal(err)
		}
		if _, err := tenant.Identities(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []SessionFilter{
		{}, {BeforeCreatedAt: start, BeforeID: id}, {IdentityID: id}, {IdentityID: id, Active: &yes, Now: start, Except: id},
		{BeforeCreatedAt: start, BeforeID: id, Active: &yes, Now: start, Expand: WithAddresses},
	} {
		f.Limit = 250
		if _, err := tenant.Sessions(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []MessageFilter{{}, {Status: "sent"}, {Recipient: "a"}, {Status: "sent", Recipient: "a"}} {
		for _, f.BeforeCreatedAt = range []time.Time{{}, start} {
			f.Limit = 10
			if _, err := tenant.Messages(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range []ErrandFilter{{}, {Status: "dead"}} {
		for _, f.BeforeCreatedAt = range []time.Time{{}, start} {
			f.Limit = 10
			if _, err := tenant.Errands(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, _ = tenant.Errand(ctx, id)
	_, _ = db.System().NextErrand(ctx)
	_, _ = tenant.Message(ctx, id)
	_, _ = tenant.APIKeyByHash(ctx, []byte("x"))
	_, _ = tenant.SearchStamp(ctx, "s")
	_, _ = db.System().NextMessage(ctx)
	for _, f := range []session.ChangeFilter{{Since: start}, {Since: start, Ended: true, After: session.Place{At: start, Batch: id}}} {
		f.Limit = 10
		if _, err := tenant.SessionChanges(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	return r.texts
}

// recordedReads notes what runs on the connections that read.
type recordedReads struct {
	readPool
	r *recorder
}

func (p recordedReads) on(ctx context.Context) conn {
	return &recordedRead{p.readPool.on(ctx), p.r}
}

type recordedRead struct {
	conn
	r *recorder
}

func (c *recordedRead) query(query string, args []any, each func(row) error) error {
	c.r.note(query)
	return c.conn.query(query, args, each)
}

// TestOperationsTakeFewStatements holds the line on round trips.
func TestOperationsTakeFewStatements(t *testing.T) {
	db := migrated(t)
	tenant, ctx := db.Tenant(1), t.Context()
	i := person("a@example.org")
	ip := "203.0.113.7"
	s := &session.Session{IssuedAt: start, AuthenticatedAt: start, ExpiresAt: start, Devices: []session.Device{{IPAddress: &ip}}}
	f := &flow.Flow{Kind: flow.Registration, Type: flow.Browser, IssuedAt: start, ExpiresAt: start}
	for _, op := range []struct {
		name string
		most uint64
		run  func() error
	}{
		{"new flow", 1, func() error { return tenant.CreateFlow(ctx, f) }},
		{"registration", 9, func() error {
			return tenant.Tx(ctx, func(x *Tx) error {
				if err := x.CreateIdentity(i); err != nil {
					return err
				}
				s.IdentityID = i.ID
				return errors.Join(x.CreateSession(s, []byte("h")), x.UpdateFlow(f))
			})
		}},
		{"whoami", 1, func() error { _, err := tenant.SessionByToken(ctx, []byte("h")); return err }},
		{"read of an identity", 1, func() error { _, err := tenant.Identity(ctx, i.ID); return err }},
		{"read by identifier", 1, func() error {
			_, err := tenant.IdentityByIdentifier(ctx, identity.Password, "a@example.org")
			return err
		}},
		{"login", 4, func() error {
			again := &session.Session{IdentityID: i.ID, IssuedAt: start, AuthenticatedAt: start, ExpiresAt: start, Devices: s.Devices}
			again.Devices[0].ID = uuid.New()
			return tenant.Tx(ctx, func(x *Tx) error {
				return errors.Join(x.CreateSession(again, []byte("h2")), x.UpdateFlow(f))
			})
		}},
		{"an update of nothing but the row", 3, func() error { return tenant.UpdateIdentity(ctx, i) }},
		{"a new password", 5, func() error {
			p := i.Credentials[identity.Password]
			p.Config = []byte(`{}`)
			i.Credentials[identity.Password] = p
			return tenant.UpdateIdentity(ctx, i)
		}},
		{"consuming", 1, func() error {
			if err := tenant.PutOneTime(ctx, OneTime{Purpose: "p", Key: []byte("k"), ExpiresAt: start}); err != nil {
				return err
			}
			db.stats.statements.Store(0)
			_, err := tenant.Consume(ctx, "p", "", [][]byte{[]byte("k")}, start.Add(-1))
			return err
		}},
		{"100 identities", 22, func() error {
			var list []*identity.Identity
			for k := range 100 {
				list = append(list, person(string(rune('a'+k%26))+string(rune('a'+k/26))))
			}
			conflicts, err := tenant.CreateIdentities(ctx, list)
			return errors.Join(append(conflicts, err)...)
		}},
		{"a page of 100 identities", 1, func() error {
			_, err := tenant.Identities(ctx, IdentityFilter{Limit: 100, Credentials: true})
			return err
		}},
		{"a page of sessions", 1, func() error {
			_, err := tenant.Sessions(ctx, SessionFilter{Limit: 100, IdentityID: i.ID, Expand: WithAddresses})
			return err
		}},
	} {
		db.stats.statements.Store(0)
		if err := op.run(); err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
		if n := db.Stats().Statements; n > op.most {
			t.Errorf("%s took %d statements, want at most %d", op.name, n, op.most)
		}
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, problem.ErrNotFound) {
		return nil
	}
	return err
}
