package app

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"cardea/internal/clock"
)

// The clock of these tests stands still, so that nobody really waits, and who would have
// to is counted.

// held is how many refusals had to wait so far.
func (h *tellHouse) held() int { return h.reads(`cardea_refusals_held_total{result="waited"}`) }

// reads is the value of a metric.
func (h *tellHouse) reads(name string) int {
	h.t.Helper()
	w, _ := h.do(h.app.Admin, "GET", "/admin/metrics/prometheus", nil, "api", nil)
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				h.t.Fatal(err)
			}
			return n
		}
	}
	h.t.Fatalf("nobody counts %s", name)
	return 0
}

// flooded is a house in which so much is refused that no more is refused at once.
func flooded(t *testing.T, config string) *tellHouse {
	t.Helper()
	h := newTellHouse(t, tellConfig(byCode, "", config))
	_, started := h.do(h.app.Public, "GET", "/self-service/login/api", nil, "api", nil)
	for range 120 {
		h.do(h.app.Public, "POST", fmt.Sprint("/self-service/login?flow=", started["id"]), signsIn("somebody@cardea.test"), "api", nil)
	}
	if h.held() == 0 {
		t.Fatal("nobody has to wait however much is refused")
	}
	return h
}

// again is the same submission several times on one flow.
func again(fields map[string]any, times int) (all []map[string]any) {
	for range times {
		all = append(all, fields)
	}
	return all
}

func TestEverySortOfRefusalWaitsWhenThereAreMany(t *testing.T) {
	const stopsSoon = "cardea: {throttle: {account: {free: 2, stop: 2}, codes: {free: 2, stop: 2}}, captcha: {when: never}}\n"
	code := map[string]any{"method": "code", "code": "000000"}
	for name, tt := range map[string]struct {
		config, kind string
		steps        func(address string) []map[string]any
		looked       int // of these, the first time
		free         int // of these, every time
	}{
		"a password beyond the last": {stopsSoon, "login", func(a string) []map[string]any { return again(signsIn(a), 4) }, 2, 0},
		"a code beyond the last": {stopsSoon, "recovery", func(a string) []map[string]any {
			return append([]map[string]any{{"method": "code", "email": a}}, again(code, 4)...)
		}, 2, 1},
		"a password without the proof that is due": {"cardea: {captcha: {when: risk}}\n", "login", func(a string) []map[string]any { return again(signsIn(a), 8) }, 5, 0},
		"anything without the proof that is due": {"cardea: {captcha: {flows: {registration: always}}}\n", "registration",
			func(a string) []map[string]any { return again(signsUp("other-"+a), 2) }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := flooded(t, tt.config)
			for n, client := range []string{"api", "spa", "browser"} {
				for _, address := range subjects[:2] { // whether there is an account or not
					before, steps := h.held(), tt.steps(address)
					h.journey(tt.kind, client, address, steps)
					want := len(steps) - tt.free
					if n == 0 {
						want -= tt.looked
					}
					if got := h.held() - before; got != want {
						t.Errorf("%s by %s: %d of %d submissions would have waited, want %d", address, client, got, len(steps), want)
					}
				}
			}
		})
	}
}

func TestAnAddressThatFloodsWaitsForItsRefusals(t *testing.T) {
	h := flooded(t, "cardea: {throttle: {network: {stop: 0}, pair: {stop: 0}}, captcha: {when: never}}\n")
	_, started := h.do(h.app.Public, "GET", "/self-service/login/api", nil, "api", nil)
	flow := fmt.Sprint("/self-service/login?flow=", started["id"])
	for n := range 300 {
		h.do(h.app.Public, "POST", flow, signsIn(fmt.Sprintf("nobody-%d@cardea.test", n)), "api", nil)
	}
	before := h.held()
	h.journey("login", "api", subjects[0], []map[string]any{signsIn(subjects[0])})
	if got := h.held() - before; got != 1 {
		t.Errorf("%d refusals would have waited, want 1", got)
	}
}

func TestWhatIsLookedAtNeverWaitsWithTheRefusals(t *testing.T) {
	h := flooded(t, "")
	before := h.held()
	right := signsIn(subjects[0])
	right["password"] = rightPassword
	for _, fields := range []map[string]any{signsIn(subjects[0]), right} {
		h.journey("login", "api", subjects[0], []map[string]any{fields})
	}
	if w, _ := h.do(h.app.Public, "GET", "/self-service/login/api", nil, "api", nil); w.Code != http.StatusOK {
		t.Errorf("a new flow: %d", w.Code)
	}
	if got := h.held() - before; got != 0 {
		t.Errorf("%d of those that were looked at would have waited", got)
	}
}

// longNights is a clock on which nobody who lies down for longer than a failed sign-in
// takes wakes up by themselves.
type longNights struct{ *clock.Fake }

// SleepUntil waits for the end of ctx.
func (c longNights) SleepUntil(ctx context.Context, t time.Time) {
	if t.Sub(c.Now()) > failureFloor {
		<-ctx.Done()
	}
}

func TestARefusalThatWaitsIsAnsweredWhenTheServerEnds(t *testing.T) {
	a, _ := start(t, nil, Options{Migrate: true, Clock: longNights{clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}}, tellConfig(byCode, "", ""), sockets(t))
	h := &tellHouse{t: t, app: a}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended, ready := make(chan error, 1), make(chan bool)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	<-ready
	_, started := h.do(a.Public, "GET", "/self-service/login/api", nil, "api", nil)
	answered := make(chan int)
	go func() {
		defer close(answered)
		for range 120 { // one of them is the first to wait for long
			w, _ := h.do(a.Public, "POST", fmt.Sprint("/self-service/login?flow=", started["id"]), signsIn(subjects[1]), "api", nil)
			answered <- w.Code
		}
	}()
	for waits := false; !waits; {
		select {
		case <-answered:
		default:
			waits = h.reads("cardea_refusals_waiting") > 0
		}
	}
	stop()
	last := 0
	for last = range answered {
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the last one is answered %d", last)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}
