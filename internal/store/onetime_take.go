package store

import "time"

// TakeOneTime uses a one-time thing up within the transaction; false when it does not
// count any more. Of parallel transactions at most one gets true and is committed.
func (x *Tx) TakeOneTime(purpose, subject string, key []byte, now time.Time) (bool, error) {
	n, err := x.c.exec("UPDATE one_time SET attempts = attempts + 1, consumed_at = ? WHERE tenant = ? AND purpose = ? AND subject = ? "+
		"AND key_hash = ? AND "+live, micros(now), x.tenant, purpose, subject, key, micros(now))
	return n > 0, err
}

// DropOneTimesSince removes what of a purpose and subject was stored at a moment or
// later and was not used.
func (x *Tx) DropOneTimesSince(purpose, subject string, since time.Time) error {
	_, err := x.c.exec("DELETE FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ? AND created_at >= ? AND consumed_at IS NULL",
		x.tenant, purpose, subject, micros(since))
	return err
}
