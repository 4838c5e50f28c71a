package password

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type breaches struct {
	n     int
	err   error
	asked int
}

func (b *breaches) Breaches(context.Context, string) (int, error) {
	b.asked++
	return b.n, b.err
}

func TestPolicyChecksLengthThenSimilarityThenBreaches(t *testing.T) {
	broken := errors.New("not readable")
	tests := []struct {
		name        string
		policy      Policy
		breach      *breaches
		password    string
		identifiers []string
		want        *Violation
		wantErr     error
		asked       int
	}{
		{"a short password is refused before anything else", Policy{MinLength: 8, SimilarityCheck: true}, &breaches{n: 9}, "abcde", []string{"abcde"},
			&Violation{4000032, map[string]any{"min_length": 8, "actual_length": 5}}, nil, 0},
		{"length counts bytes", Policy{MinLength: 8}, &breaches{}, "ääää", nil, nil, nil, 1},
		{"similarity is refused before breaches", Policy{MinLength: 8, SimilarityCheck: true}, &breaches{n: 9}, "alice@example.com", []string{"bob@elsewhere.org", "alice@example.com"},
			&Violation{4000031, nil}, nil, 0},
		{"similarity can be switched off", Policy{MinLength: 8}, &breaches{}, "alice@example.com", []string{"alice@example.com"}, nil, nil, 1},
		{"a breached password is refused", Policy{}, &breaches{n: 1}, "correct horse", nil,
			&Violation{4000034, map[string]any{"breaches": 1}}, nil, 1},
		{"as many breaches as allowed pass", Policy{MaxBreaches: 3}, &breaches{n: 3}, "correct horse", nil, nil, nil, 1},
		{"one more than allowed does not", Policy{MaxBreaches: 3}, &breaches{n: 4}, "correct horse", nil,
			&Violation{4000034, map[string]any{"breaches": 4}}, nil, 1},
		{"an unavailable service is ignored when told so", Policy{IgnoreNetworkErrors: true}, &breaches{err: ErrBreachUnavailable}, "correct horse", nil, nil, nil, 1},
		{"and fails otherwise", Policy{}, &breaches{err: ErrBreachUnavailable}, "correct horse", nil, nil, ErrBreachUnavailable, 1},
		{"an unreadable answer is never ignored", Policy{IgnoreNetworkErrors: true}, &breaches{err: broken}, "correct horse", nil, nil, broken, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.policy.Breach = tt.breach
			err := tt.policy.Check(t.Context(), tt.password, tt.identifiers)
			var got *Violation
			errors.As(err, &got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violation (-want +got):\n%s", diff)
			}
			if got == nil && !errors.Is(err, tt.wantErr) {
				t.Errorf("error %v, want %v", err, tt.wantErr)
			}
			if got != nil && strings.Contains(err.Error(), tt.password) {
				t.Error("the error contains the password")
			}
			if tt.breach.asked != tt.asked {
				t.Errorf("the breach service was asked %d times, want %d", tt.breach.asked, tt.asked)
			}
		})
	}
}

func TestPolicyDoesNotAcceptBecauseTheCallerGaveUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := Policy{Breach: &breaches{err: ErrBreachUnavailable}, IgnoreNetworkErrors: true}
	if err := p.Check(ctx, "correct horse", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestSimilar(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := []struct {
		name, identifier, password string
		want                       bool
	}{
		{"equal", "alice@example.com", "alice@example.com", true},
		{"equal but for case", "Alice@Example.com", "aLICE@eXAMPLE.COM", true},
		{"four edits", "abcdefghijklmnop", "1bc2ef3hi4klmnop", true},
		{"five edits", "abcdefghijklmnopqrst", "1bc2ef3hi4kl5nop6rst", false},
		{"more than half is shared", "alice", "alice1234", true},
		{"exactly half is shared", "alice", "alice12345", false},
		{"the shared part is in the middle", "xxabcdexx@example.com", "123abcde4", true},
		{"nothing in common", "alice@example.com", "correct horse", false},
		{"no identifier", "", "abc", false},
		{"short texts are always close", "ab", "cdef", true},
		{"identifier at the bound", long, long, true},
		{"identifier above the bound", long + "x", long, false},
		{"password above the bound", long, long + "x", false},
		{"lower case above the bound", strings.Repeat("Ⱥ", 128), strings.Repeat("Ⱥ", 128), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Similar(tt.identifier, tt.password); got != tt.want {
				t.Errorf("Similar(%q, %q) = %v", tt.identifier, tt.password, got)
			}
		})
	}
}

func TestSimilarAgreesWithTheTextbook(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abcä")), 0, 14, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "identifier"), text.Draw(t, "password")
		if got, want := closerThan(a, b, minDistance), levenshtein([]rune(a), []rune(b)) < minDistance; got != want {
			t.Fatalf("closerThan = %v, want %v", got, want)
		}
		if b == "" {
			return
		}
		want := float64(longestCommon(a, b))/float64(len(b)) > 0.5
		if got := sharesHalf(a, b); got != want {
			t.Fatalf("sharesHalf = %v, want %v", got, want)
		}
	})
}

func levenshtein(a, b []rune) int {
	switch {
	case len(a) == 0:
		return len(b)
	case len(b) == 0:
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
		}
		row = next
	}
	return row[len(b)]
}

func longestCommon(a, b string) int {
	best := 0
	for i := range len(b) {
		for j := i + 1; j <= len(b); j++ {
			if strings.Contains(a, b[i:j]) {
				best = max(best, j-i)
			}
		}
	}
	return best
}

func BenchmarkSimilar(b *testing.B) {
	for name, pair := range map[string][2]string{
		"usual":   {"alice.liddell@wonderland.example.com", "correct horse battery staple"},
		"longest": {strings.Repeat("ab", 128), strings.Repeat("ba", 60) + strings.Repeat("c", 136)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Similar(pair[0], pair[1])
			}
		})
	}
}
