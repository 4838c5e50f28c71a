package store

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// Messages to one recipient leave in the order in which they were made: whoever
// asks for a code twice must find the newer one on top. Of messages of one moment
// the one with the higher id counts as the earlier.
//
// A message is held back while the one before it, to the same recipient, waits for
// its first attempt to end. That end lets the next one go, however the attempt went:
// an address that fails for an hour must not keep back what can still arrive. A
// sender that dies ends nothing; whoever takes its message over does.
//
// Whether a message has to wait is found out when a sender would take it. One that
// has to gets a time that lies ahead, so that nobody meets it again before its turn,
// however much one recipient has. Requests that queue messages look at no others:
// they would lose their transactions to senders.

// lookAgain is when a message that is held back is looked at again, should nobody
// have let it go: the process that ended the attempt is of an older version.
const lookAgain = 30 * time.Second

// hold keeps a message back that has to wait for another one, and says whether.
func (s *System) hold(c conn, m Message, now time.Time) (held bool, err error) {
	if m.SendCount > 0 {
		return false, nil
	}
	var before uuid.UUID
	var status string
	created := micros(m.CreatedAt)
	// The first condition bounds the walk of the index, the second settles ties.
	err = one(c, "SELECT id, status FROM messages WHERE tenant = ? AND recipient = ? AND created_at <= ? AND (created_at < ? OR id > ?) "+
		"ORDER BY created_at DESC, id LIMIT 1", []any{int64(m.Tenant), m.Recipient, created, created, idBytes(m.ID)}, &before, &status)
	if err != nil || status != MessageQueued && status != MessageProcessing {
		return false, missingIsFine(err)
	}
	var ended int
	err = one(c, "SELECT COUNT(*) FROM message_dispatches WHERE tenant = ? AND message_id = ?", []any{int64(m.Tenant), idBytes(before)}, &ended)
	if err != nil || ended > 0 {
		return false, err
	}
	_, err = c.exec("UPDATE messages SET next_at = ? WHERE tenant = ? AND id = ? AND send_count = 0", micros(now.Add(lookAgain)), int64(m.Tenant), idBytes(m.ID))
	return err == nil, err
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
