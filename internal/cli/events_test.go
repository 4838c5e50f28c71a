package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"cardea/cardeatest"
	"cardea/internal/cli"
)

// world is a server with two systems that are told of new people: "crm" answers 410
// until it is back, "slow" always fails and is asked again in an hour.
type world struct {
	t      *testing.T
	server *cardeatest.Server

	mu      sync.Mutex
	back    bool
	refused map[string]bool // ids, by webhook-id
	arrived map[string]bool
}

// newWorld builds one. config has CRM and SLOW for the addresses.
func newWorld(t *testing.T, config string) *world {
	w := &world{t: t, refused: map[string]bool{}, arrived: map[string]bool{}}
	crm := httptest.NewServer(w)
	slow := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(crm.Close)
	t.Cleanup(slow.Close)
	w.server = cardeatest.New(t, cardeatest.Options{Background: true, Config: strings.NewReplacer("CRM", crm.URL, "SLOW", slow.URL).Replace(config)})
	return w
}

// ServeHTTP is the system that comes back.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := r.Header.Get("webhook-id")
	if !w.back {
		w.refused[id] = true
		rw.WriteHeader(http.StatusGone)
		return
	}
	if !w.refused[id] {
		w.t.Errorf("%s is replayed under an id that it did not have", id)
	}
	w.arrived[id] = true
}

// count is how many deliveries are waiting or dead, or have arrived.
func (w *world) count(what string) int {
	if what == "arrived" {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.arrived)
	}
	a := w.server.Client(cardeatest.Native).Get(w.server.AdminURL + "/admin/events/deliveries?status=" + what)
	var all []struct {
		Attempts int    `json:"attempts"`
		Error    string `json:"error"`
	}
	if err := json.Unmarshal(a.Body, &all); err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, d := range all {
		if d.Error != "" { // it was tried
			n++
		}
	}
	return n
}

// await waits until there are so many of something.
func (w *world) await(what string, n int) {
	w.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for begun := time.Now(); w.count(what) != n; <-poll.C {
		if time.Since(begun) > time.Minute {
			w.t.Fatalf("%d are %s, want %d", w.count(what), what, n)
		}
	}
}

// TestEventStories runs the scripts below testdata/events. `person EMAIL` makes
// somebody, `await waiting|dead|arrived N` waits for deliveries, and with `back` the
// system that was gone takes them.
func TestEventStories(t *testing.T) {
	var w *world
	testscript.Run(t, testscript.Params{
		Dir: "testdata/events", RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": func(ts *testscript.TestScript, _ bool, _ []string) {
				w = newWorld(t, "cardea: {events: {delivery: {min_wait: 1h}, subscriptions: [{id: crm, url: CRM, types: [identity.created]}, {id: slow, url: SLOW, types: [identity.created]}]}}")
				ts.Setenv("CARDEA_ADMIN_URL", w.server.AdminURL)
			},
			"person": func(_ *testscript.TestScript, _ bool, args []string) {
				w.server.CreateIdentity(args[0], cardeatest.Password)
			},
			"await": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[1])
				ts.Check(err)
				w.await(args[0], n)
			},
			"back": func(*testscript.TestScript, bool, []string) { w.mu.Lock(); defer w.mu.Unlock(); w.back = true },
		},
	})
}

// TestTheExamplesOfTheEventGuideWork starts a server with the configuration of
// docs/guide/events.md and runs its command lines.
func TestTheExamplesOfTheEventGuideWork(t *testing.T) {
	raw, err := os.ReadFile("../../docs/guide/events.md")
	if err != nil {
		t.Fatal(err)
	}
	const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	config := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(string(raw))[1]
	commands := regexp.MustCompile(`(?m)^cardea (events .*)$`).FindAllStringSubmatch(string(raw), -1)
	if !strings.Contains(config, "https://crm.example.com/cardea") || len(commands) < 4 {
		t.Fatalf("the guide has changed: %s\n%v", config, commands)
	}
	w := newWorld(t, strings.NewReplacer("https://crm.example.com/cardea", "CRM", "[whsec_…]", "["+key+"]").Replace(config))
	w.server.CreateIdentity("ann@cardea.test", cardeatest.Password)
	w.await("dead", 1)
	var all []struct{ ID string }
	if err := json.Unmarshal(w.server.Client(cardeatest.Native).Get(w.server.AdminURL+"/admin/events/deliveries").Body, &all); err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, command := range commands {
		w.await("dead", 1) // it is refused again
		args := strings.Fields(strings.ReplaceAll(command[1], "0b6c…", all[0].ID))
		var out bytes.Buffer
		code := cli.Run(t.Context(), cli.Env{Args: args, Environ: []string{"CARDEA_ADMIN_URL=" + w.server.AdminURL}, In: strings.NewReader(""), Out: &out, Err: &out})
		if code != 0 {
			t.Errorf("cardea %s: %d\n%s", strings.Join(args, " "), code, out.String())
		}
	}
}
