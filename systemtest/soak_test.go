package systemtest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soaked is how long the soak lasts unless CARDEA_SOAK says otherwise ("20m").
const soaked = 10 * time.Second

// gauges are readings of the server's own metrics.
type gauges struct{ memory, goroutines, files float64 }

func (s *server) gauges(t *testing.T) gauges {
	t.Helper()
	res, err := http.Get(s.AdminURL + "/metrics/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) float64 {
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
		if m == nil {
			return 0 // the system does not tell
		}
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return gauges{read("process_resident_memory_bytes"), read("go_goroutines"), read("process_open_fds")}
}

// TestAMixedLoadLeavesNothingBehind signs people up, in and out for a while. What the
// server holds once it is warm is what it may hold at the end.
func TestAMixedLoadLeavesNothingBehind(t *testing.T) {
	long(t)
	length := soaked
	if text := os.Getenv("CARDEA_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, options{})
	var journeys, failures atomic.Int64
	// load works until a time with a few clients at once, and lets go of them.
	load := func(name string, until time.Time) {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				c := s.native()
				defer c.http.CloseIdleConnections()
				for n := 0; time.Now().Before(until); n++ {
					if err := comeAndGo(c, fmt.Sprintf("%s-%d-%d@cardea.test", name, worker, n)); err != nil {
						failures.Add(1)
						t.Logf("a journey failed: %v", err)
						return
					}
					journeys.Add(1)
				}
			})
		}
		all.Wait()
	}
	begun := time.Now()
	load("warm", begun.Add(length/4))
	warm := s.gauges(t)
	load("soak", begun.Add(length))
	end := s.gauges(t)
	t.Logf("%d journeys in %s; memory %.1f MiB, then %.1f; goroutines %.0f, then %.0f; files %.0f, then %.0f", journeys.Load(), length,
		warm.memory/(1<<20), end.memory/(1<<20), warm.goroutines, end.goroutines, warm.files, end.files)
	if failures.Load() > 0 || journeys.Load() == 0 {
		t.Errorf("%d journeys ended well and %d failed", journeys.Load(), failures.Load())
	}
	if end.memory > warm.memory*1.3+64<<20 {
		t.Error("memory grows")
	}
	if end.goroutines > warm.goroutines+50 {
		t.Error("goroutines stay behind")
	}
	if end.files > warm.files+50 {
		t.Error("files stay open")
	}
}

// comeAndGo signs somebody up, looks who that is, signs them in again and out.
func comeAndGo(c *client, email string) error {
	if _, err := c.signUp(email); err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	p, err := c.signIn(email)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	for range 10 {
		if a, err := c.whoami(p.Token); err != nil || a.Status != http.StatusOK {
			return fmt.Errorf("whoami: %v (%w)", a, err)
		}
	}
	a, err := c.json("DELETE", "/self-service/logout/api", map[string]string{"session_token": p.Token})
	if err == nil && a.Status != http.StatusNoContent {
		err = fmt.Errorf("sign out: status %d", a.Status)
	}
	return err
}
