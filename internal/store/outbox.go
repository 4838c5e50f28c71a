package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
)

// Message is a message of the outbox.
type Message struct {
	flow.Message
	Tenant     TenantID
	Status     string // one of those below
	SendCount  int    // attempts that began since it was queued
	UpdatedAt  time.Time
	Dispatches []Dispatch // newest first; read of a single message only
}

// The states of a message, in the words of the contract.
const (
	MessageQueued     = "queued"
	MessageProcessing = "processing"
	MessageSent       = "sent"
	MessageAbandoned  = "abandoned"
)

// Dispatch is one attempt to send a message.
type Dispatch struct {
	ID        uuid.UUID
	Error     string // "" for a success
	CreatedAt time.Time
}

// MessageLease is the right to send a message: who has it, and for which attempt.
// The count tells a sender's lease from the next one on the same message.
type MessageLease struct {
	Tenant  TenantID
	ID      uuid.UUID
	Holder  string
	Attempt int
}

// MessageOutcome is how an attempt ended.
type MessageOutcome struct {
	Status string // sent, abandoned, or queued for another attempt
	Error  string // "" for a success
	Now    time.Time
	NextAt time.Time // of the next attempt; for queued
	// SuppressUntil puts the recipient on the suppression list; zero for not at all.
	SuppressUntil time.Time
}

const messageColumns = "tenant, id, template, channel, recipient, status, send_count, sealed, created_at, updated_at"

func scanMessage(rows row) (m Message, err error) {
	var channel string
	err = rows.Scan(&m.Tenant, &m.ID, &m.Template, &channel, &m.Recipient, &m.Status, &m.SendCount, &m.Sealed,
		timeAt{&m.CreatedAt}, timeAt{&m.UpdatedAt})
	m.Channel = identity.Channel(channel)
	return m, err
}

