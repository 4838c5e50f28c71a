package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/identity"
	"cardea/internal/session"
)

const auditColumns = "id, at, action, outcome, actor, identity_id, session_id, request_id, ip, user_agent, times, details"

// Audited is the same tenant with a log of what its transactions do, while on says so.
func (t *Tenant) Audited(on func() bool) *Tenant {
	audited := *t
	audited.audited = on
	return &audited
}

// register is what a transaction has to say to the audit log. It is written with the
// transaction, or not at all.
type register struct {
	source  audit.Source
	origin  *audit.Origin // once it was asked for
	at      time.Time     // of the first row; the others follow at the distance of a microsecond
	told    int
	entries []audit.Entry
	owner   uuid.UUID // of an address that was proved
}

// register is nil when nobody wants to know.
func (t *Tenant) register(ctx context.Context) *register {
	if t.audited == nil || !t.audited() {
		return nil
	}
	return &register{source: audit.SourceOf(ctx)}
}

// operates says that a transaction has to tell what an operator does, if it tells nothing
// else.
func (l *register) operates() bool {
	return l != nil && l.told == 0 && l.source != nil && l.from().Operates
}

func (l *register) from() audit.Origin {
	if l.origin == nil {
		l.origin = &audit.Origin{Actor: audit.System}
		if l.source != nil {
			*l.origin = l.source.Origin()
		}
	}
	return *l.origin
}

// durable says that what was told is.
func (l *register) durable() {
	if l != nil && l.told > 0 && l.source != nil {
		l.source.Recorded()
	}
}

// entry completes an entry.
func (x *Tx) entry(e audit.Entry) audit.Entry {
	l := x.register
	if l.at.IsZero() {
		l.at = x.db.clock.Now().Truncate(time.Microsecond)
	}
	e.At = l.at.Add(time.Duration(l.told) * time.Microsecond)
	l.told++
	e.ID = audit.NewID(e.At, x.db.newID())
	e.From(l.from())
	if e.Outcome == "" {
		e.Outcome = audit.Success
	}
	e.Times = max(e.Times, 1)
	return e
}

// Record writes into the audit log what the transaction is for. An identity that is not
// named is that of an address which the transaction has proved.
func (x *Tx) Record(e audit.Entry) error {
	if x.register == nil {
		return nil
	}
	if e.Identity == uuid.Nil {
		e.Identity = x.register.owner
	}
	x.register.entries = append(x.register.entries, x.entry(e))
	return nil
}

// note is Record for what the store sees by itself.
func (x *Tx) note(a audit.Action, who uuid.UUID, d audit.Details) {
	if x.register == nil {
		return
	}
	d.Operation = x.register.from().Operation
	x.register.entries = append(x.register.entries, x.entry(audit.Entry{Action: a, Identity: who, Details: d.JSON()}))
}

// noteUpdate tells which parts of an identity have changed.
func (x *Tx) noteUpdate(after, before *identity.Identity) {
	if x.register == nil {
		return
	}
	if parts := identity.Changed(before, after); len(parts) > 0 {
		x.note(audit.IdentityUpdated, after.ID, audit.Details{Changed: parts})
	}
}

// finishRegister writes what the transaction has told. A change of an operator that no
// entry tells is told as the operation that it is.
func (x *Tx) finishRegister() error {
	l := x.register
	if l == nil {
		return nil
	}
	if l.operates() {
		o := l.from()
		l.entries = []audit.Entry{x.entry(audit.Entry{
			Action: audit.Operated(o.Operation), Details: audit.Details{Operation: o.Operation, Target: o.Target}.JSON(),
		})}
	}
	return x.insertEntries(l.entries)
}

func (x *Tx) insertEntries(entries []audit.Entry) error {
	for part := range slices.Chunk(entries, most) {
		args := make([]any, 0, len(part)*x.db.texts.audit.width)
		for n := range part {
			args = append(append(args, x.tenant), auditRow(&part[n])...)
		}
		if err := x.c.later(nil, x.db.texts.audit.texts[len(part)], args...); err != nil {
			return err
		}
	}
	return nil
}

func auditRow(e *audit.Entry) []any {
	return []any{
		idBytes(e.ID), micros(e.At), string(e.Action), string(e.Outcome), e.Actor, idUnlessZero(e.Identity), idUnlessZero(e.Session),
		e.Request, e.IP, e.UserAgent, e.Times, string(e.Details),
	}
}

func idUnlessZero(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return idBytes(id)
}

// ended says which sessions a condition selects.
type ended int

const (
	oneSession ended = iota // at most one
	ofIdentity              // any number, all of one identity
	ofMany                  // any number of anybody
)

// noteEnded tells of the end of the active sessions that a condition selects, before the
// statement that ends them: a row for each identity. Nothing is read where the condition
// leaves no more than one row.
func (x *Tx) noteEnded(which ended, why session.EndReason, where string, args []any) error {
	if x.register == nil || why == session.Changed {
		return nil
	}
	details := audit.Details{Operation: x.register.from().Operation, Reason: string(why)}.JSON()
	if which == ofMany {
		return x.noteManyEnded(details, where, args)
	}
	e := x.entry(audit.Entry{Action: audit.SessionRevoked, Details: details})
	row := auditRow(&e)
	columns, group := "identity_id, NULL", " GROUP BY identity_id"
	times := "COUNT(*)"
	if which == oneSession {
		columns, group, times = "identity_id, id", "", "1"
	}
	values := slices.Concat([]any{x.tenant}, row[:5], row[7:10], row[11:], args)
	return x.c.later(nil, "INSERT INTO audit_tail (tenant, id, at, action, outcome, actor, request_id, ip, user_agent, details, identity_id, session_id, times) "+
		"SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "+columns+", "+times+" FROM sessions WHERE "+where+group, values...)
}

func (x *Tx) noteManyEnded(details []byte, where string, args []any) error {
	type owner struct {
		id    uuid.UUID
		times int64
	}
	var all []owner
	err := x.c.query("SELECT identity_id, COUNT(*) FROM sessions WHERE "+where+" GROUP BY identity_id ORDER BY identity_id", args, func(rows row) error {
		var o owner
		err := rows.Scan(&o.id, &o.times)
		all = append(all, o)
		return err
	})
	for _, o := range all {
		x.register.entries = append(x.register.entries, x.entry(audit.Entry{Action: audit.SessionRevoked, Identity: o.id, Times: o.times, Details: details}))
	}
	return err
}

// noteProved tells that the address of an account was proved, for the first time unless
// it was before; the zero id for nobody's.
func (x *Tx) noteProved(owner uuid.UUID, before bool) {
	if x.register == nil {
		return
	}
	if x.register.owner = owner; owner == uuid.Nil || before {
		return
	}
	x.note(audit.AddressVerified, owner, audit.Details{})
}

// forgetNotes takes back what is told from now until the result is called.
func (x *Tx) forgetNotes() func() {
	if x.register == nil {
		return func() {}
	}
	n := len(x.register.entries)
	return func() { x.register.entries = x.register.entries[:n] }
}
