package systemtest

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The whole flood takes minutes, so it has to be asked for:
//
//	go test ./systemtest -run TestAFloodOfGuesses -flood -v -timeout 30m
var wholeFlood = flag.Bool("flood", false, "send at least 20,000 wrong passwords from 500 addresses to 200 accounts, in place of a tenth of that")

const (
	floodBudget  = 20 // guesses at an account that are looked at: cardea.throttle.account.stop
	floodWorkers = 32
)

// from is a client at another address of the loopback network.
func (s *server) from(n int) *client {
	c := s.native()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+n/250), byte(n%250), 7)}}
	c.http.Transport = &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2}
	return c
}

func TestAFloodOfGuessesStaysWithinTheBudgetOfEveryAccount(t *testing.T) {
	long(t)
	guesses, addresses, accounts, samples := 2000, 50, 20, 100
	if *wholeFlood {
		guesses, addresses, accounts, samples = 20_000, 500, 200, 2000
	}
	s := start(t, options{BcryptCost: 4})
	victim := func(n int) string { return fmt.Sprintf("victim-%d@cardea.test", n%accounts) }
	for n := range accounts {
		if _, err := s.native().signUp(victim(n)); err != nil {
			t.Fatal(err)
		}
	}
	other := s.from(addresses + 1)
	ann, err := other.signUp("ann@cardea.test")
	if err != nil {
		t.Fatal(err)
	}
	calm := beside(t, other, ann, samples, nil)
	before := s.resident(t)
	clients := make([]*client, addresses)
	for n := range clients {
		clients[n] = s.from(n)
	}
	looked, refused := make([]atomic.Int64, accounts), atomic.Int64{}
	var next, sampled atomic.Int64
	var workers sync.WaitGroup
	over := make(chan struct{})
	for range floodWorkers {
		workers.Go(func() {
			for n := int(next.Add(1)) - 1; n < guesses || sampled.Load() < int64(samples); n = int(next.Add(1)) - 1 {
				_, err := clients[n%addresses].journey("login", "", map[string]any{
					"method": "password", "password": "another-Wombat-88", "identifier": victim(n/addresses*7 + n),
				})
				switch status := statusOf(err); {
				case status == http.StatusBadRequest && asksForProof(err):
					refused.Add(1)
				case status == http.StatusBadRequest:
					looked[(n/addresses*7+n)%accounts].Add(1)
				case status == http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Errorf("a guess: %v", err)
				}
			}
		})
	}
	go func() { workers.Wait(); close(over) }()
	flooded := beside(t, other, ann, 0, over, &sampled)
	<-over
	guesses = int(next.Load()) - floodWorkers // of the last ones nothing was sent
	most, wrong := int64(0), int64(0)
	for n := range looked {
		wrong += looked[n].Load()
		if got := looked[n].Load(); got > floodBudget {
			t.Errorf("%s: %d guesses were looked at, want at most %d", victim(n), got, floodBudget)
		} else {
			most = max(most, got)
		}
	}
	if refused.Load() < int64(guesses-accounts*floodBudget) {
		t.Errorf("%d of %d guesses were refused", refused.Load(), guesses)
	}
	// The server's own word: its counters in the database, and its metric.
	var kept int64
	if err := s.look(t).QueryRow("SELECT MAX(taken) FROM guesses WHERE refill = 0").Scan(&kept); err != nil || kept > floodBudget {
		t.Errorf("the highest counter stands at %d, want at most %d: %v", kept, floodBudget, err)
	}
	if counted := s.counted(t, `cardea_guesses_total{outcome="wrong",scope="account"}`); counted != wrong {
		t.Errorf("the server looked at %d wrong guesses, and told of %d", counted, wrong)
	}
	t.Logf("%d guesses from %d addresses at %d accounts: at most %d looked at of one, %d refused", guesses, addresses, accounts, most, refused.Load())
	t.Logf("somebody else, calm:  %+v", calm)
	t.Logf("somebody else, flood: %+v", flooded)
	t.Logf("resident memory: %d MB before, %d MB after", before>>20, s.resident(t)>>20)
}

// asksForProof says whether a submission was not looked at for want of a proof that
// nobody here is a robot.
func asksForProof(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && strings.Contains(string(r.Answer.Body), `"id":4009021`)
}

// waits is how long somebody else waited.
type waits struct {
	Samples               int
	WhoAmI, Login         time.Duration // 99th percentiles
	WhoAmIHalf, LoginHalf time.Duration // medians
}

// beside asks who somebody is and signs them in, so often or until something is over.
func beside(t *testing.T, c *client, p person, times int, over <-chan struct{}, counts ...*atomic.Int64) waits {
	t.Helper()
	var whoami, login []time.Duration
	ended := func(n int) bool {
		select {
		case <-over:
			return true
		default:
			return over == nil && n >= times
		}
	}
	for n := 0; !ended(n); n++ {
		begun := time.Now()
		if a, err := c.whoami(p.Token); err != nil || a.Status != http.StatusOK {
			t.Fatalf("whoami: %v %+v", err, a)
		}
		whoami = append(whoami, time.Since(begun))
		begun = time.Now()
		if _, err := c.signIn(p.Email); err != nil {
			t.Fatalf("sign in: %v", err)
		}
		login = append(login, time.Since(begun))
		for _, count := range counts {
			count.Add(1)
		}
	}
	return waits{len(login), percentile(whoami, 99), percentile(login, 99), percentile(whoami, 50), percentile(login, 50)}
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
