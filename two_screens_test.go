package cardea_test

import (
	"testing"

	"cardea/cardeatest"
)

// TestSigningUpOnTwoScreens is about the traits that travel along: they stay hidden on
// the second screen, also with a message, and both ways of asking lead back to them.
func TestSigningUpOnTwoScreens(t *testing.T) {
	each(t, cardeatest.Options{Config: "selfservice: {flows: {registration: {style: profile_first}}}"}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		const email = "ann@cardea.test"
		form := s.Client(kind).Start("registration", "")
		send := func(fields map[string]any) *cardeatest.Answer {
			form.Form(form.Submit(fields))
			return form.Fetch()
		}
		wantType := func(what string, a *cardeatest.Answer, want string) {
			t.Helper()
			if got, _ := a.Node("traits.email").Attributes["type"].(string); got != want {
				t.Errorf("%s: the field is %q, want %q: %s", what, got, want, a.Body)
			}
		}
		for how, back := range map[string]map[string]any{
			"by the screen":           {"method": "profile", "screen": "previous"},
			"in the words of the old": {"method": "profile:back"},
		} {
			wantType("the second screen", send(map[string]any{"method": "profile", "traits.email": email}), "hidden")
			faulty := send(map[string]any{"method": "password", "password": cardeatest.Password, "traits.email": "nope"})
			wantType("a mistake there", faulty, "hidden")
			if got := faulty.FieldMessages("traits.email"); len(got) != 1 || got[0] != 4000040 {
				t.Errorf("the field says %v, want that it is no address", got)
			}
			back["traits.email"] = email
			wantType(how, send(back), "email")
		}
	})
}
