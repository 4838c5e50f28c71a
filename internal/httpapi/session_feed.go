package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"cardea/internal/problem"
	"cardea/internal/session"
)

// revokedPath is where gateways learn which sessions have ended.
const revokedPath = "/admin/sessions:revoked"

// longestWait is how long an answer may be waited for.
const longestWait = time.Minute

// sessionRevoked is the type of the events.
const sessionRevoked = "session.revoked"

// listRevoked serves GET /admin/sessions:revoked: the sessions that ended since the
// cursor that the answer before gave, and the next cursor. With wait the answer comes
// as soon as there is something to tell.
func (s *Server) listRevoked(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, err := keySize(q.Get("page_size"), largestPage)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	wait, err := waitOf(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	now := s.clock.Now()
	cursor := session.NewCursor(now)
	if text := q.Get("cursor"); text != "" {
		if cursor, err = session.ParseCursor(text, now); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	ended, next, err := s.ended(r.Context(), cursor, size, wait)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeRaw(w, 200, appendEnded(ended, next))
}

// waitOf reads how long a client waits, a Go duration; 0 for not at all.
func waitOf(q url.Values) (time.Duration, error) {
	text := q.Get("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, problem.BadRequest(`The parameter wait is not a time like "30s".`).With(err)
	}
	return min(wait, longestWait), nil
}

// ended reads the feed, and again after news while there is nothing to tell.
func (s *Server) ended(ctx context.Context, cursor session.Cursor, size int, wait time.Duration) ([]session.Change, session.Cursor, error) {
	until := s.clock.Now().Add(wait)
	for {
		news, follows := s.Feed.News() // before reading, so that nothing comes in between
		ended, next, err := cursor.Next(ctx, s.Feed.SessionChanges, size, s.clock.Now())
		if err != nil || len(ended) > 0 || !follows || !s.clock.Now().Before(until) {
			return ended, next, err
		}
		s.await(ctx, news, until)
		if ctx.Err() != nil {
			return nil, next, nil
		}
		cursor = next
	}
}

// await returns when there are news, at a time, or when ctx is done.
func (s *Server) await(ctx context.Context, news <-chan struct{}, until time.Time) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		select {
		case <-news:
		case <-ctx.Done():
		}
	}()
	s.clock.SleepUntil(ctx, until)
}

func appendEnded(ended []session.Change, next session.Cursor) []byte {
	o := open(nil)
	o.key("events")
	o.b = append(o.b, '[')
	for i, c := range ended {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		e := open(o.b)
		e.id("id", c.ID())
		e.plain("type", sessionRevoked)
		e.id("session_id", c.SessionID)
		e.id("identity_id", c.IdentityID)
		e.plain("reason", string(c.Reason))
		e.time("occurred_at", c.At)
		o.b = e.close()
	}
	o.b = append(o.b, ']')
	o.plain("cursor", next.String())
	return o.close()
}
