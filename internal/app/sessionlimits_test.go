package app

import (
	"fmt"
	"testing"
	"time"
)

// used is what a person does: asks who they are, while the process writes uses down.
func (p *twoOf) used(a *App, status int, what string) {
	p.Helper()
	p.look(a)
	p.want(what, a, status)
	if err := a.uses.Flush(p.Context(), a.feed.Touch); err != nil {
		p.Fatal(err)
	}
}

func TestASessionEndsWhenNobodyUsesIt(t *testing.T) {
	p := newTwoOf(t, `cardea: {session: {idle_timeout: 30m}}`)
	for range 10 { // longer in all than the limit
		p.clock.Advance(20 * time.Minute)
		p.used(p.one, 200, "in use")
	}
	p.clock.Advance(20 * time.Minute)
	p.used(p.two, 200, "used elsewhere")
	p.clock.Advance(20 * time.Minute)
	p.used(p.one, 200, "the other process has written it down")
	p.clock.Advance(30 * time.Minute)
	p.used(p.one, 401, "not used for so long")
	p.used(p.one, 401, "asking does not bring it back")
}

// TestAUseIsNeverWrittenInARequest counts transactions.
func TestAUseIsNeverWrittenInARequest(t *testing.T) {
	p := newTwoOf(t, `cardea: {session: {idle_timeout: 30m}}`)
	p.clock.Advance(20 * time.Minute)
	before := p.one.db.Stats().Writes
	for range 20 {
		p.want("whoami", p.one, 200)
	}
	if n := p.one.db.Stats().Writes - before; n != 0 {
		t.Errorf("20 checks wrote %d times", n)
	}
	p.used(p.one, 200, "once more")
	if n := p.one.db.Stats().Writes - before; n != 1 {
		t.Errorf("the uses were written in %d transactions, want 1", n)
	}
}

func TestASessionEndsInTheEndHoweverMuchItIsUsed(t *testing.T) {
	p := newTwoOf(t, `{session: {lifespan: 24h}, cardea: {session: {absolute_timeout: 48h}}}`)
	for range 3 {
		p.clock.Advance(12 * time.Hour)
		p.admin(p.one, "PATCH", fmt.Sprintf("/admin/sessions/%s/extend", p.id))
		p.used(p.one, 200, "extended")
	}
	p.clock.Advance(12*time.Hour - time.Second)
	p.used(p.one, 200, "a moment before")
	p.clock.Advance(time.Second)
	p.used(p.one, 401, "the end")
	p.admin(p.one, "PATCH", fmt.Sprintf("/admin/sessions/%s/extend", p.id))
	p.used(p.one, 401, "extended after the end")
}

func TestListsKnowOfTheLimits(t *testing.T) {
	p := newTwoOf(t, `cardea: {session: {idle_timeout: 30m}}`)
	count := func(query string) int {
		return len(p.list("/admin/sessions?" + query))
	}
	if count("active=true") != 1 || count("active=false") != 0 {
		t.Error("a session in use is not listed as active")
	}
	p.clock.Advance(30 * time.Minute)
	if count("active=true") != 0 || count("active=false") != 1 {
		t.Error("an idle session is listed as active")
	}
}
