package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// shelf is where sessions are read when a cache does not have them.
type shelf struct {
	*testing.T
	cache *session.Cache
	now   time.Time
	rows  map[string]*session.Session // by token
	reads int
	then  func() // what happens after a read, before the cache hears of it
}

func newShelf(t *testing.T, most int) *shelf {
	return &shelf{T: t, cache: session.NewCache(most), now: noon, rows: map[string]*session.Session{}}
}

func (s *shelf) add(token string, owner uuid.UUID) *session.Session {
	s.rows[token] = &session.Session{ID: uuid.New(), IdentityID: owner, Active: true, Identity: &identity.Identity{ID: owner}}
	return s.rows[token]
}

// find asks for a session and says whether it was read.
func (s *shelf) find(token string) (found *session.Session, read bool) {
	s.Helper()
	before := s.reads
	found, err := s.cache.Find(s.Context(), session.HashToken(token), s.now, func(context.Context, []byte) (*session.Session, error) {
		s.reads++
		row, ok := s.rows[token]
		if s.then != nil {
			s.then()
		}
		if !ok {
			return nil, errors.New("nothing there")
		}
		return row, nil
	})
	if (err == nil) != (found != nil) {
		s.Fatalf("%v with %v", found, err)
	}
	return found, s.reads > before
}

func (s *shelf) want(what, token string, read bool) {
	s.Helper()
	if _, got := s.find(token); got != read {
		s.Errorf("%s: read %v, want %v", what, got, read)
	}
}

func TestACacheWorksOnlyWhileTheFeedIsHeard(t *testing.T) {
	s := newShelf(t, 100)
	s.add("a", uuid.New())
	s.want("before the feed was heard", "a", true)
	s.want("still", "a", true)
	s.cache.Trusted(s.now)
	s.want("the first time", "a", true)
	s.want("the second time", "a", false)
	s.now = s.now.Add(session.Trust)
	s.want("the feed was not heard for a while", "a", true)
	s.cache.Trusted(s.now)
	s.want("it is heard again", "a", false)
	s.now = s.now.Add(session.Freshness - session.Trust)
	s.cache.Trusted(s.now)
	s.want("an old entry", "a", true)
	s.want("an unknown token", "nobody's", true)
	s.want("an unknown token again", "nobody's", true)
	s.add("over", uuid.New()).Active = false
	s.want("a session that is over", "over", true)
	s.want("again", "over", true)
}

func TestACacheForgetsWhatChanged(t *testing.T) {
	ann, bob := uuid.New(), uuid.New()
	for _, tc := range []struct {
		name      string
		change    func(*session.Session) session.Change
		forgotten map[string]bool
	}{
		{"a session", func(s *session.Session) session.Change { return session.Change{SessionID: s.ID, IdentityID: ann} }, map[string]bool{"one": true, "one again": true}},
		{"an identity", func(*session.Session) session.Change { return session.Change{IdentityID: ann} }, map[string]bool{"one": true, "one again": true, "two": true}},
		{"everything", func(*session.Session) session.Change { return session.Change{} }, map[string]bool{"one": true, "one again": true, "two": true, "bob's": true}},
		{"somebody else", func(*session.Session) session.Change { return session.Change{IdentityID: uuid.New()} }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShelf(t, 100)
			one := s.add("one", ann)
			s.rows["one again"] = one
			s.add("two", ann)
			s.add("bob's", bob)
			s.cache.Trusted(s.now)
			for token := range s.rows {
				s.find(token)
			}
			s.cache.Forget([]session.Change{tc.change(one)})
			for token := range s.rows {
				s.want(token, token, tc.forgotten[token])
			}
		})
	}
}

func TestWhatWasReadBeforeAChangeIsNotKept(t *testing.T) {
	s := newShelf(t, 100)
	one := s.add("a", uuid.New())
	s.cache.Trusted(s.now)
	s.then = func() { s.cache.Forget([]session.Change{{SessionID: one.ID}}) }
	s.want("the row is read, then it changes", "a", true)
	s.then = nil
	s.want("afterwards", "a", true)
}

func TestACacheIsBounded(t *testing.T) {
	const most, all = 64, 2000
	s := newShelf(t, most)
	s.cache.Trusted(s.now)
	var tokens []string
	for range all {
		token := uuid.NewString()
		s.add(token, uuid.New())
		s.find(token)
		tokens = append(tokens, token)
	}
	kept := 0
	s.then = func() { s.cache.Forget([]session.Change{{SessionID: uuid.New()}}) } // so that looking changes nothing
	for _, token := range tokens {
		if _, read := s.find(token); !read {
			kept++
		}
	}
	if kept == 0 || kept > most {
		t.Errorf("%d of %d sessions are kept, want at most %d", kept, all, most)
	}
}

func TestAFollowerHearsEachChangeOnceAlsoLateOnes(t *testing.T) {
	f, now := &feed{}, clock.NewFake(noon)
	heard, current := 0, time.Time{}
	follower := &session.Follower{
		Read: f.read, Clock: now, Heard: func(c []session.Change) { heard += len(c) }, Current: func(at time.Time) { current = at },
	}
	look := func(what string, want int) {
		t.Helper()
		heard = 0
		if err := follower.Look(t.Context()); err != nil || heard != want {
			t.Errorf("%s: heard %d, want %d (%v)", what, heard, want, err)
		}
		if !current.Equal(now.Now()) {
			t.Errorf("%s: current as of %s", what, current)
		}
	}
	look("nothing happened", 0)
	now.Advance(time.Second)
	f.end(now.Now(), 1, 1200)
	look("many", 1200)
	f.end(now.Now().Add(-session.LateCommit), 2, 2)
	look("late ones", 2)
	look("nothing new", 0)
	f.visible = append(f.visible, session.Change{At: now.Now(), Batch: number(3), IdentityID: number(4)})
	look("one that ends nothing", 1)
	now.Advance(time.Hour) // asleep
	f.end(now.Now().Add(-30*time.Minute), 5, 1)
	look("after a sleep", 1)
}

func TestAFollowerThatCannotReadIsNotCurrent(t *testing.T) {
	now, failure := clock.NewFake(noon), errors.New("no database")
	follower := &session.Follower{
		Read:  func(context.Context, session.ChangeFilter) ([]session.Change, error) { return nil, failure },
		Clock: now, Current: func(time.Time) { t.Error("it says that it is current") },
	}
	if err := follower.Look(t.Context()); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

func TestNewsAreForThoseWhoWait(t *testing.T) {
	f, now := &feed{}, clock.NewFake(noon)
	follower := &session.Follower{Read: f.read, Clock: now, Heard: func([]session.Change) {}, Current: func(time.Time) {}}
	news, ok := follower.News()
	if ok {
		t.Error("nobody follows, and there would be news")
	}
	f.end(noon, 1, 1)
	if err := follower.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-news:
	default:
		t.Error("something happened, and nobody was told")
	}
	if again, _ := follower.News(); again == news {
		t.Error("old news")
	}
}
