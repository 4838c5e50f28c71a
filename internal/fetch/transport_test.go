package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/clock"
)

func TestRetries(t *testing.T) {
	tests := []struct {
		name     string
		script   []int // 0 hangs up
		method   string
		attempts int32
		status   int
	}{
		{"a success is enough", []int{200}, "GET", 1, 200},
		{"a server error is tried again", []int{500, 503, 200}, "GET", 3, 200},
		{"so is too many requests", []int{429, 204}, "GET", 2, 204},
		{"so is a lost connection", []int{0, 200}, "POST", 2, 200},
		{"so is a body", []int{502, 200}, "POST", 2, 200},
		{"a refusal is not", []int{403, 200}, "POST", 1, 403},
		{"the last answer counts", []int{500, 500, 503, 200}, "GET", 3, 503},
		{"the last failure counts", []int{0, 0, 0, 200}, "POST", 3, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var attempts atomic.Int32
			n := newNetwork(t, map[string][]string{"a": {public}}, func(w http.ResponseWriter, r *http.Request) {
				attempt := attempts.Add(1)
				status := tt.script[attempt-1]
				if body, _ := io.ReadAll(r.Body); r.Method == "POST" && string(body) != "payload" {
					t.Errorf("attempt %d carries %q", attempt, body)
				}
				if status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(status)
			})
			req, _ := http.NewRequestWithContext(t.Context(), tt.method, "http://a/", strings.NewReader("payload"))
			resp, err := n.client(t, Options{Retries: 2}).Do(req)
			if status := statusOf(resp); status != tt.status || (err == nil) != (tt.status != 0) || attempts.Load() != tt.attempts {
				t.Errorf("status %d, %v after %d attempts, want %d after %d", status, err, attempts.Load(), tt.status, tt.attempts)
			}
		})
	}
}

func statusOf(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

func TestABodyThatCannotBeReadAgainIsSentOnce(t *testing.T) {
	attempts := 0
	n := newNetwork(t, map[string][]string{"a": {public}}, func(w http.ResponseWriter, _ *http.Request) {
		attempts++
		w.WriteHeader(500)
	})
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://a/", io.MultiReader(strings.NewReader("x")))
	if resp, err := n.client(t, Options{Retries: 2}).Do(req); err != nil || resp.StatusCode != 500 || attempts != 1 {
		t.Errorf("%v after %d attempts", err, attempts)
	}
}

func TestBackOff(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	o := Options{MinBackoff: time.Second, MaxBackoff: 30 * time.Second, Clock: clock.NewFake(now)}
	tests := []struct {
		name       string
		attempt    int
		jitter     float64
		retryAfter string
		want       time.Duration
	}{
		{"starts at half of the least", 0, 0, "", 500 * time.Millisecond},
		{"spreads up to the least", 0, 1, "", time.Second},
		{"doubles", 2, 1, "", 4 * time.Second},
		{"ends at the most", 20, 1, "", 30 * time.Second},
		{"honours seconds", 0, 1, "7", 7 * time.Second},
		{"honours a date", 0, 1, now.Add(9 * time.Second).Format(http.TimeFormat), 9 * time.Second},
		{"not when they ask for less", 2, 1, "1", 4 * time.Second},
		{"not beyond the most", 0, 1, "3600", 30 * time.Second},
		{"not when it is nonsense", 0, 1, "soon", time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o.Jitter = func() float64 { return tt.jitter }
			tr := &transport{options: o.withDefaults()}
			resp := &http.Response{Header: http.Header{"Retry-After": {tt.retryAfter}}}
			if got := tr.delay(tt.attempt, resp); got != tt.want {
				t.Errorf("waits %v, want %v", got, tt.want)
			}
		})
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWaitingForARetryEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		lost := errors.New("connection lost")
		tr := &transport{options: Options{Retries: 5, Jitter: func() float64 { return 1 }}.withDefaults()}
		tr.guarded = roundTripFunc(func(*http.Request) (*http.Response, error) { attempts++; return nil, lost })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://a/", nil)
		if _, err := tr.RoundTrip(req); !errors.Is(err, lost) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); attempts != 2 || d != 2*time.Second {
			t.Errorf("%d attempts in %v, want 2 in 2s", attempts, d)
		}
	})
}

func TestEveryAttemptHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		tr := &transport{options: Options{Retries: 2, Timeout: time.Second, MinBackoff: 100 * time.Millisecond, Jitter: func() float64 { return 1 }}.withDefaults()}
		tr.guarded = roundTripFunc(func(r *http.Request) (*http.Response, error) {
			attempts++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://a/", nil)
		if _, err := tr.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); attempts != 3 || d != 3300*time.Millisecond {
			t.Errorf("%d attempts in %v, want 3 in 3.3s", attempts, d)
		}
	})
}

func TestBodiesAreBounded(t *testing.T) {
	for size, want := range map[int]error{100: nil, 101: ErrBodyTooLarge} {
		n := newNetwork(t, map[string][]string{"a": {public}}, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Repeat("x", size))
		})
		resp, err := get(t, n.client(t, Options{MaxBody: 100}), "http://a/")
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err == nil {
			if body, _ := io.ReadAll(resp.Body); len(body) != size {
				t.Errorf("%d bytes of %d were read", len(body), size)
			}
		}
	}
}
