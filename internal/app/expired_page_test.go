package app

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
	"time"
)

const neverKept = "kept nowhere at all"

func TestAPageThatWasOpenForTooLongKeepsWhatWasTyped(t *testing.T) {
	const ann, eve = "ann@cardea.test", "eve@cardea.test"
	signedUp := func(p *reader) {
		p.visit(http.MethodGet, "/registration", nil)
		p.press("method", "password", map[string]string{"traits.email": ann, "password": "a hinge never forgets"}, nil)
	}
	with := func(name, value string) map[string]string {
		return map[string]string{name: value, "password": neverKept, "code": neverKept}
	}
	for name, c := range map[string]struct {
		config string
		before func(*reader)
		page   string
		asks   string            // the button that sends the first form; "" when the page is what is left open
		first  map[string]string // typed into that
		button string            // sends the form that was open for too long
		typed  map[string]string
		kept   map[string]string
	}{
		"signing in with a password": {page: "/login", button: "password", typed: with("identifier", ann), kept: map[string]string{"identifier": ann}},
		"entering the code to sign in": {
			before: signedUpAndOut(signedUp), page: "/login", asks: "code", first: map[string]string{"identifier": ann},
			button: "code", typed: with("code", neverKept), kept: map[string]string{"identifier": ann},
		},
		"signing in, identifier first": {
			config: "selfservice: {flows: {login: {style: identifier_first}}}", page: "/login", button: "identifier_first", typed: with("identifier", eve), kept: map[string]string{"identifier": eve},
		},
		"signing up": {
			page: "/registration", button: "password", typed: map[string]string{"traits.email": ann, "traits.name": "Ann", "password": neverKept},
			kept: map[string]string{"traits.email": ann, "traits.name": "Ann"},
		},
		"asking for a recovery": {page: "/recovery", button: "code", typed: with("email", ann), kept: map[string]string{"email": ann}},
		"entering the code of a recovery": {
			page: "/recovery", asks: "code", first: map[string]string{"email": ann}, button: "code", typed: with("code", neverKept), kept: map[string]string{"email": ann},
		},
		"asking for a recovery with a choice": {
			config: "feature_flags: {choose_recovery_address: true}\n", page: "/recovery", button: "code",
			typed: with("recovery_address", ann), kept: map[string]string{"recovery_address": ann},
		},
		"entering the code of a recovery with a choice": {
			config: "feature_flags: {choose_recovery_address: true}\n", page: "/recovery", asks: "code", first: map[string]string{"recovery_address": ann},
			button: "code", typed: with("code", neverKept), kept: map[string]string{"recovery_address": ann},
		},
		"asking for a verification": {page: "/verification", button: "code", typed: with("email", ann), kept: map[string]string{"email": ann}},
		"entering the code of a verification": {
			page: "/verification", asks: "code", first: map[string]string{"email": ann}, button: "code", typed: with("code", neverKept), kept: map[string]string{"email": ann},
		},
		"changing the profile": {
			before: signedUp, page: "/settings", button: "profile", typed: map[string]string{"traits.email": eve, "traits.name": "Eve"},
			kept: map[string]string{"traits.email": eve, "traits.name": "Eve"},
		},
		"changing the password": {
			before: signedUp, page: "/settings", button: "password", typed: map[string]string{"password": neverKept},
			kept: map[string]string{"traits.email": ann, "traits.name": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			app, now := ownPages(t, cmp.Or(c.config, "{}"))
			p := &reader{TB: t, app: app, jar: map[string]*http.Cookie{}}
			if c.before != nil {
				c.before(p)
			}
			p.visit(http.MethodGet, c.page, nil)
			if c.asks != "" {
				p.press("method", c.asks, c.first, nil)
			}
			p.press("method", c.button, c.typed, func() { now.Advance(11 * time.Minute) })
			for field, want := range c.kept {
				if got, there := p.field(field); got != want || !there {
					t.Errorf("%s says %q, want %q", field, got, want)
				}
			}
			if strings.Contains(p.text, neverKept) {
				t.Error("a password or a code came back")
			}
		})
	}
}

// signedUpAndOut is a browser that somebody with an account opens anew.
func signedUpAndOut(signUp func(*reader)) func(*reader) {
	return func(p *reader) {
		signUp(p)
		p.jar = map[string]*http.Cookie{}
	}
}

// TestNobodyElseFillsInTheFormThatTakesThePlace: what a page of somebody else sends
// does not carry the token of this browser.
func TestNobodyElseFillsInTheFormThatTakesThePlace(t *testing.T) {
	app, now := ownPages(t, "{}")
	p := &reader{TB: t, app: app, jar: map[string]*http.Cookie{}}
	p.visit(http.MethodGet, "/login", nil)
	p.press("method", "password", map[string]string{"identifier": "eve@cardea.test", "password": neverKept, "csrf_token": "bm90IHRoaXM="}, func() { now.Advance(11 * time.Minute) })
	if got, there := p.field("identifier"); got != "" || !there {
		t.Errorf("the form says %q", got)
	}
}
