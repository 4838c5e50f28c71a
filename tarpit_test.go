package cardea_test

import (
	"strings"
	"testing"

	"cardea/cardeatest"
)

// A refusal that had to wait would be counted, so this depends on no clock.
func TestInCalmARefusedGuessIsAnsweredAtOnce(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := throttled(t, "")
		s.CreateIdentity(annsMail, cardeatest.Password)
		lockOut(s, annsMail)
		for range 10 {
			c := s.Client(k)
			if a := tries(c, annsMail, cardeatest.Password); !refused(t, c, a) {
				t.Fatalf("was looked at: %d %s", a.Status, a.Body)
			}
		}
		text := scrape(t, s)
		for _, none := range []string{`cardea_refusals_held_total{result="waited"} 0`, `cardea_refusals_held_total{result="skipped"} 0`, `cardea_refusals_waiting 0`} {
			if !strings.Contains(text, none) {
				t.Errorf("somebody had to wait: no %s", none)
			}
		}
	})
}
