package session_test

import (
	"testing"
	"time"

	"cardea/internal/session"
)

// FuzzCursor feeds what gateways send as the place where they have stopped reading.
func FuzzCursor(f *testing.F) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{"", session.NewCursor(now).String(), "AA", "AQ", "====", "AQAAAAAAAAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := session.ParseCursor(text, now)
		if err != nil {
			return
		}
		again, err := session.ParseCursor(c.String(), now)
		if err != nil || again.String() != c.String() {
			t.Errorf("%q is written as %q, which is read as %q (%v)", text, c, again, err)
		}
	})
}
