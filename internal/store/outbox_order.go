package store

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// Messages to one recipient leave in the order in which they were made: whoever
// asks for a code twice must find the newer one on top.
//
// A message is held back while the one before it, to the same recipient, waits for
// its first attempt to end. That end lets the next one go, however the attempt went:
// an address that fails for an hour must not keep back what can still arrive. Held
// means that next_at lies ahead, so that those who look for work never walk over
// what they may not take, however much of it one recipient has.

// heldFor bounds how long a message is held back, whatever becomes of the one
// before it: as long as an attempt may take. It also frees messages whose turn was
// missed because the process that ended the attempt is of an older version.
const heldFor = time.Minute

// dueFrom is when the first attempt of a new message may begin.
func (x *Tx) dueFrom(m flow.Message) (time.Time, error) {
	var before uuid.UUID
	var status string
	var created time.Time
	// The lock makes an attempt that ends right now end before this or after it.
	err := one(x.c, "SELECT id, status, created_at FROM messages WHERE tenant = ? AND recipient = ? ORDER BY created_at DESC, id LIMIT 1"+x.db.dialect.lockRow,
		[]any{x.tenant, m.Recipient}, &before, &status, timeAt{&created})
	if err != nil || status != MessageQueued && status != MessageProcessing || created.After(m.CreatedAt) {
		return m.CreatedAt, missingIsFine(err)
	}
	var ended int
	err = one(x.c, "SELECT COUNT(*) FROM message_dispatches WHERE tenant = ? AND message_id = ?", []any{x.tenant, idBytes(before)}, &ended)
	if err != nil || ended > 0 {
		return m.CreatedAt, err
	}
	return m.CreatedAt.Add(heldFor), nil
}

// letNextGo ends what a message kept waiting, when the attempt noted by a dispatch
// is the first that ended.
func letNextGo(c conn, tenant TenantID, id, dispatch uuid.UUID, now time.Time) error {
	var next uuid.UUID
	var created time.Time
	// Only a message that is held back has no attempt yet and its time ahead.
	err := one(c, "SELECT n.id, n.created_at FROM messages m JOIN messages n ON n.tenant = m.tenant AND n.recipient = m.recipient AND n.created_at >= m.created_at "+
		"WHERE m.tenant = ? AND m.id = ? AND n.send_count = 0 AND n.next_at > ? "+
		"AND NOT EXISTS (SELECT 1 FROM message_dispatches d WHERE d.tenant = m.tenant AND d.message_id = m.id AND d.id <> ?) "+
		"ORDER BY n.created_at, n.id DESC LIMIT 1", []any{int64(tenant), idBytes(id), micros(now), idBytes(dispatch)}, &next, timeAt{&created})
	if err != nil {
		return missingIsFine(err)
	}
	_, err = c.exec("UPDATE messages SET next_at = ? WHERE tenant = ? AND id = ? AND send_count = 0", micros(created), int64(tenant), idBytes(next))
	return err
}

func missingIsFine(err error) error {
	if errors.Is(err, problem.ErrNotFound) {
		return nil
	}
	return err
}
