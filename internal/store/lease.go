package store

import (
	"context"
	"time"
)

// AcquireLease takes or renews a lease until now+ttl, and says whether holder has
// it. A lease belongs to its holder until it runs out, by the clocks of those who
// compete: they have to agree within a fraction of ttl.
func (s *System) AcquireLease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (held bool, err error) {
	err = s.db.writes.write(ctx, func(c conn) error {
		n, err := c.exec("UPDATE leases SET holder = ?, expires_at = ? WHERE name = ? AND (holder = ? OR expires_at <= ?)",
			holder, micros(now.Add(ttl)), name, holder, micros(now))
		if held = n > 0; held || err != nil {
			return err
		}
		n, err = c.exec("INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)"+s.db.dialect.insertNew,
			name, holder, micros(now.Add(ttl)))
		if err != nil && s.db.dialect.unique(err) {
			n, err = 0, nil
		}
		held = n > 0
		return err
	})
	return held && err == nil, err
}

// ReleaseLease gives a lease back. One that is not the holder's stays as it is.
func (s *System) ReleaseLease(ctx context.Context, name, holder string) error {
	return s.db.writes.write(ctx, func(c conn) error {
		_, err := c.exec("DELETE FROM leases WHERE name = ? AND holder = ?", name, holder)
		return err
	})
}
