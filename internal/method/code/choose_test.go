package code_test

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"testing"

	"cardea/cardeatest"
)

// choosing is a server with the second version of recovery.
func choosing(t *testing.T, lines string) *cardeatest.Server {
	t.Helper()
	return server(t, "feature_flags: {choose_recovery_address: true}\n"+lines)
}

func hash(address string) string {
	sum := sha256.Sum256([]byte(address))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestOneOfSeveralAddressesIsChosenAndTypedInFull(t *testing.T) {
	each(t, choosing, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
		f := c.Start("recovery", "")
		wantState(t, "start", f.Answer, "recovery_awaiting_address")
		choice := f.Form(f.Submit(map[string]any{"recovery_address": email}))
		wantState(t, "the address", choice, "recovery_awaiting_address_choice")
		wantMessages(t, "the address", choice, 1060006)
		if n := choice.Node("recovery_select_address"); n == nil || n.Meta.Label.Text != "an****@cardea.test" || n.Attributes["value"] != hash(email) {
			t.Fatalf("the first choice is %+v", n)
		}
		confirm := f.Form(f.Submit(map[string]any{"recovery_select_address": hash("zoe@cardea.test"), "recovery_address": email}))
		wantState(t, "the choice", confirm, "recovery_confirming_address")
		wantMessages(t, "the choice", confirm, 1060005)
		sent := f.Form(f.Submit(map[string]any{"recovery_confirm_address": "Zoe@cardea.test", "recovery_address": email}))
		wantState(t, "the address in full", sent, "recovery_awaiting_code")
		wantMessages(t, "the address in full", sent, 1060004)
		mail := s.LastMail("zoe@cardea.test")
		wantMessages(t, "wrong code", f.Form(f.Submit(map[string]any{"code": cardeatest.WrongCode(mail.Code())})), 4060006)
		wantStatus(t, "right code", f.Submit(map[string]any{"code": mail.Code()}), goesOn(c, 422))
	})
}

func TestAnAddressThatIsNotTheChosenOneGetsNoCode(t *testing.T) {
	s := choosing(t, "")
	somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
	somebody(t, s, map[string]any{"email": "bob@cardea.test"})
	f := s.Client(cardeatest.Native).Start("recovery", "")
	f.Submit(map[string]any{"recovery_address": email})
	f.Submit(map[string]any{"recovery_select_address": hash("zoe@cardea.test"), "recovery_address": email})
	a := f.Submit(map[string]any{"recovery_confirm_address": "bob@cardea.test", "recovery_address": email})
	wantState(t, "somebody else's address", a, "recovery_awaiting_code")
	if got := len(s.Mails("bob@cardea.test")); got != 0 {
		t.Errorf("somebody else got %d mails", got)
	}
}

func TestTheWayBackFromEachScreen(t *testing.T) {
	s := choosing(t, "")
	somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
	f := s.Client(cardeatest.Native).Start("recovery", "")
	back := map[string]any{"screen": "previous"}
	f.Submit(map[string]any{"recovery_address": email})
	sent := f.Submit(map[string]any{"recovery_select_address": hash(email), "recovery_address": email})
	wantState(t, "the address that was typed already", sent, "recovery_awaiting_code")
	wantState(t, "back from the code", f.Submit(back), "recovery_awaiting_address_choice")

	alone := s.Client(cardeatest.Native).Start("recovery", "")
	alone.Submit(map[string]any{"recovery_address": "eve@cardea.test"})
	wantState(t, "back without a choice", alone.Submit(back), "recovery_awaiting_address")
}

func TestMissingFieldsOfTheSecondVersion(t *testing.T) {
	s := choosing(t, "")
	somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
	f := s.Client(cardeatest.Native).Start("recovery", "")
	missing := func(what string, fields map[string]any, node string) {
		t.Helper()
		a := f.Submit(fields)
		wantStatus(t, what, a, 400)
		if got := a.FieldMessages(node); !slices.Equal(got, []int{4000002}) {
			t.Errorf("%s: %s says %v", what, node, got)
		}
	}
	missing("no address", map[string]any{"method": "code"}, "recovery_address")
	f.Submit(map[string]any{"recovery_address": email})
	missing("no choice", map[string]any{"recovery_address": email}, "recovery_select_address")
	wantMessages(t, "a choice that is none", f.Submit(map[string]any{"recovery_select_address": hash("eve@cardea.test"), "recovery_address": email}), 4000001)
	f.Submit(map[string]any{"recovery_select_address": hash("zoe@cardea.test"), "recovery_address": email})
	missing("no address in full", map[string]any{"recovery_address": email}, "recovery_confirm_address")
}

func TestMitigationHidesTheChoice(t *testing.T) {
	s := choosing(t, "security: {account_enumeration: {mitigate: true}}")
	somebody(t, s, map[string]any{"email": email, "other": "zoe@cardea.test"})
	for _, address := range []string{email, "eve@cardea.test"} {
		a := s.Client(cardeatest.Native).Start("recovery", "").Submit(map[string]any{"recovery_address": address})
		wantState(t, address, a, "recovery_awaiting_code")
	}
}
