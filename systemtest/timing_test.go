package systemtest

import (
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The measurement takes many minutes and a quiet machine, so it has to be asked for:
//
//	go test ./systemtest -run TestTimeTellsNothing -timing 2000 -v -timeout 60m
var timingAnswers = flag.Int("timing", 0, "answers for known and as many for unknown accounts, per journey; 0 leaves the measurement out")

const (
	timingPeople  = 64 // accounts that are known
	timingWorkers = 16 // clients at the same time
	// Outside of these time says something. With 2,000 answers of either kind chance
	// alone gives 0.5 with a standard deviation of 0.009.
	leastAUC, mostAUC = 0.45, 0.55
)

// timed is a journey whose answers are timed: the last submission is.
type timed struct {
	name, kind, config string
	cost               int // of bcrypt; 0 for the least
	share              int // only every share-th of the answers, where one takes long
	steps              func(address string) []map[string]any
}

// timingSchema is a person who can do with one address whatever an address is for.
const timingSchema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {
    "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}},
    "verification": {"via": "email"}, "recovery": {"via": "email"}}}}, "required": ["email"]}}}`

const timingConfig = `
identity: {schemas: [{id: default, url: "base64://%[3]s"}]}
cardea: {throttle: {enabled: false}, courier: {budgets: {enabled: false}}, security: {strict_enumeration: true}, development: {mailbox: true}}
selfservice:
  methods: {link: {enabled: true}, code: {enabled: true, passwordless_enabled: true}}
  flows:
    login: {style: %[2]s}
    recovery: {enabled: true, use: %[1]s}
    verification: {enabled: true, use: %[1]s}
