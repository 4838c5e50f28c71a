package flow

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cardea/internal/ui"
)

// names are the guards of a list by the names of their functions.
func names(guards []guard) []string {
	all := make([]string, len(guards))
	for i, g := range guards {
		full := runtime.FuncForPC(reflect.ValueOf(g).Pointer()).Name()
		all[i] = full[strings.LastIndexByte(full, '.')+1:]
	}
	return all
}

func TestTheTableOfKindsIsComplete(t *testing.T) {
	all := kinds()
	for _, k := range []Kind{Login, Registration, Settings, Recovery, Verification} {
		it, ok := all[k]
		if !ok {
			t.Errorf("%s is not in the table", k)
			continue
		}
		if it.name != k {
			t.Errorf("%s is called %s", k, it.name)
		}
		if it.initial != ChooseMethod && it.initial != ShowForm {
			t.Errorf("%s begins in %q", k, it.initial)
		}
		for what, id := range map[string]ui.MessageID{"an expired flow": it.expired, "a submission for nobody": it.nobody} {
			if !id.Known() || id.Type() != ui.Error {
				t.Errorf("%s has no error message for %s", k, what)
			}
		}
		for what, guards := range map[string][]guard{"starts": it.start, "reads": it.fetch, "submissions": it.submit} {
			if len(guards) == 0 {
				t.Errorf("%s has no guards for %s", k, what)
			}
		}
		if it.step != 200 && it.step != 400 {
			t.Errorf("%s answers a step with %d", k, it.step)
		}
		if it.invalidStatus != 302 && it.invalidStatus != 303 {
			t.Errorf("%s redirects a browser with %d", k, it.invalidStatus)
		}
	}
	if len(all) != 5 {
		t.Errorf("there are %d kinds", len(all))
	}
	messages := map[ui.MessageID]Kind{}
	for k, it := range all {
		for _, id := range []ui.MessageID{it.expired, it.nobody} {
			if other, taken := messages[id]; taken {
				t.Errorf("%s and %s share the message %d", k, other, id)
			}
			messages[id] = k
		}
	}
}

// before wants that a list holds the names in this order, whatever else it holds.
func before(t *testing.T, what string, guards []guard, order ...string) {
	t.Helper()
	all, last := names(guards), -1
	for _, name := range order {
		at := slices.Index(all, name)
		if at < 0 {
			t.Errorf("%s: %s is not asked (%v)", what, name, all)
		} else if at < last {
			t.Errorf("%s: %s is asked too early (%v)", what, name, all)
		}
		last = max(last, at)
	}
}

func TestGuardsStandInTheOrderThatClientsSee(t *testing.T) {
	all := kinds()
	for k, it := range all {
		before(t, string(k)+" start", it.start, "checkReturnTo")
		before(t, string(k)+" submit", it.submit, "loadForSubmit", "checkExpiry")
		owner := "checkOwner"
		if k == Settings {
			owner = "requireSameIdentity"
		}
		before(t, string(k)+" fetch", it.fetch, "loadForFetch", owner, "checkFetchExpiry")
	}
	before(t, "login start", all[Login].start, "checkChallenge", "meetLogin", "checkReturnTo", "checkLevel", "checkSchema", "decideLogin")
	before(t, "login submit", all[Login].submit, "loadForSubmit", "refuseSecondLogin", "requireFirstFactor", "checkExpiry")
	before(t, "registration start", all[Registration].start, "checkReturnTo", "checkEnabled", "refuseSession")
	before(t, "registration submit", all[Registration].submit, "refuseSession", "loadForSubmit", "checkEnabled", "checkExpiry")
	before(t, "registration return", all[Registration].back, "refuseSecondReturn", "checkEnabled", "checkExpiry")
	before(t, "settings start", all[Settings].start, "requireSessionToStart", "requireLevelToStart")
	before(t, "settings fetch", all[Settings].fetch, "requireSession", "loadForFetch", "requireSameIdentity", "requireLevelToRead", "checkFetchExpiry")
	before(t, "settings submit", all[Settings].submit, "requireSession", "loadForSubmit", "requireSameIdentity", "requireLevelToSubmit")
	before(t, "recovery start", all[Recovery].start, "checkEnabled", "refuseSession")
	before(t, "recovery submit", all[Recovery].submit, "loadForSubmit", "refuseSessionWithoutCode")
	for _, k := range []Kind{Registration, Recovery, Verification} {
		before(t, string(k)+" start", all[k].start, "checkEnabled")
		before(t, string(k)+" fetch", all[k].fetch, "checkEnabled", "loadForFetch")
	}
}
