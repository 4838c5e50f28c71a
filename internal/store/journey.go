package store

import (
	"context"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
)

// The methods of this file write what the steps of journeys want written beside
// their flow.

// ReplaceOneTimes drops all one-time things of a purpose and subject and stores
// these. Submissions of the dropped ones keep counting.
func (x *Tx) ReplaceOneTimes(purpose, subject string, all []flow.OneTime) error {
	counted := 0
	err := x.c.query("SELECT COALESCE(MAX(attempts), 0) FROM one_time WHERE tenant = ? AND purpose = ? AND subject = ?",
		[]any{x.tenant, purpose, subject}, func(rows row) error { return rows.Scan(&counted) })
	if err != nil {
		return err
	}
	if err := x.DropOneTimes(purpose, subject); err != nil {
		return err
	}
	return x.addOneTimes(purpose, subject, counted, all)
}

// AddOneTimes stores these beside those that are there.
func (x *Tx) AddOneTimes(purpose, subject string, all []flow.OneTime) error {
	return x.addOneTimes(purpose, subject, 0, all)
}

func (x *Tx) addOneTimes(purpose, subject string, counted int, all []flow.OneTime) error {
	for _, o := range all {
		if err := x.PutOneTime(OneTime{
			Purpose: purpose, Subject: subject, Key: o.Key, Payload: o.Payload,
			Attempts: counted, MaxAttempts: o.MaxAttempts, ExpiresAt: o.ExpiresAt,
		}); err != nil {
			return err
		}
	}
	return nil
}

// ConsumeCode is Consume in the words of the flow engine.
func (t *Tenant) ConsumeCode(ctx context.Context, purpose, subject string, keys [][]byte, now time.Time) ([]byte, flow.Outcome, error) {
	c, err := t.Consume(ctx, purpose, subject, keys, now)
	if err != nil {
		return nil, flow.Wrong, err
	}
	switch c.Outcome {
	case Consumed:
		return c.Payload, flow.Right, nil
	case Used:
		return nil, flow.UsedBefore, nil
	case Exhausted:
		return nil, flow.TooOften, nil
	case Expired:
		return nil, flow.Expired, nil
	}
	return nil, flow.Wrong, nil
}

// MarkAddress notes that a proof was sent to a verifiable address, or that it was
// given. A proof that was given is never taken back, and an address that nobody
// has is no error.
func (x *Tx) MarkAddress(a identity.Address, status identity.AddressStatus, now time.Time) error {
	owner, verified, err := x.tellOwner(a)
	if err != nil {
		return err
	}
	if status == identity.AddressCompleted {
		x.noteProved(owner, verified)
		before, err := x.unprovedOwner(a.Via, a.Value)
		if err != nil {
			return err
		}
		_, err = x.c.exec("UPDATE verifiable_addresses SET status = ?, verified = 1, verified_at = COALESCE(verified_at, ?), updated_at = ? "+
			"WHERE tenant = ? AND via = ? AND value = ?", string(status), micros(now), micros(now), x.tenant, string(a.Via), a.Value)
		if err != nil || before == nil {
			return err
		}
		after, err := x.Identity(before.ID)
		if err != nil {
			return err
		}
		return x.report(Change{Type: IdentityUpdated, Identity: after, Before: before})
	}
	_, err = x.c.exec("UPDATE verifiable_addresses SET status = ?, updated_at = ? WHERE tenant = ? AND via = ? AND value = ? AND verified = 0",
		string(status), micros(now), x.tenant, string(a.Via), a.Value)
	return err
}