`

func timedJourneys() []timed {
	config := func(sends, style string) string {
		return fmt.Sprintf(timingConfig, sends, style, base64.StdEncoding.EncodeToString([]byte(timingSchema)))
	}
	// The contract's defaults write and send a message to known addresses only.
	lax := strings.Replace(config("code", "unified"), "strict_enumeration: true", "strict_enumeration: false", 1)
	codes, first, links := config("code", "unified"), config("code", "identifier_first"), config("link", "unified")
	one := func(fields func(string) map[string]any) func(string) []map[string]any {
		return func(a string) []map[string]any { return []map[string]any{fields(a)} }
	}
	signIn := one(func(a string) map[string]any {
		return map[string]any{"method": "password", "identifier": a, "password": "another-Wombat-88"}
	})
	asks := func(method string) func(string) []map[string]any {
		return one(func(a string) map[string]any { return map[string]any{"method": method, "email": a} })
	}
	signUp := func(method string) func(string) []map[string]any {
		return one(func(a string) map[string]any {
			return map[string]any{"method": method, "password": "another-Wombat-88", "traits": map[string]any{"email": a}}
		})
	}
	code := func(a string) map[string]any { return map[string]any{"method": "code", "identifier": a} }
	return []timed{
		{name: "login by password", kind: "login", config: codes, steps: signIn},
		{name: "login by password beyond the floor", kind: "login", config: codes, cost: 12, share: 20, steps: signIn},
		{name: "login by code", kind: "login", config: codes, steps: one(code)},
		{name: "login by a wrong code", kind: "login", config: codes, steps: func(a string) []map[string]any {
			return []map[string]any{code(a), {"method": "code", "identifier": a, "code": "000000"}}
		}},
		{name: "login identifier first", kind: "login", config: first, steps: one(func(a string) map[string]any {
			return map[string]any{"method": "identifier_first", "identifier": a}
		})},
		{name: "recovery by code", kind: "recovery", config: codes, steps: asks("code")},
		{name: "recovery by link", kind: "recovery", config: links, steps: asks("link")},
		{name: "verification by code", kind: "verification", config: codes, steps: asks("code")},
		{name: "verification by link", kind: "verification", config: links, steps: asks("link")},
		{name: "recovery by code as recorded", kind: "recovery", config: lax, steps: asks("code")},
		{name: "verification by code as recorded", kind: "verification", config: lax, steps: asks("code")},
		{name: "registration by password", kind: "registration", config: codes, steps: signUp("password")},
		{name: "registration by code", kind: "registration", config: codes, steps: signUp("code")},
	}
}

// TestTimeTellsNothing measures how well time alone tells known accounts from
// unknown ones, as the area under the ROC curve of the best threshold there is.
func TestTimeTellsNothing(t *testing.T) {
	if *timingAnswers == 0 {
		t.Skip("measures for many minutes: ask for it with -timing 2000")
	}
	for _, j := range timedJourneys() {
		t.Run(j.name, func(t *testing.T) {
			s := start(t, options{Config: j.config, BcryptCost: j.cost})
			for n := range j.people() {
				createTimed(t, s, knownTimed(n))
			}
			known, unknown := measureTimed(t, s, j, *timingAnswers/max(1, j.share))
			auc := areaUnderCurve(known, unknown)
			t.Logf("AUC %.3f of %d + %d answers; median known %s, unknown %s", auc, len(known), len(unknown), median(known), median(unknown))
			if auc < leastAUC || auc > mostAUC {
				t.Errorf("the time tells whether there is an account: AUC %.3f", auc)
			}
		})
	}
}

// people is how many accounts there are; expensive hashes take long to make.
func (j timed) people() int {
	if j.cost > 0 {
		return 4
	}
	return timingPeople
}

func knownTimed(n int) string { return fmt.Sprintf("person-%06d@cardea.test", n) }

func createTimed(t *testing.T, s *server, address string) {
	t.Helper()
	a, err := s.native().json("POST", s.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": address},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
	})
	if err != nil || a.Status != http.StatusCreated {
		t.Fatalf("create %s: %v %v", address, a, err)
	}
}

// measureTimed asks for known and unknown accounts in an order that chance decides,
// so that whatever else the machine does hits both alike.
func measureTimed(t *testing.T, s *server, j timed, each int) (known, unknown []time.Duration) {
	t.Helper()
	order := make([]bool, 2*each)
	for n := range each {
		order[n] = true
	}
	rand.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	workers := timingWorkers
	if j.cost > 0 {
		workers = 1 // hashes that wait for each other say nothing about their own time
	}
	var mu sync.Mutex
	var next int
	var failure error
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			c := s.native()
			for {
				mu.Lock()
				n := next
				next++
				stop := n >= len(order) || failure != nil
				mu.Unlock()
				if stop {
					return
				}
				address := fmt.Sprintf("nobody-%06d@cardea.test", n)
				if order[n] {
					address = knownTimed(rand.IntN(j.people()))
				}
				took, err := c.timed(j, address)
				mu.Lock()
				switch {
				case err != nil:
					failure = err
				case order[n]:
					known = append(known, took)
				default:
					unknown = append(unknown, took)
				}
				mu.Unlock()
			}
		})
	}
	done.Wait()
	if failure != nil {
		t.Fatal(failure)
	}
	return known, unknown
}

// timed carries a journey on and times its last submission.
func (c *client) timed(j timed, address string) (took time.Duration, err error) {
	started, err := c.send(request{Method: "GET", Path: "/self-service/" + j.kind + "/api"})
	if err != nil {
		return 0, err
	}
	path := "/self-service/" + j.kind + "?flow=" + started.text("id")
	for _, fields := range j.steps(address) {
		begun := time.Now()
		a, err := c.json("POST", path, fields)
		if err != nil {
			return 0, err
		}
		took = time.Since(begun)
		if a.Status >= http.StatusInternalServerError || a.Status == http.StatusTooManyRequests || strings.HasPrefix(string(a.Body), `{"error"`) {
			return 0, fmt.Errorf("%s: %d %s", j.name, a.Status, a.Body)
		}
	}
	return took, nil
}

// areaUnderCurve is the chance that an answer for a known account took longer than
// one for an unknown account, ties counted half (Mann and Whitney's U over n·m).
func areaUnderCurve(known, unknown []time.Duration) float64 {
	sorted := slices.Clone(unknown)
	slices.Sort(sorted)
	var sum float64
	for _, k := range known {
		below, _ := slices.BinarySearch(sorted, k)
		upTo, _ := slices.BinarySearch(sorted, k+1)
		sum += float64(below) + float64(upTo-below)/2
	}
	return sum / float64(len(known)*len(unknown))
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[len(sorted)/2].Round(10 * time.Microsecond)
}

func TestAreaUnderCurve(t *testing.T) {
	for _, c := range []struct {
		known, unknown []time.Duration
		want           float64
	}{
		{[]time.Duration{3, 4}, []time.Duration{1, 2}, 1},
		{[]time.Duration{1, 2}, []time.Duration{3, 4}, 0},
		{[]time.Duration{2, 1}, []time.Duration{1, 2}, 0.5},
		{[]time.Duration{2, 3}, []time.Duration{3, 2, 1, 2}, 0.6875},
	} {
		if got := areaUnderCurve(c.known, c.unknown); got != c.want {
			t.Errorf("%v, %v: %v, want %v", c.known, c.unknown, got, c.want)
		}
	}
}
