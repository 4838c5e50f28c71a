package systemtest

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The whole flood takes minutes and looks at the clock, so it has to be asked for, on a
// machine that has nothing else to do:
//
//	go test ./systemtest -run TestAFloodOfGuesses -flood -v -timeout 30m
var wholeFlood = flag.Bool("flood", false, "send 20,000 wrong passwords from 500 addresses to 200 accounts, and look at what others feel of it")

const (
	floodBudget = 20                    // guesses at an account that are looked at: cardea.throttle.account.stop
	samplePace  = 40 * time.Millisecond // between two samples of somebody else
	floodFelt   = 2                     // times as long as in calm may others wait at the 99th percentile
	floodHolds  = 96 << 20              // bytes for connections, and caches that fill once
	floodDrift  = 16 << 20              // bytes between two floods of the same size
)

// from is a client at another address of the loopback network.
func (s *server) from(n int) *client {
	c := s.native()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+n/250), byte(n%250), 7)}}
	c.http.Transport = &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2}
	return c
}

// flood is wrong passwords for many accounts from many addresses, each of which sends
// the next one as soon as the last one was answered.
type flood struct {
	clients []*client
	victims []string

	sent, refused atomic.Int64
	looked        []atomic.Int64 // by victim
}

func (s *server) flood(t *testing.T, addresses, accounts int) *flood {
	t.Helper()
	f := &flood{looked: make([]atomic.Int64, accounts)}
	for n := range accounts {
		p, err := s.native().signUp(fmt.Sprintf("victim-%d@cardea.test", n))
		if err != nil {
			t.Fatal(err)
		}
		f.victims = append(f.victims, p.Email)
	}
	for n := range addresses {
		f.clients = append(f.clients, s.from(n))
	}
	return f
}

// send sends so many guesses and waits for the answers.
func (f *flood) send(t *testing.T, guesses int) {
	var next atomic.Int64
	var addresses sync.WaitGroup
	for _, c := range f.clients {
		addresses.Go(func() {
			for int(next.Add(1)) <= guesses {
				f.guess(t, c, int(f.sent.Add(1))%len(f.victims))
			}
		})
	}
	addresses.Wait()
}

func (f *flood) guess(t *testing.T, c *client, victim int) {
	_, err := c.journey("login", "", map[string]any{
		"method": "password", "password": "another-Wombat-88", "identifier": f.victims[victim],
	})
	switch status := statusOf(err); {
	case status == http.StatusTooManyRequests, status == http.StatusBadRequest && asksForProof(err):
		f.refused.Add(1)
	case status == http.StatusBadRequest:
		f.looked[victim].Add(1)
	default:
		t.Errorf("a guess: %v", err)
	}
}

// asksForProof says whether a submission was not looked at for want of a proof that
// nobody here is a robot.
func asksForProof(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && strings.Contains(string(r.Answer.Body), `"id":4009021`)
}

func TestAFloodOfGuessesStaysWithinTheBudgetOfEveryAccount(t *testing.T) {
	long(t)
	guesses, addresses, accounts, samples := 400, 40, 20, 20
	if *wholeFlood {
		guesses, addresses, accounts, samples = 20_000, 500, 200, 2000
	}
	s := start(t, options{BcryptCost: 4, Config: "cardea: {captcha: {when: risk}}"})
	f := s.flood(t, addresses, accounts)
	other := s.from(addresses + 1)
	ann, err := other.signUp("ann@cardea.test")
	if err != nil {
		t.Fatal(err)
	}
	enough := make(chan struct{})
	close(enough)
	calm := <-beside(other, ann, samples, enough)
	memory := []int64{s.resident(t)}
	over := make(chan struct{})
	sampled := beside(other, ann, 0, over)
	for range 2 {
		f.send(t, guesses/2)
		memory = append(memory, s.resident(t))
	}
	close(over)
	flooded := <-sampled
	if err := errors.Join(calm.Err, flooded.Err); err != nil {
		t.Fatal(err)
	}
	f.judge(t, s)
	t.Logf("%d guesses from %d addresses at %d accounts: %d refused, of which the server held %d",
		f.sent.Load(), addresses, accounts, f.refused.Load(), s.counted(t, `cardea_refusals_held_total{result="waited"}`))
	t.Logf("somebody else, calm:  %v", calm)
	t.Logf("somebody else, flood: %v", flooded)
	t.Logf("resident memory: %d MB in calm, %d MB after half of it, %d MB after all", memory[0]>>20, memory[1]>>20, memory[2]>>20)
	if *wholeFlood {
		isNotFelt(t, calm, flooded, samples)
		staysFlat(t, memory)
	}
}

