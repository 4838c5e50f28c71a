package store

import (
	"context"
	"time"
)

// expiring are the tables whose rows end, as data for the janitor. A condition
// compares with one time.
var expiring = []struct{ table, key, condition string }{
	{"flows", "tenant, id", "expires_at < ?"},
	{sessionsTable, "tenant, id", "expires_at < ?"},
	{"one_time", "tenant, purpose, subject, key_hash", "expires_at < ?"},
	{"guesses", "tenant, subject", "ends_at < ?"},
	{"suppressions", "tenant, address, via", "expires_at < ?"},
	{"session_token_exchanges", "tenant, init_hash", "expires_at < ?"},
	{"error_containers", "tenant, id", "created_at < ?"},
	// A day of session.Retention, whatever else is thrown away.
	{"session_changes", "tenant, changed_at, batch, session_id", "changed_at < ? - 86400000000"},
}

const sessionsTable = "sessions"

// Before are the times before which rows have ended that are deleted. Sessions have one
// of their own, because sign-ins are compared with those that are over.
type Before struct{ Rows, Sessions time.Time }

// Sweep deletes rows that ended before a time, at most batch of each table and each
// table in a transaction of its own, so that others' writes come in between. It
// tells how many went; fewer than batch of every table means that all are gone.
// Error containers have no end of their own and go by their age.
func (s *System) Sweep(ctx context.Context, before Before, batch int) (deleted int, more bool, err error) {
	for k, query := range s.db.texts.sweeps {
		ended := before.Rows
		if expiring[k].table == sessionsTable {
			ended = before.Sessions
		}
		n, err := s.sweep(ctx, query, micros(ended), int64(batch))
		if err != nil {
			return deleted, false, err
		}
		deleted += n
		more = more || n >= batch
	}
	return deleted, more, nil
}

// SweepMessages deletes messages that were sent or given up before a time, in the
// same way. Those that wait stay, however old they are.
func (s *System) SweepMessages(ctx context.Context, before time.Time, batch int) (deleted int, more bool, err error) {
	for _, status := range []string{MessageSent, MessageAbandoned} {
		// There is no next attempt: the time is that of the last one's end.
		n, err := s.sweep(ctx, s.db.texts.messageSweep, status, micros(before), int64(batch))
		if err != nil {
			return deleted, false, err
		}
		deleted += n
		more = more || n >= batch
	}
	return deleted, more, nil
}

func (s *System) sweep(ctx context.Context, query string, args ...any) (deleted int, err error) {
	err = s.db.writes.write(ctx, func(c conn) error {
		n, err := c.exec(query, args...)
		deleted = int(n)
		return err
	})
	return deleted, err
}
