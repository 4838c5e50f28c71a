package cardea_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

// The part of the decision table of section 5.1.1 of the HTTP reference that a
// password can reach.
func TestWhoMayStartALogin(t *testing.T) {
	const home = "https://ui.cardea.test/home"
	type outcome struct {
		status   int
		errorID  string
		location string // of a browser, without the query
		messages []int
	}
	shown := func(messages ...int) outcome {
		return outcome{status: 200, location: "https://ui.cardea.test/login", messages: messages}
	}
	refused := func(status int, id, location string) outcome {
		return outcome{status: status, errorID: id, location: location}
	}
	const errorPage = "https://ui.cardea.test/error"
	cases := []struct {
		name, query string
		signedIn    bool
		want        outcome
	}{
		{"nobody", "", false, shown()},
		{"nobody, again", "refresh=true", false, shown()},
		{"nobody, second factor", "aal=aal2", false, refused(401, "session_aal1_required", errorPage)},
		{"nobody, foreign place", "return_to=https://evil.test", false, refused(400, "self_service_flow_return_to_forbidden", errorPage)},
		{"nobody, unknown level", "aal=aal7", false, refused(400, "", errorPage)},
		{"somebody", "", true, refused(400, "session_already_available", home)},
		{"somebody with a place to go", "return_to=https://app.cardea.test/inside/x", true, refused(400, "session_already_available", "https://app.cardea.test/inside/x")},
		{"somebody, foreign place", "return_to=https://evil.test", true, refused(400, "self_service_flow_return_to_forbidden", errorPage)},
		{"somebody, again", "refresh=true", true, shown(1010003)},
		{"somebody, second factor", "aal=aal2", true, shown(1010004)},
		{"somebody, second factor and again", "aal=aal2&refresh=true", true, shown(1010003, 1010004)},
	}
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity("ann@cardea.test", cardeatest.Password)
		signedIn, nobody := s.Client(kind), s.Client(kind)
		signedIn.SignIn("ann@cardea.test", cardeatest.Password)
		for _, c := range cases {
			who := nobody
			if c.signedIn {
				who = signedIn
			}
			endpoint := "browser"
			if kind == cardeatest.Native {
				endpoint = "api"
			}
			a := who.Get("/self-service/login/" + endpoint + "?" + strings.ReplaceAll(c.query, "://", "%3A%2F%2F"))
			if kind == cardeatest.Browser {
				to, query, _ := strings.Cut(a.Location, "?")
				if a.Status != 303 || to != c.want.location {
					t.Errorf("%s: answered %d to %s, want 303 to %s", c.name, a.Status, a.Location, c.want.location)
				}
				if id, ok := strings.CutPrefix(query, "flow="); ok {
					a = who.Get("/self-service/login/flows?id=" + id)
				}
			} else if a.Status != c.want.status || a.ErrorID() != c.want.errorID {
				t.Errorf("%s: answered %d %q, want %d %q", c.name, a.Status, a.ErrorID(), c.want.status, c.want.errorID)
			}
			if diff := cmp.Diff(c.want.messages, a.Messages()); diff != "" {
				t.Errorf("%s: messages (-want +got):\n%s", c.name, diff)
			}
		}
	})
}