// judge counts what was looked at, by what the guessers saw, by the server's counters
// and by its metric.
func (f *flood) judge(t *testing.T, s *server) {
	t.Helper()
	wrong := int64(0)
	for n := range f.looked {
		wrong += f.looked[n].Load()
		if got := f.looked[n].Load(); got > floodBudget {
			t.Errorf("%s: %d guesses were looked at, want at most %d", f.victims[n], got, floodBudget)
		}
	}
	if got := wrong + f.refused.Load(); got != f.sent.Load() {
		t.Errorf("%d of %d guesses were looked at or refused", got, f.sent.Load())
	}
	var kept int64
	if err := s.look(t).QueryRow("SELECT MAX(taken) FROM guesses WHERE refill = 0").Scan(&kept); err != nil || kept > floodBudget {
		t.Errorf("the highest counter stands at %d, want at most %d: %v", kept, floodBudget, err)
	}
	if counted := s.counted(t, `cardea_guesses_total{outcome="wrong",scope="account"}`); counted != wrong {
		t.Errorf("the server looked at %d wrong guesses, and told of %d", wrong, counted)
	}
}

func isNotFelt(t *testing.T, calm, flooded waits, samples int) {
	t.Helper()
	if flooded.Samples < samples {
		t.Errorf("%d samples in the flood, want at least %d", flooded.Samples, samples)
	}
	if flooded.WhoAmI > floodFelt*calm.WhoAmI {
		t.Errorf("whoami: %s in calm, %s in the flood", calm.WhoAmI, flooded.WhoAmI)
	}
	if flooded.Login > floodFelt*calm.Login {
		t.Errorf("login: %s in calm, %s in the flood", calm.Login, flooded.Login)
	}
}

// staysFlat takes the memory before, after half of the flood and after all of it.
func staysFlat(t *testing.T, resident []int64) {
	t.Helper()
	if grown := resident[1] - resident[0]; grown > floodHolds {
		t.Errorf("the flood holds %d MB, want at most %d", grown>>20, floodHolds>>20)
	}
	if grown := resident[2] - resident[1]; grown > floodDrift {
		t.Errorf("the second half of the flood holds %d MB more, want at most %d", grown>>20, floodDrift>>20)
	}
}

// waits is how long somebody else waited.
type waits struct {
	Samples               int
	WhoAmI, Login         time.Duration // 99th percentiles
	WhoAmIHalf, LoginHalf time.Duration // medians
	WhoAmIMost, LoginMost time.Duration // the longest
	Err                   error
}

// String names them.
func (w waits) String() string {
	return fmt.Sprintf("%d samples; whoami p50 %v p99 %v longest %v; login p50 %v p99 %v longest %v",
		w.Samples, w.WhoAmIHalf, w.WhoAmI, w.WhoAmIMost, w.LoginHalf, w.Login, w.LoginMost)
}

// beside asks at a steady pace who somebody is and signs them in, so often and until
// something is over.
func beside(c *client, p person, times int, over <-chan struct{}) <-chan waits {
	found := make(chan waits, 1)
	go func() {
		var whoami, login []time.Duration
		ended := func() bool {
			select {
			case <-over:
				return len(login) >= times
			default:
				return false
			}
		}
		for !ended() {
			time.Sleep(samplePace)
			begun := time.Now()
			if a, err := c.whoami(p.Token); err != nil || a.Status != http.StatusOK {
				found <- waits{Err: fmt.Errorf("whoami: %w %+v", err, a)}
				return
			}
			whoami = append(whoami, time.Since(begun))
			begun = time.Now()
			if _, err := c.signIn(p.Email); err != nil {
				found <- waits{Err: fmt.Errorf("sign in: %w", err)}
				return
			}
			login = append(login, time.Since(begun))
		}
		w := waits{Samples: len(login)}
		if w.Samples > 0 {
			w.WhoAmI, w.WhoAmIHalf, w.WhoAmIMost = percentile(whoami, 99), percentile(whoami, 50), slices.Max(whoami)
			w.Login, w.LoginHalf, w.LoginMost = percentile(login, 99), percentile(login, 50), slices.Max(login)
		}
		found <- w
	}()
	return found
}

// counted reads a counter of the server's metrics; 0 when it is not there.
func (s *server) counted(t *testing.T, name string) int64 {
	t.Helper()
	res, err := http.Get(s.AdminURL + "/metrics/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int64(n)
		}
	}
	return 0
}
