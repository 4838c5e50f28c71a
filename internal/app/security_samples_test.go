package app

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/clock"
)

// samples is how many answers are looked at. 10000 take a few minutes:
//
//	go test ./internal/app -run TestTenThousandAnswersTellNothing -samples 10000 -v
var samples = flag.Int("samples", 300, "how many answers are compared for what they tell of accounts")

// sorts are the accounts that somebody could want to know of, by the first letter of
// their addresses. The last one is nobody's.
var sorts = map[string]map[string]any{
	"k": {"verified": true, "password": true},                      // known
	"l": {"verified": true, "password": true, "state": "inactive"}, // switched off
	"u": {"password": true},                                        // with an address that nobody has proved
	"s": {"verified": true, "provider": true},                      // signed up over a provider
	"c": {"verified": true},                                        // with codes alone
	"n": nil,
}

// TestTenThousandAnswersTellNothing asks about thousands of accounts of every sort, in an
// order that chance decides, each once per journey: all answers of a journey are the same
// byte by byte, with ids and addresses blanked, and took the same number of statements,
// transactions and hashes. What took no other work takes no other time.
func TestTenThousandAnswersTellNothing(t *testing.T) {
	journeys := []struct {
		name, kind, config string
		steps              func(string) []map[string]any
	}{
		{"login", "login", tellConfig(byCode, "", ""), one(signsIn)},
		{"code", "login", tellConfig(byCode, "", "cardea: {security: {strict_enumeration: true}}"), asksForCode},
		{"registration", "registration", tellConfig(byCode, "", "cardea: {security: {strict_enumeration: true}}"), one(signsUp)},
		{"recovery", "recovery", tellConfig(byCode, "", "cardea: {security: {strict_enumeration: true}}"), asks("code", "email")},
		{"verification", "verification", tellConfig(byCode, "", "cardea: {security: {strict_enumeration: true}}"), asks("code", "email")},
	}
	each := *samples / len(journeys) / len(sorts)
	for _, j := range journeys {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			a, _ := start(t, nil, Options{Migrate: true, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC))}, j.config)
			h := &tellHouse{t: t, app: a}
			addresses := h.populate(each)
			r := rand.New(rand.NewPCG(1, 2))
			r.Shuffle(len(addresses), func(a, b int) { addresses[a], addresses[b] = addresses[b], addresses[a] })
			var first []telltale
			took := map[bool][]time.Duration{}
			for n, address := range addresses {
				h.from = fmt.Sprintf("198.51.%d.%d:4000", n/250, n%250+1) // floods are about other things
				began := time.Now()
				told := h.journey(j.kind, "spa", address, j.steps(address))
				took[address[0] == 'n'] = append(took[address[0] == 'n'], time.Since(began))
				if n == 0 {
					first = told
				} else if !reflect.DeepEqual(first, told) {
					t.Fatalf("%s can be told from %s (-, +):\n%s", addresses[0], address, cmp.Diff(first, told))
				}
			}
			if first[0].Statements == 0 {
				t.Error("no statement was counted")
			}
			t.Logf("%d accounts, one answer; by time alone, without the floor, strangers are told from others with an AUC of %.3f", len(addresses), auc(took[true], took[false]))
		})
	}
}

// populate makes accounts of every sort and gives all addresses.
func (h *tellHouse) populate(each int) (addresses []string) {
	h.t.Helper()
	for letter, is := range sorts {
		for n := range each {
			address := fmt.Sprintf("%s%04d@cardea.test", letter, n)
			addresses = append(addresses, address)
			if is == nil {
				continue
			}
			credentials, body := map[string]any{}, map[string]any{"schema_id": "default", "traits": map[string]any{"email": address}}
			if is["password"] != nil {
				credentials["password"] = map[string]any{"config": map[string]any{"hashed_password": "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAA"}}
			}
			if is["provider"] != nil {
				credentials["oidc"] = map[string]any{"config": map[string]any{"providers": []any{map[string]any{"provider": "acme", "subject": address}}}}
			}
			if is["verified"] != nil {
				body["verifiable_addresses"] = []any{map[string]any{"value": address, "via": "email", "verified": true, "status": "completed"}}
			}
			if is["state"] != nil {
				body["state"] = is["state"]
			}
			body["credentials"] = credentials
			if w, _ := h.do(h.app.Admin, "POST", "/admin/identities", body, "spa", nil); w.Code != 201 {
				h.t.Fatalf("create %s: %d %s", address, w.Code, w.Body)
			}
		}
	}
	sort.Strings(addresses)
	return addresses
}

// auc is how well a duration alone tells two sorts apart: 0.5 for not at all.
func auc(one, other []time.Duration) float64 {
	wins := 0.0
	for _, a := range one {
		for _, b := range other {
			switch {
			case a > b:
				wins++
			case a == b:
				wins += 0.5
			}
		}
	}
	return wins / float64(len(one)*len(other))
}
