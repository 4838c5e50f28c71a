package password

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardea/internal/clock"
	"cardea/internal/fetch"
	"cardea/internal/problem"
)

const breached = "Cardea-pw1"

func digestOf(password string) string {
	return strings.ToUpper(fmt.Sprintf("%x", sha1.Sum([]byte(password))))
}

func suffixOf(password string) string { return digestOf(password)[5:] }

// service is a range API that answers with a script, and counts.
type service struct {
	*httptest.Server
	asked atomic.Int32
	path  atomic.Value
}

func newService(t *testing.T, h http.HandlerFunc) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.path.Store(r.URL.RequestURI())
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) client(t *testing.T, clk clock.Clock) *BreachClient {
	t.Helper()
	c, err := fetch.New(fetch.Options{
		Policy: fetch.Trusted, Timeout: 200 * time.Millisecond, Retries: 2,
		MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return NewBreachClient(c, s.URL, clk)
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestBreachesReadsTheAnswer(t *testing.T) {
	suffix := suffixOf(breached)
	other := strings.Repeat("0", 35)
	tests := []struct {
		name, body string
		want       int
	}{
		{"the password is in the list", suffix + ":42", 42},
		{"lines end with CRLF", other + ":7\r\n" + suffix + ":42\r\n", 42},
		{"thousands are separated", suffix + ":1,234,567", 1234567},
		{"no colon counts one", suffix, 1},
		{"lower case", strings.ToLower(suffix) + ":3", 3},
		{"padding counts nothing", suffix + ":0", 0},
		{"not in the list", other + ":7", 0},
		{"an empty answer", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, answer(tt.body))
			got, err := s.client(t, clock.System{}).Breaches(t.Context(), breached)
			if err != nil || got != tt.want {
				t.Errorf("got %d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

func TestBreachesTellsTheServiceFiveDigitsOnly(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Add-Padding") != "true" {
			t.Error("padding was not asked for")
		}
	})
	if _, err := s.client(t, clock.System{}).Breaches(t.Context(), breached); err != nil {
		t.Fatal(err)
	}
	if got, want := s.path.Load(), "/range/"+digestOf(breached)[:5]; got != want {
		t.Errorf("asked for %v, want %v", got, want)
	}
}

func TestBreachFailures(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	breakOff := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n")
	}
	hangUp := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	tests := []struct {
		name        string
		handler     http.HandlerFunc
		unavailable bool
		asked       int32
	}{
		{"no connection", hangUp, true, 3},
		{"a time-out", hang, true, 3},
		{"a body that breaks off", breakOff, true, 3},
		{"a server error", status(500), true, 3},
		{"too many requests", status(429), true, 3},
		{"a refusal is not tried again", status(403), true, 1},
		{"a created is no answer", status(201), true, 1},
		{"a count that is not a number", answer(strings.Repeat("0", 35) + ":many"), false, 1},
		{"a count below zero", answer(strings.Repeat("0", 35) + ":-1"), false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, tt.handler)
			c := s.client(t, clock.System{})
			_, err := c.Breaches(t.Context(), breached)
			if p := problem.As(err); p == nil || p.Status != 502 || p.ID != problem.Upstream {
				t.Errorf("got %v, want a 502 upstream_error", err)
			}
			if got := errors.Is(err, ErrBreachUnavailable); got != tt.unavailable {
				t.Errorf("unavailable = %v, want %v (%v)", got, tt.unavailable, err)
			}
			if s.asked.Load() != tt.asked {
				t.Errorf("%d attempts, want %d", s.asked.Load(), tt.asked)
			}
			for _, ignore := range []bool{true, false} {
				accepted := Policy{Breach: c, IgnoreNetworkErrors: ignore}.Check(t.Context(), breached, nil) == nil
				if want := ignore && tt.unavailable; accepted != want {
					t.Errorf("ignore_network_errors=%v: accepted = %v, want %v", ignore, accepted, want)
				}
			}
		})
	}
}

func TestBreachesRecoversWhenARetrySucceeds(t *testing.T) {
	var asked atomic.Int32
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "%s:5", suffixOf(breached))
	})
	if got, err := s.client(t, clock.System{}).Breaches(t.Context(), breached); err != nil || got != 5 {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestBreachesRemembersAnAnswerForAnHour(t *testing.T) {
	s := newService(t, answer(suffixOf(breached)+":2"))
	now := clock.NewFake(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c := s.client(t, now)
	for _, step := range []struct {
		after time.Duration
		asked int32
	}{{0, 1}, {59 * time.Minute, 1}, {time.Minute, 2}, {time.Second, 2}} {
		now.Advance(step.after)
		if got, err := c.Breaches(t.Context(), breached); err != nil || got != 2 {
			t.Fatalf("got %d, %v", got, err)
		}
		if s.asked.Load() != step.asked {
			t.Errorf("asked %d times, want %d", s.asked.Load(), step.asked)
		}
	}
}

func TestBreachesDoesNotRememberFailures(t *testing.T) {
	s := newService(t, status(404))
	c := s.client(t, clock.System{})
	for range 2 {
		_, _ = c.Breaches(t.Context(), breached)
	}
	if s.asked.Load() != 2 {
		t.Errorf("asked %d times, want 2", s.asked.Load())
	}
}

func TestRangeCacheDropsWhatWasUsedLongestAgo(t *testing.T) {
	c := newRangeCache(2, clock.NewFake(time.Unix(0, 0)))
	c.put("A", nil)
	c.put("B", nil)
	c.get("A")
	c.put("C", nil)
	c.put("C", nil)
	for key, want := range map[string]bool{"A": true, "B": false, "C": true} {
		if _, ok := c.get(key); ok != want {
			t.Errorf("%s is kept = %v, want %v", key, ok, want)
		}
	}
	if c.order.Len() != 2 || len(c.byKey) != 2 {
		t.Errorf("the cache holds %d and %d entries, want 2", c.order.Len(), len(c.byKey))
	}
}
