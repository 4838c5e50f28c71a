package cardea_test

import (
	"testing"

	"cardea/cardeatest"
)

const anotherPassword = "seven-Drowsy-Badgers-12"

func TestANewPasswordSignsOtherDevicesOutWhereThatIsWanted(t *testing.T) {
	for about, c := range map[string]struct {
		after string
		want  int // what whoami answers the others
	}{
		"not configured": {"{}", 200},
		"configured":     {"{password: {hooks: [{hook: revoke_active_sessions}]}}", 401},
	} {
		t.Run(about, func(t *testing.T) {
			each(t, cardeatest.Options{Config: "selfservice: {flows: {settings: {after: " + c.after + "}}}"}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
				person, stranger := twoPeople(t, s, kind)
				others := []*cardeatest.Client{s.Client(cardeatest.SPA), s.Client(cardeatest.Native)}
				for _, other := range others {
					other.SignIn(ann, cardeatest.Password)
				}
				a := person.Start("settings", "").Submit(map[string]any{"method": "password", "password": anotherPassword})
				if a.Status != 200 && a.Status != 303 {
					t.Fatalf("change the password: %d %s", a.Status, a.Body)
				}
				wantStatus(t, "who changed it", person.WhoAmI(), 200)
				wantStatus(t, "somebody else", stranger.WhoAmI(), 200)
				for _, other := range others {
					wantStatus(t, "another device", other.WhoAmI(), c.want)
				}
				s.Client(kind).SignIn(ann, anotherPassword)
				f := s.Client(kind).Start("login", "")
				if got := f.Form(f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})).Messages(); len(got) != 1 || got[0] != 4000006 {
					t.Errorf("the old password: %v", got)
				}
			})
		})
	}
}
