package password

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"
)

// Message ids of a policy's violations.
const (
	MessageTooSimilar = 4000031
	MessageTooShort   = 4000032
	MessageBreached   = 4000034
)

// Bounds of the similarity check.
const (
	maxSimilarityInput = 256 // bytes; longer inputs are not compared
	minDistance        = 5   // edits; a password that is closer is refused
)

// Violation is a password that the policy refuses: a message on the password's
// field, by id and context. It never contains the password.
type Violation struct {
	ID      int
	Context map[string]any
}

// Error names the rule.
func (v *Violation) Error() string {
	switch v.ID {
	case MessageTooSimilar:
		return "the password is too similar to an identifier"
	case MessageTooShort:
		return "the password is too short"
	default:
		return "the password is known from breaches"
	}
}

// BreachChecker says how often a password was seen in known breaches. An error
// that is ErrBreachUnavailable means that nobody could say.
type BreachChecker interface {
	Breaches(ctx context.Context, password string) (int, error)
}

// Policy is what a new password has to satisfy. There are no rules of
// composition (NIST SP 800-63B, section 5.1.1.2).
type Policy struct {
	MinLength           int // bytes, as the contract counts
	SimilarityCheck     bool
	Breach              BreachChecker // nil when breaches are not looked up
	MaxBreaches         int           // refused when seen more often
	IgnoreNetworkErrors bool          // accept when nobody could say
}

// Check applies length, similarity to each identifier, and breaches, in this
// order; the first failure wins. It returns a *Violation, the context's error,
// or what the breach checker could not do.
func (p Policy) Check(ctx context.Context, password string, identifiers []string) error {
	if len(password) < p.MinLength {
		return &Violation{ID: MessageTooShort, Context: map[string]any{
			"min_length": p.MinLength, "actual_length": len(password),
		}}
	}
	if p.SimilarityCheck {
		for _, identifier := range identifiers {
			if Similar(identifier, password) {
				return &Violation{ID: MessageTooSimilar}
			}
		}
	}
	if p.Breach == nil {
		return nil
	}
	return p.checkBreaches(ctx, password)
}

func (p Policy) checkBreaches(ctx context.Context, password string) error {
	n, err := p.Breach.Breaches(ctx, password)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the caller gave up, which is no reason to accept
	case err != nil && p.IgnoreNetworkErrors && errors.Is(err, ErrBreachUnavailable):
		return nil
	case err != nil:
		return err
	case n > p.MaxBreaches:
		return &Violation{ID: MessageBreached, Context: map[string]any{"breaches": n}}
	}
	return nil
}

// Similar says whether a password can be guessed from an identifier, case
// aside: when fewer than 5 edits lead from one to the other, or when more than
// half of the password's bytes stand in the identifier as they are. An empty
// identifier and inputs above 256 bytes are similar to nothing.
func Similar(identifier, password string) bool {
	if identifier == "" || len(identifier) > maxSimilarityInput || len(password) > maxSimilarityInput {
		return false
	}
	identifier, password = strings.ToLower(identifier), strings.ToLower(password)
	if len(identifier) > maxSimilarityInput || len(password) > maxSimilarityInput {
		return false // lower case can take more bytes
	}
	return sharesHalf(identifier, password) || closerThan(identifier, password, minDistance)
}

// sharesHalf says whether the longest common substring is longer than half of
// the password. That is so when one of the password's substrings of just that
// length is in the identifier, which is faster to find out than the length.
func sharesHalf(identifier, password string) bool {
	n := len(password)/2 + 1
	for i := 0; i+n <= len(password); i++ {
		if strings.Contains(identifier, password[i:i+n]) {
			return true
		}
	}
	return false
}

// closerThan says whether the Levenshtein distance of two texts, counted in
// characters, is less than limit. Only the cells of the matrix within limit of
// its diagonal can hold such a distance, so only those are filled.
func closerThan(a, b string, limit int) bool {
	if d := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); d >= limit || -d >= limit {
		return false
	}
	s, t := []rune(a), []rune(b)
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = min(j, limit)
	}
	for i := 1; i <= len(s); i++ {
		from, to := max(1, i-limit), min(len(t), i+limit)
		diagonal := row[from-1]
		row[from-1] = limit
		if from == 1 {
			row[0] = min(i, limit)
		}
		best := row[from-1]
		for j := from; j <= to; j++ {
			above := row[j]
			if j == i+limit {
				above = limit // not of the row before: outside of its band
			}
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(diagonal+cost, above+1, row[j-1]+1, limit)
			diagonal = above
			best = min(best, row[j])
		}
		if best >= limit {
			return false
		}
	}
	return row[len(t)] < limit
}
