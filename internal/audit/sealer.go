package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cardea/internal/clock"
)

// sealAtOnce is how many rows get their places in one transaction.
const sealAtOnce = 256

// Chains are the stored chains of all tenants.
type Chains interface {
	// Unsealed lists tenants with rows that wait for a place.
	Unsealed(ctx context.Context) ([]int64, error)
	// Waiting lists the oldest rows of a tenant that wait, by id.
	Waiting(ctx context.Context, tenant int64, limit int) ([]Entry, error)
	// Head is the head of a tenant's chain; one that is not signed when there is none.
	Head(ctx context.Context, tenant int64) (Head, error)
	// Extend puts links, which waited, behind a head, and puts another in its place; false
	// when somebody else was quicker, and then nothing has changed. Without links it only
	// replaces the head.
	Extend(ctx context.Context, from, to Head, links []Link) (bool, error)
	// Heads lists the tenants that have a chain.
	Heads(ctx context.Context) ([]int64, error)
	// CutAt is the last place of the rows at the beginning of a chain that are older than
	// a time, at most limit of them, with its hash; 0 for none.
	CutAt(ctx context.Context, h Head, before time.Time, limit int) (int64, []byte, error)
	// Cut replaces a head and drops the rows up to its anchor, as Extend does.
	Cut(ctx context.Context, from, to Head) (bool, error)
}

// Sealer gives rows their places in the chain. Any number of them may work at a time:
// the head is replaced under a condition, so a chain never forks.
type Sealer struct {
	Chains Chains
	Keys   func() Keys
	Clock  clock.Clock
}

// ErrHead is a head that none of the keys has signed. Nothing is built on it.
var ErrHead = errors.New("the head of the audit log is signed by none of the keys: see `cardea audit verify`")

// Seal gives a place to all rows that wait, in the order of their ids.
func (s *Sealer) Seal(ctx context.Context) error {
	tenants, err := s.Chains.Unsealed(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		for more := true; more && ctx.Err() == nil; {
			if more, err = s.batch(ctx, t); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// batch seals a batch and says whether there may be more.
func (s *Sealer) batch(ctx context.Context, tenant int64) (more bool, err error) {
	from, err := s.head(ctx, tenant)
	if err != nil {
		return false, err
	}
	waiting, err := s.Chains.Waiting(ctx, tenant, sealAtOnce)
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	to := from
	links := to.extend(waiting)
	s.Keys().Sign(&to, s.Clock.Now())
	if _, err := s.Chains.Extend(ctx, from, to, links); err != nil {
		return false, err
	}
	return len(waiting) == sealAtOnce, nil
}

// head is the head of a chain, if it can be built on.
func (s *Sealer) head(ctx context.Context, tenant int64) (Head, error) {
	h, err := s.Chains.Head(ctx, tenant)
	if err != nil {
		return h, err
	}
	if h.Seq+h.Anchor > 0 || len(h.Signature) > 0 {
		keys := s.Keys()
		if !keys.Verify(&h) {
			return h, fmt.Errorf("tenant %d: %w", tenant, ErrHead)
		}
	}
	return h, nil
}

// Renew signs heads anew that an older key has signed, so that this can be retired.
func (s *Sealer) Renew(ctx context.Context) error {
	return s.each(ctx, func(from Head) error {
		if from.Key == s.Keys().Current() {
			return nil
		}
		to := from
		s.Keys().Sign(&to, s.Clock.Now())
		_, err := s.Chains.Extend(ctx, from, to, nil)
		return err
	})
}

// cutAtOnce is how many rows are dropped in one transaction.
const cutAtOnce = 1000

// Cut drops the rows at the beginning of the chains that are older than a time. The
// head says, signed, where a chain begins from then on.
func (s *Sealer) Cut(ctx context.Context, before time.Time) error {
	return s.each(ctx, func(from Head) error {
		for {
			at, hash, err := s.Chains.CutAt(ctx, from, before, cutAtOnce)
			if err != nil || at == 0 {
				return err
			}
			to := from
			to.Anchor, to.AnchorHash = at, hash
			s.Keys().Sign(&to, s.Clock.Now())
			if _, err := s.Chains.Cut(ctx, from, to); err != nil {
				return err
			}
			if from, err = s.head(ctx, from.Tenant); err != nil {
				return err
			}
		}
	})
}

func (s *Sealer) each(ctx context.Context, do func(Head) error) error {
	tenants, err := s.Chains.Heads(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		h, err := s.head(ctx, t)
		if err == nil {
			err = do(h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Adopt signs the head of a chain with the key in force, whoever has signed it before.
func (s *Sealer) Adopt(ctx context.Context, tenant int64) error {
	from, err := s.Chains.Head(ctx, tenant)
	if err != nil || len(from.Signature) == 0 {
		return err
	}
	to := from
	s.Keys().Sign(&to, s.Clock.Now())
	replaced, err := s.Chains.Extend(ctx, from, to, nil)
	if err == nil && !replaced {
		err = errors.New("the audit log has grown meanwhile: try again")
	}
	return err
}
