package systemtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	stormPeople  = 200 // three events for each sign-up, two for each sign-in
	stormEvents  = 5 * stormPeople
	stormCrashes = 3
	stormWorkers = 4
	stormUptime  = 700 * time.Millisecond // at most, before a crash
	stormWithin  = 4 * time.Minute
	stormSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// storm is a receiver that refuses every other event it gets, by chance: half of the
// refusals come before it has taken the event, half after it.
type storm struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	requests int
	refused  int
	bodies   map[string]string   // by webhook-id
	arrived  map[string][]string // types by identity, in the order in which they were taken first
	taken    map[string]int      // by webhook-id
	last     time.Time
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	x := &storm{t: t, bodies: map[string]string{}, arrived: map[string][]string{}, taken: map[string]int{}}
	x.Server = httptest.NewServer(x)
	t.Cleanup(x.Close)
	return x
}

func (x *storm) config() string {
	return fmt.Sprintf("cardea: {events: {subscriptions: [{id: storm, url: %q, secrets: [%q]}], delivery: {tries: 100, min_wait: 20ms, max_wait: 500ms}}}\n", x.URL, stormSecret)
}

// ServeHTTP takes an event, or does not, or does and says that it did not.
func (x *storm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	id, chance := r.Header.Get("webhook-id"), rand.IntN(4)
	x.requests++
	x.genuine(r.Header, id, body)
	if known, again := x.bodies[id]; again && known != string(body) {
		x.t.Errorf("%s says one thing, then another: %s, %s", id, known, body)
	}
	x.bodies[id] = string(body)
	if chance > 0 {
		x.take(id, body)
	}
	if chance < 2 {
		x.refused++
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (x *storm) genuine(h http.Header, id string, body []byte) {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(stormSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, h.Get("webhook-timestamp"), body)
	if h.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		x.t.Errorf("%s is not signed as it should be", id)
	}
}

func (x *storm) take(id string, body []byte) {
	if x.taken[id]++; x.taken[id] > 1 {
		return
	}
	var e struct {
		ID, Type string
		Data     struct {
			IdentityID string `json:"identity_id"`
		}
	}
	if err := json.Unmarshal(body, &e); err != nil || e.ID != id {
		x.t.Errorf("%s arrived as %s", body, id)
	}
	x.arrived[e.Data.IdentityID] = append(x.arrived[e.Data.IdentityID], e.Type)
	x.last = time.Now()
}

// complete says whether all of somebody's events are here.
func (x *storm) complete(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.arrived[id]) >= stormEvents/stormPeople
}

// join signs somebody up and in. An error is that of a server that was killed.
func (s *server) join(email string) (person, error) {
	c := s.native()
	defer c.http.CloseIdleConnections()
	if _, err := c.signUp(email); err != nil {
		return person{}, err
	}
	return c.signIn(email)
}

func TestEveryEventArrivesInOrderAlthoughTheReceiverFailsAndTheServerIsKilled(t *testing.T) {
	long(t)
	x := newStorm(t)
	s := install(t, options{Config: x.config()})
	var mu sync.Mutex
	var people []person
	cut := 0 // journeys that a crash has cut off
	for round := range stormCrashes + 1 {
		s.start(t)
		goal := stormPeople * (round + 1) / (stormCrashes + 1)
		var load sync.WaitGroup
		for worker := range stormWorkers {
			load.Go(func() {
				for n := 0; ; n++ {
					p, err := s.join(fmt.Sprintf("storm-%d-%d-%d@cardea.test", round, worker, n))
					mu.Lock()
					if err == nil {
						people = append(people, p)
					} else {
						cut++
					}
					enough := len(people) >= goal
					mu.Unlock()
					if err != nil && statusOf(err) != 0 {
						t.Errorf("join: %v", err)
					}
					if err != nil || enough {
						return
					}
				}
			})
		}
		if round == stormCrashes {
			load.Wait()
			break
		}
		timer := time.NewTimer(stormUptime/4 + time.Duration(rand.Int64N(int64(stormUptime))))
		<-timer.C
		s.kill(t)
		load.Wait()
	}
	begun := time.Now()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for _, p := range people {
		for !x.complete(p.ID) {
			if <-poll.C; time.Since(begun) > stormWithin {
				t.Fatalf("%s: of %d people the events of %s are not all here", stormWithin, len(people), p.ID)
			}
		}
	}
	s.noErrandsLeft(t, begun)
	s.stop(t)

	x.mu.Lock() // connections of servers that were killed may still be read from
	defer x.mu.Unlock()
	want := []string{"identity.created", "session.created", "registration.succeeded", "session.created", "login.succeeded"}
	for _, p := range people {
		if got := x.arrived[p.ID]; !slices.Equal(got, want) {
			t.Errorf("%s: %v arrived, want %v", p.ID, got, want)
		}
	}
	twice := 0
	for _, n := range x.taken {
		twice += min(n-1, 1)
	}
	t.Logf("%d events of %d people acknowledged, %d journeys cut off by %d crashes; %d requests, %d refused, %d events taken more than once; the last one %s after the last start's load",
		len(people)*len(want), len(people), cut, stormCrashes, x.requests, x.refused, twice, x.last.Sub(begun).Round(time.Millisecond))
	checkDatabase(t, s.database())
}

// noErrandsLeft waits until no delivery waits any more; none may have been given up.
func (s *server) noErrandsLeft(t *testing.T, begun time.Time) {
	t.Helper()
	db := openDatabase(t, s.database())
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		var left, dead int
		if err := db.QueryRow("SELECT COUNT(*), COUNT(died_at) FROM errands").Scan(&left, &dead); err != nil {
			t.Fatal(err)
		}
		if dead > 0 {
			t.Fatalf("%d deliveries were given up", dead)
		}
		if left == 0 {
			return
		}
		if <-poll.C; time.Since(begun) > stormWithin {
			t.Fatalf("%d deliveries wait", left)
		}
	}
}
