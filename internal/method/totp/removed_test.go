package totp_test

import (
	"net/http"
	"testing"

	"cardea/cardeatest"
)

func TestAnAppThatIsGoneLowersEverySession(t *testing.T) {
	for about, remove := range map[string]func(t *testing.T, s *cardeatest.Server, owner *cardeatest.Client, id string){
		"removed by its owner": func(t *testing.T, _ *cardeatest.Server, owner *cardeatest.Client, _ string) {
			done(t, owner, owner.Start("settings", "").Submit(map[string]any{"totp_unlink": true}))
		},
		"removed by an operator": func(t *testing.T, s *cardeatest.Server, _ *cardeatest.Client, id string) {
			if a := s.Client(cardeatest.Native).Do("DELETE", s.AdminURL+"/admin/identities/"+id+"/credentials/totp", nil); a.Status != http.StatusNoContent {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
		},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "")
			owner := s.Client(cardeatest.Native)
			owner.SignUp("ann@ex.org", cardeatest.Password)
			secret := enrol(t, owner)
			other := firstFactor(t, s, cardeatest.Native, "ann@ex.org")
			_, a := secondFactor(other, code(t, secret, 1))
			done(t, other, a)
			remove(t, s, owner, owner.WhoAmI().Text("identity", "id"))
			for _, c := range []*cardeatest.Client{owner, other} {
				if methods, level := evidence(t, c); level != "aal1" || len(methods) == 0 {
					t.Errorf("a session stands on %v at %s", methods, level)
				}
			}
		})
	}
}
