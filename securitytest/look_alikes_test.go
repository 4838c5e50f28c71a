package securitytest

import (
	"fmt"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// TestLookAlikesAreOneIdentifierOrNone signs up with texts that look like, or fold to, the
// identifier of somebody: no second account comes out of it, unless it is another address to
// everybody who reads it; and whoever signs in with them is the owner or nobody.
func TestLookAlikesAreOneIdentifierOrNone(t *testing.T) {
	alike := map[string]string{
		"upper case": "ANN@CARDEA.TEST", "mixed case": "Ann@Cardea.Test", "full width": "ａｎｎ＠ｃａｒｄｅａ．ｔｅｓｔ", "full-width letter": "aｎn@cardea.test", "space before": " ann@cardea.test", "space behind": "ann@cardea.test ",
		"no-break space": "\u00a0ann@cardea.test", "ideographic space": "ann@cardea.test\u3000", "zero-width space": "an\u200bn@cardea.test", "zero-width joiner": "an\u200dn@cardea.test", "zero-width non-joiner": "ann\u200c@cardea.test",
		"word joiner": "ann@\u2060cardea.test", "byte order mark": "\ufeffann@cardea.test", "soft hyphen": "a\u00adnn@cardea.test", "combining grapheme joiner": "a\u034fnn@cardea.test", "Mongolian separator": "ann\u180e@cardea.test",
		"Hangul filler": "ann\u3164@cardea.test", "right-to-left override": "\u202eann@cardea.test", "isolate": "\u2068ann\u2069@cardea.test", "tag characters": "ann\U000e0061@cardea.test", "variation selector": "a\ufe0fnn@cardea.test",
		"trailing dot": "ann@cardea.test.", "two trailing dots": "ann@cardea.test..", "ideographic full stop": "ann@cardea\u3002test", "half-width full stop": "ann@cardea\uff61test", "mathematical letters": "𝒶𝓃𝓃@cardea.test", "circled letters": "ⓐⓝⓝ@cardea.test",
		"comment": "ann(x)@cardea.test", "quotes": `"ann"@cardea.test`, "display name": "Ann <ann@cardea.test>", "NUL": "ann\x00@cardea.test", "line feed": "ann@cardea.test\n", "line feed within": "ann@cardea\n.test", "tab": "\tann@cardea.test", "DEL": "ann\x7f@cardea.test",
		"line separator": "ann@cardea.test\u2028", "superscript": "aⁿⁿ@cardea.test", "route": "@x:ann@cardea.test", "two addresses": "ann@cardea.test,eve@cardea.test",
	}
	const kelvin, strasse = "kim@cardea.test", "straße@cardea.test"
	h := newHouse(t, cardeatest.Options{Config: everything()})
	h.person(owner, nil)
	h.person(kelvin, nil)
	h.person(strasse, nil)
	before := h.accounts()
	alike2 := map[string]string{"Kelvin sign": "\u212aim@cardea.test", "decomposed": "straße@cardea.test", "capital sharp s": "STRAẞE@cardea.test", "double struck": "𝕜im@cardea.test"}
	try := func(name, text, of string) {
		c := h.Client(cardeatest.Native)
		a := c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": text, "password": "new-Sturdy-Wombats-88"})
		if took(c, a); c.Token != "" {
			t.Errorf("%s: %q became an account beside %q: %s", name, text, of, a.Body)
		}
		in := h.Client(cardeatest.Native)
		took(in, in.Start("login", "").Submit(map[string]any{"method": "password", "identifier": text, "password": passwordOf(of)}))
		if got := who(in); got != "" && got != of {
			t.Errorf("%s: %q signs in as %q", name, text, got)
		}
		for _, journey := range []string{"recovery", "verification"} {
			h.Client(cardeatest.Native).Start(journey, "").Submit(map[string]any{"method": "code", "email": text})
		}
		if text != of {
			if n := len(h.Mails(text)); n > 0 {
				t.Errorf("%s: %d mails went to %q", name, n, text)
			}
		}
	}
	var all sync.WaitGroup
	for name, text := range alike {
		all.Go(func() { try(name, text, owner) })
	}
	for name, text := range alike2 {
		of := kelvin
		if name == "decomposed" || name == "capital sharp s" {
			of = strasse
		}
		if text == of {
			continue
		}
		all.Go(func() { try(name, text, of) })
	}
	all.Wait()
	if n := h.accounts(); n != before {
		t.Errorf("there are %d accounts, not %d", n, before)
	}
	// Others really are others, or the test proves nothing.
	for n, text := range []string{"anm@cardea.test", "ann@cardea.test.example", "ann+x@cardea.test"} {
		c := h.Client(cardeatest.Native)
		if took(c, c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": text, "password": fmt.Sprint("new-Sturdy-Wombats-88-", n)})); c.Token == "" {
			t.Errorf("%q cannot be registered", text)
		}
	}
}
