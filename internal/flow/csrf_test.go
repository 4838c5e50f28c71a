package flow_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"testing"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

func token(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func TestAMaskedTokenBelongsToItsCookieAlone(t *testing.T) {
	mine, theirs := flow.NewCSRF(token(1)), flow.NewCSRF(token(2))
	masked := mine.Masked(rand.Reader)
	if len(masked) != 88 {
		t.Errorf("the masked token has %d characters, want 88", len(masked))
	}
	if masked == mine.Masked(rand.Reader) {
		t.Error("two answers carry the same text: compression could leak the token")
	}
	if !mine.Matches(masked) {
		t.Error("the masked token does not match its cookie")
	}
	if theirs.Matches(masked) {
		t.Error("the masked token matches the cookie of another browser")
	}
	if !mine.Matches(base64.StdEncoding.EncodeToString(token(1))) {
		t.Error("the token as the cookie carries it does not match")
	}
	raw, err := base64.StdEncoding.DecodeString(masked)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		altered := bytes.Clone(raw)
		altered[i] ^= 1
		if mine.Matches(base64.StdEncoding.EncodeToString(altered)) {
			t.Errorf("a token with byte %d altered matches", i)
		}
	}
	for _, cut := range []int{0, 1, 31, 33, 63} {
		if mine.Matches(base64.StdEncoding.EncodeToString(raw[:cut])) {
			t.Errorf("%d bytes of a token match", cut)
		}
	}
	for _, text := range []string{"", " ", "x", masked + "A", masked + masked, masked[:87]} {
		if mine.Matches(text) {
			t.Errorf("%q matches", text)
		}
	}
}

func TestABrowserWithoutACookieMatchesAndOwnsNothing(t *testing.T) {
	nobody, zero := flow.NewCSRF(nil), flow.NewCSRF(token(0))
	for _, text := range []string{"", base64.StdEncoding.EncodeToString(nil), zero.Masked(rand.Reader)} {
		if nobody.Matches(text) {
			t.Errorf("%q matches a cookie that is not there", text)
		}
	}
	if nobody.Masked(rand.Reader) != "" || nobody.Hash() != nil {
		t.Error("a cookie that is not there has a token")
	}
	if nobody.Owns(nil) || nobody.Owns([]byte{}) || nobody.Owns(zero.Hash()) {
		t.Error("a browser without a cookie owns a flow")
	}
}

func TestAFlowBelongsToTheBrowserItIsBoundTo(t *testing.T) {
	mine, theirs := flow.NewCSRF(token(1)), flow.NewCSRF(token(2))
	if !mine.Owns(mine.Hash()) {
		t.Error("a browser does not own its flow")
	}
	if theirs.Owns(mine.Hash()) || mine.Owns(nil) || mine.Owns(mine.Hash()[:31]) {
		t.Error("a browser owns a flow that is not its own")
	}
	if bytes.Contains(mine.Hash(), token(1)) {
		t.Error("what a flow remembers gives the token away")
	}
}

func TestTheTokenChangesAtMostOncePerRequest(t *testing.T) {
	c := flow.NewCSRF(token(1))
	if c.Changed() {
		t.Error("a token that was read counts as changed")
	}
	before := c.Masked(rand.Reader)
	c.Rotate(rand.Reader)
	once := bytes.Clone(c.Real())
	if !c.Changed() || bytes.Equal(once, token(1)) || c.Matches(before) {
		t.Error("the token was not changed")
	}
	c.Rotate(rand.Reader)
	if !bytes.Equal(c.Real(), once) {
		t.Error("the token changed twice: what was shown first is worth nothing")
	}
}

func TestAFailedCheckSaysWhatIsMissing(t *testing.T) {
	with := func(change func(*flow.CSRF)) *flow.CSRF {
		c := flow.NewCSRF(token(1))
		change(c)
		return c
	}
	// The rows of section 8.5 of the HTTP reference, first match first.
	cases := []struct {
		name           string
		csrf           *flow.CSRF
		reason         bool   // details.reject_reason is there
		sameHintAs     string // another case
		differsInHint  string
		sameReasonAs   string
		differsReasons []string
	}{
		{name: "no cookies", csrf: with(func(*flow.CSRF) {}), reason: true},
		{name: "no cookies, script", csrf: with(func(c *flow.CSRF) { c.AJAX = true }), reason: true, differsInHint: "no cookies", sameReasonAs: "no cookies"},
		{name: "other cookies", csrf: with(func(c *flow.CSRF) { c.HasCookies = true }), reason: true, sameHintAs: "no cookies", differsReasons: []string{"no cookies"}},
		{name: "other cookies, script", csrf: with(func(c *flow.CSRF) { c.HasCookies, c.AJAX = true, true }), reason: true, sameHintAs: "no cookies, script", sameReasonAs: "other cookies"},
		{name: "no token in a form", csrf: with(func(c *flow.CSRF) { c.HasCookies, c.HasOurs, c.Silent = true, true, true }), differsInHint: "no cookies"},
		{name: "no token in JSON", csrf: with(func(c *flow.CSRF) { c.HasCookies, c.HasOurs, c.Silent, c.JSON = true, true, true, true }), reason: true, sameHintAs: "no cookies", differsReasons: []string{"no cookies", "other cookies"}},
		{name: "another token", csrf: with(func(c *flow.CSRF) { c.HasCookies, c.HasOurs = true, true }), reason: true, sameReasonAs: "no token in JSON", sameHintAs: "no cookies"},
		{name: "another token, script", csrf: with(func(c *flow.CSRF) { c.HasCookies, c.HasOurs, c.AJAX = true, true, true }), reason: true, sameReasonAs: "another token", sameHintAs: "no cookies, script"},
	}
	got := map[string]*problem.Error{}
	for _, c := range cases {
		got[c.name] = c.csrf.Violation()
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := got[c.name]
			if p.Status != 403 || p.ID != problem.CSRFViolation {
				t.Errorf("status %d id %q", p.Status, p.ID)
			}
			if p.Details["docs"] == nil || p.Details["hint"] == nil {
				t.Errorf("details are %v: docs and hint are always there", p.Details)
			}
			if _, ok := p.Details["reject_reason"]; ok != c.reason {
				t.Errorf("reject_reason is there: %t, want %t", ok, c.reason)
			}
			if c.sameHintAs != "" && p.Details["hint"] != got[c.sameHintAs].Details["hint"] {
				t.Errorf("the hint is not that of %q", c.sameHintAs)
			}
			if c.differsInHint != "" && p.Details["hint"] == got[c.differsInHint].Details["hint"] {
				t.Errorf("the hint is that of %q", c.differsInHint)
			}
			if c.sameReasonAs != "" && p.Details["reject_reason"] != got[c.sameReasonAs].Details["reject_reason"] {
				t.Errorf("the reason is not that of %q", c.sameReasonAs)
			}
			for _, other := range c.differsReasons {
				if p.Details["reject_reason"] == got[other].Details["reject_reason"] {
					t.Errorf("the reason is that of %q", other)
				}
			}
		})
	}
}
