package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/session"
)

func TestLimitsEndASessionEarly(t *testing.T) {
	s := &session.Session{Active: true, IssuedAt: noon, LastUsedAt: noon.Add(time.Hour), ExpiresAt: noon.Add(24 * time.Hour)}
	for _, tc := range []struct {
		name   string
		limits session.Limits
		want   time.Duration // after noon
	}{
		{"none", session.Limits{}, 24 * time.Hour},
		{"idle", session.Limits{Idle: 30 * time.Minute}, 90 * time.Minute},
		{"idle for longer than it lives", session.Limits{Idle: 48 * time.Hour}, 24 * time.Hour},
		{"absolute", session.Limits{Absolute: 2 * time.Hour}, 2 * time.Hour},
		{"absolute, longer than it lives", session.Limits{Absolute: 48 * time.Hour}, 24 * time.Hour},
		{"both", session.Limits{Idle: 3 * time.Hour, Absolute: 2 * time.Hour}, 2 * time.Hour},
	} {
		if got := s.End(&tc.limits); !got.Equal(noon.Add(tc.want)) {
			t.Errorf("%s: it ends %s after noon, want %s", tc.name, got.Sub(noon), tc.want)
		}
		if !s.IsActive(noon.Add(tc.want-1), &tc.limits) || s.IsActive(noon.Add(tc.want), &tc.limits) {
			t.Errorf("%s: it does not end when it ends", tc.name)
		}
	}
}

func TestUsesAreWrittenInBatchesAndNotTooOften(t *testing.T) {
	var uses session.Uses
	var written map[uuid.UUID]time.Time
	flush := func(err error) {
		t.Helper()
		written = map[uuid.UUID]time.Time{}
		got := uses.Flush(t.Context(), func(_ context.Context, at time.Time, ids ...uuid.UUID) error {
			for _, id := range ids {
				written[id] = at
			}
			return err
		})
		if !errors.Is(got, err) {
			t.Errorf("flushing gives %v, want %v", got, err)
		}
	}
	one := &session.Session{ID: uuid.New(), LastUsedAt: noon}
	two := &session.Session{ID: uuid.New(), LastUsedAt: noon.Add(-time.Hour)}
	none, half := &session.Limits{}, &session.Limits{Idle: 10 * time.Minute}
	flush(nil)
	if len(written) != 0 {
		t.Errorf("nothing was used, and %v was written", written)
	}
	uses.Note(one, none, noon.Add(session.UseInterval-1))
	uses.Note(two, none, noon)
	uses.Note(two, none, noon.Add(time.Second))
	flush(nil)
	if len(written) != 1 || !written[two.ID].Equal(noon) {
		t.Errorf("written: %v", written)
	}
	uses.Note(one, half, noon.Add(time.Minute))
	flush(errors.New("no database"))
	if len(written) != 1 || !written[one.ID].Equal(noon.Add(time.Minute)) {
		t.Errorf("with a short limit: %v", written)
	}
	flush(nil)
	if len(written) != 0 {
		t.Errorf("written twice: %v", written)
	}
}
