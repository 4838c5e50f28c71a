package httpapi

import (
	"net/http"
	"strconv"
	"strings"
)

// The offers of the contract's negotiations, best first. Among equals the first
// offer wins, so a client that says nothing is taken for a page.
var (
	offersAny = []string{"text/html", "text/*", "*/*", "application/json"}
	offersTwo = []string{"text/html", "application/json"}
)

// wantsJSON is N1 of the contract: the client accepts JSON more than anything
// else, or sends exactly application/json.
func wantsJSON(r *http.Request) bool {
	return r.Header.Get("Content-Type") == "application/json" || negotiate(r, offersAny) == "application/json"
}

// acceptsJSON is N2: like N1, but what the client sends does not count.
func acceptsJSON(r *http.Request) bool { return negotiate(r, offersTwo) == "application/json" }

// wantsPage is N3: the client wants HTML, or does not say.
func wantsPage(r *http.Request) bool { return negotiate(r, offersAny) == "text/html" }

type mediaRange struct {
	value string
	q     float64
}

// negotiate picks the offer that the Accept header likes best. A more specific
// range beats a wildcard of the same quality. The default is text/html.
func negotiate(r *http.Request, offers []string) string {
	ranges := acceptRanges(r.Header["Accept"])
	best, bestQ, bestWild := "text/html", -1.0, 3
	for _, offer := range offers {
		for _, m := range ranges {
			wild, ok := covers(m.value, offer)
			if ok && m.q > 0 && (m.q > bestQ || m.q == bestQ && wild < bestWild) {
				best, bestQ, bestWild = offer, m.q, wild
			}
		}
	}
	return best
}

// covers says how wild the range is that covers an offer: 0 exact, 1 subtype,
// 2 anything.
func covers(value, offer string) (int, bool) {
	switch {
	case value == "*/*":
		return 2, true
	case strings.HasSuffix(value, "/*"):
		return 1, strings.HasPrefix(offer, strings.TrimSuffix(value, "*"))
	}
	return 0, value == offer
}

// acceptRanges reads Accept lines. A range with a parameter other than a
// leading q ends its line: that is how the contract's clients are understood.
func acceptRanges(lines []string) []mediaRange {
	var ranges []mediaRange
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			value, params, has := strings.Cut(part, ";")
			m := mediaRange{value: strings.ToLower(strings.TrimSpace(value)), q: 1}
			if has {
				text, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
				if !ok {
					break
				}
				q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
				if err != nil {
					break
				}
				m.q = q
			}
			ranges = append(ranges, m)
		}
	}
	return ranges
}