// ClaimMessages leases messages that are due to a holder until a time, those that
// wait longest first, and counts the attempt. A message is due when its time has
// come: that of its next attempt or, while somebody has it, the end of that lease.
// No message is given to two holders, and none to one recipient before those that
// were queued earlier have been tried. None is claimed only when none is due.
func (s *System) ClaimMessages(ctx context.Context, holder string, now, until time.Time, limit int) (claimed []Message, err error) {
	for held := 1; len(claimed) == 0 && held > 0; {
		err = s.db.writes.write(ctx, func(c conn) (err error) {
			claimed, held, err = s.claim(c, holder, now, until, limit)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return claimed, nil
}

// claim goes through as many messages as are wanted, takes those whose turn it is
// and holds the others back.
func (s *System) claim(c conn, holder string, now, until time.Time, limit int) (claimed []Message, held int, err error) {
	// Those whose sender died have waited longest.
	for _, status := range []string{MessageProcessing, MessageQueued} {
		found, err := s.due(c, status, now, limit-len(claimed))
		if err != nil {
			return nil, 0, err
		}
		for _, m := range found {
			waits, err := s.hold(c, m, now)
			if err != nil {
				return nil, 0, err
			}
			if waits {
				held++
				continue
			}
			// The condition settles it where a row that was read is not yet locked.
			n, err := c.exec("UPDATE messages SET status = ?, send_count = send_count + 1, next_at = ?, leased_by = ?, leased_until = ?, updated_at = ? "+
				"WHERE tenant = ? AND id = ? AND status = ? AND send_count = ?", MessageProcessing, micros(until), holder, micros(until), micros(now),
				int64(m.Tenant), idBytes(m.ID), status, int64(m.SendCount))
			if err != nil {
				return nil, 0, err
			}
			if n > 0 {
				m.Status, m.SendCount, m.UpdatedAt = MessageProcessing, m.SendCount+1, timeOf(micros(now))
				claimed = append(claimed, m)
			}
		}
	}
	return claimed, held, nil
}

func (s *System) due(c conn, status string, now time.Time, limit int) (found []Message, err error) {
	if limit <= 0 {
		return nil, nil
	}
	err = c.query("SELECT "+messageColumns+" FROM messages WHERE status = ? AND next_at <= ? ORDER BY next_at LIMIT ?"+s.db.dialect.lockFree,
		[]any{status, micros(now), int64(limit)}, func(rows row) error {
			m, err := scanMessage(rows)
			found = append(found, m)
			return err
		})
	return found, err
}

// RenewMessage prolongs a lease and says whether the holder still has it.
func (s *System) RenewMessage(ctx context.Context, l MessageLease, until time.Time) (held bool, err error) {
	err = s.db.writes.write(ctx, func(c conn) error {
		n, err := c.exec("UPDATE messages SET next_at = ?, leased_until = ? "+
			"WHERE tenant = ? AND id = ? AND status = ? AND leased_by = ? AND send_count = ?", micros(until), micros(until),
			int64(l.Tenant), idBytes(l.ID), MessageProcessing, l.Holder, int64(l.Attempt))
		held = n > 0
		return err
	})
	return held && err == nil, err
}

// FinishMessage ends an attempt and notes how it went. It may be called again when
// its own outcome is not known. A success counts even after the lease has passed
// on, because it cannot be undone; any other outcome of a lease that is not held
// any more changes nothing.
func (s *System) FinishMessage(ctx context.Context, l MessageLease, o MessageOutcome) error {
	return s.db.writes.write(ctx, func(c conn) error {
		next := o.Now
		if o.Status == MessageQueued {
			next = o.NextAt
		}
		query := "UPDATE messages SET status = ?, next_at = ?, leased_by = NULL, leased_until = NULL, updated_at = ? WHERE tenant = ? AND id = ?"
		args := []any{o.Status, micros(next), micros(o.Now), int64(l.Tenant), idBytes(l.ID)}
		if o.Status == MessageSent {
			query += " AND status <> ?"
			args = append(args, MessageSent)
		} else {
			query += " AND status = ? AND leased_by = ? AND send_count = ?"
			args = append(args, MessageProcessing, l.Holder, int64(l.Attempt))
		}
		if n, err := c.exec(query, args...); err != nil || n == 0 {
			return err
		}
		word := "success"
		if o.Status != MessageSent {
			word = "failed"
		}
		dispatch := s.db.newID()
		_, err := c.exec("INSERT INTO message_dispatches (tenant, message_id, id, status, error, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			int64(l.Tenant), idBytes(l.ID), idBytes(dispatch), word, textOrNull(o.Error), micros(o.Now), micros(o.Now))
		if err != nil {
			return err
		}
		if !o.SuppressUntil.IsZero() {
			if err := s.suppressRecipient(c, l, o); err != nil {
				return err
			}
		}
		return letNextGo(c, l.Tenant, l.ID, dispatch, o.Now)
	})
}

// NextMessage is when the next message is due; it may be past. problem.ErrNotFound
// when none waits.
func (s *System) NextMessage(ctx context.Context) (next time.Time, err error) {
	for _, status := range []string{MessageProcessing, MessageQueued} {
		var at time.Time
		switch err := one(s.db.reads.on(ctx), "SELECT next_at FROM messages WHERE status = ? ORDER BY next_at LIMIT 1", []any{status}, timeAt{&at}); {
		case errors.Is(err, problem.ErrNotFound):
		case err != nil:
			return time.Time{}, err
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	if next.IsZero() {
		return next, problem.ErrNotFound
	}
	return next, nil
}

// MessageFilter selects a page of messages, newest first, then by id.
type MessageFilter struct {
	Status    string // "" for any
	Recipient string // "" for any

	// The last message of the page before; zero for the first page.
	BeforeCreatedAt time.Time
	BeforeID        uuid.UUID

	Limit int // rows at most; required
}

// Messages lists messages, without their dispatches.
func (t *Tenant) Messages(ctx context.Context, f MessageFilter) (list []Message, err error) {
	if f.Limit <= 0 {
		return nil, errors.New("a list of messages needs a limit")
	}
	where, args := "tenant = ?", []any{t.id}
	add := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if f.Recipient != "" {
		add("recipient = ?", f.Recipient)
	}
	if f.Status != "" {
		add("status = ?", f.Status)
	}
	if !f.BeforeCreatedAt.IsZero() {
		// The first condition bounds the walk of the index, the second settles ties.
		at := micros(f.BeforeCreatedAt)
		add("created_at <= ? AND (created_at < ? OR id > ?)", at, at, idBytes(f.BeforeID))
	}
	args = append(args, int64(f.Limit))
	err = t.read(ctx).query("SELECT "+messageColumns+" FROM messages WHERE "+where+" ORDER BY created_at DESC, id LIMIT ?", args,
		func(rows row) error {
			m, err := scanMessage(rows)
			list = append(list, m)
			return err
		})
	return list, err
}

// Message reads a message with its dispatches.
func (t *Tenant) Message(ctx context.Context, id uuid.UUID) (m Message, err error) {
	read, found := t.read(ctx), false
	err = read.query("SELECT "+messageColumns+" FROM messages WHERE tenant = ? AND id = ?", []any{t.id, idBytes(id)},
		func(rows row) (err error) {
			found = true
			m, err = scanMessage(rows)
			return err
		})
	if err != nil {
		return Message{}, err
	}
	if !found {
		return Message{}, problem.ErrNotFound
	}
	err = read.query("SELECT id, error, created_at FROM message_dispatches WHERE tenant = ? AND message_id = ?", []any{t.id, idBytes(id)},
		func(rows row) error {
			var d Dispatch
			err := rows.Scan(&d.ID, textOrEmpty{&d.Error}, timeAt{&d.CreatedAt})
			m.Dispatches = append(m.Dispatches, d)
			return err
		})
	slices.SortStableFunc(m.Dispatches, func(a, b Dispatch) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return m, err
}

// RequeueMessage gives an abandoned message all its attempts again, from now on.
// A message in any other state stays as it is, and requeued is false.
// problem.ErrNotFound when there is none.
func (t *Tenant) RequeueMessage(ctx context.Context, id uuid.UUID, now time.Time) (requeued bool, err error) {
	err = t.Tx(ctx, func(x *Tx) error {
		n, err := x.c.exec("UPDATE messages SET status = ?, send_count = 0, next_at = ?, updated_at = ? WHERE tenant = ? AND id = ? AND status = ?",
			MessageQueued, micros(now), micros(now), x.tenant, idBytes(id), MessageAbandoned)
		if requeued = n > 0; requeued || err != nil {
			return err
		}
		var status string
		return one(x.c, "SELECT status FROM messages WHERE tenant = ? AND id = ?", []any{x.tenant, idBytes(id)}, &status)
	})
	return requeued && err == nil, err
}

// CountMessages counts the messages that wait or are on their way, and those that
// were given up.
func (s *System) CountMessages(ctx context.Context) (waiting, abandoned int, err error) {
	err = s.db.reads.on(ctx).query("SELECT status, COUNT(*) FROM messages WHERE status IN (?, ?, ?) GROUP BY status",
		[]any{MessageQueued, MessageProcessing, MessageAbandoned}, func(rows row) error {
			var status string
			var n int
			err := rows.Scan(&status, &n)
			if status == MessageAbandoned {
				abandoned = n
			} else {
				waiting += n
			}
			return err
		})
	return waiting, abandoned, err
}
