package session_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"cardea/internal/problem"
	"cardea/internal/session"
)

// feed is a feed in memory: what is in it is visible.
type feed struct{ visible []session.Change }

func number(n int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// end adds a batch that ends sessions.
func (f *feed) end(at time.Time, batch, sessions int) {
	for n := range sessions {
		f.visible = append(f.visible, session.Change{At: at, Batch: number(batch), SessionID: number(batch*10_000 + n), Reason: session.Revoked})
	}
}

func behind(a, b session.Change) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	if c := bytes.Compare(a.Batch[:], b.Batch[:]); c != 0 {
		return c
	}
	return bytes.Compare(a.SessionID[:], b.SessionID[:])
}

func (f *feed) read(_ context.Context, q session.ChangeFilter) (page []session.Change, err error) {
	slices.SortFunc(f.visible, behind)
	after := session.Change{At: q.After.At, Batch: q.After.Batch, SessionID: q.After.SessionID}
	for _, c := range f.visible {
		if !c.At.Before(q.Since) && (q.After.At.IsZero() || behind(c, after) > 0) && (!q.Ended || c.Reason != session.Changed) && len(page) < q.Limit {
			page = append(page, c)
		}
	}
	return page, nil
}

// ask reads a page as a client does, which keeps nothing but the text of the cursor.
func (f *feed) ask(t interface{ Fatal(...any) }, cursor string, limit int, now time.Time) (ids []uuid.UUID, next string) {
	c, err := session.ParseCursor(cursor, now)
	if err != nil {
		t.Fatal(err)
	}
	page, at, err := c.Next(context.Background(), f.read, limit, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range page {
		ids = append(ids, one.ID())
	}
	return ids, at.String()
}

func TestACursorGivesWhatShowsUpLateAndNothingTwice(t *testing.T) {
	f, now := &feed{}, noon
	cursor := session.NewCursor(now).String()
	step := func(what string, want int) {
		t.Helper()
		var got []uuid.UUID
		if got, cursor = f.ask(t, cursor, 100, now); len(got) != want {
			t.Errorf("%s: %d changes, want %d", what, len(got), want)
		}
	}
	step("nothing happened", 0)
	f.end(now.Add(time.Second), 1, 3)
	now = now.Add(2 * time.Second)
	step("three ended", 3)
	step("again", 0)
	f.end(now.Add(-time.Second), 2, 1) // before what was read already
	f.end(now.Add(-1500*time.Millisecond), 3, 1)
	step("two show up late", 2)
	now = now.Add(session.Overlap)
	step("later", 0)
	f.end(now, 4, 1)
	step("one more", 1)
	if len(cursor) > 100 {
		t.Errorf("the cursor keeps what is long over: it has %d characters", len(cursor))
	}
}

// TestACursorLosesNothing lets batches become visible up to LateCommit after their
// time, while a client reads pages at its own pace.
func TestACursorLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, now := &feed{}, noon
		cursor, got := session.NewCursor(now).String(), map[uuid.UUID]int{}
		ask := func(limit int) int {
			var ids []uuid.UUID
			ids, cursor = f.ask(t, cursor, limit, now)
			for _, id := range ids {
				got[id]++
			}
			return len(ids)
		}
		for batch := range rapid.IntRange(1, 40).Draw(t, "batches") {
			now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "pause")) * time.Millisecond)
			late := time.Duration(rapid.IntRange(0, int(session.LateCommit/time.Millisecond)).Draw(t, "late")) * time.Millisecond
			f.end(now.Add(-late).Add(time.Microsecond), batch+1, rapid.IntRange(1, 9).Draw(t, "sessions"))
			for range rapid.IntRange(0, 3).Draw(t, "pages") {
				ask(rapid.IntRange(1, 7).Draw(t, "limit"))
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "reading")) * time.Millisecond)
			}
		}
		now = now.Add(2 * session.Overlap)
		for pages := 0; ask(7) > 0 || pages < 3; pages++ {
			if pages > 1000 {
				t.Fatal("the pages do not end")
			}
		}
		for _, c := range f.visible {
			if got[c.ID()] == 0 {
				t.Fatalf("the end of a session at %s was not told", c.At)
			}
			if got[c.ID()] > 1 {
				t.Fatalf("the end of a session at %s was told %d times", c.At, got[c.ID()])
			}
		}
	})
}

func TestACursorGetsThroughManyEndsOfOneMoment(t *testing.T) {
	f, now := &feed{}, noon.Add(time.Second)
	f.end(noon, 1, 5000)
	for batch := range 400 {
		f.end(noon, batch+2, 1)
	}
	cursor, got := session.NewCursor(noon).String(), map[uuid.UUID]bool{}
	for page := 0; len(got) < 5400; page++ {
		if page > 60 {
			t.Fatalf("after %d pages %d were told", page, len(got))
		}
		var ids []uuid.UUID
		ids, cursor = f.ask(t, cursor, 100, now)
		for _, id := range ids {
			got[id] = true
		}
		if len(cursor) > 2000 {
			t.Fatalf("a cursor of %d characters", len(cursor))
		}
	}
}

func TestACursorThatIsNoneOrTooOldIsRefused(t *testing.T) {
	good := session.NewCursor(noon).String()
	for _, text := range []string{"", "x", "====", good[:len(good)-2], good + "AAAA", "B" + good[1:]} {
		if _, err := session.ParseCursor(text, noon); problem.As(err) == nil || problem.As(err).Status != 400 {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := session.ParseCursor(good, noon.Add(session.Retention-time.Minute)); err != nil {
		t.Error(err)
	}
	if _, err := session.ParseCursor(good, noon.Add(session.Retention)); problem.As(err) == nil || problem.As(err).Status != 410 {
		t.Errorf("an old cursor: %v", err)
	}
}
