package cardea_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// hooked runs a test once per kind of client, with a hook in its place and without.
func hooked(t *testing.T, config, hook string, run func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client, there bool)) {
	for _, kind := range cardeatest.Kinds {
		for name, there := range map[string]bool{"with it": true, "without it": false} {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				t.Parallel()
				list := "[]"
				if there {
					list = "[" + hook + "]"
				}
				s := cardeatest.New(t, cardeatest.Options{Config: strings.ReplaceAll(config, "HOOKS", list)})
				run(t, s, s.Client(kind), there)
			})
		}
	}
}

const hookedPerson, newPassword = "ann@cardea.test", "five-Sturdy-Wombats-78"

func TestOtherSessionsEndWhereTheHookSaysSo(t *testing.T) {
	for name, place := range map[string]struct {
		config string
		act    func(s *cardeatest.Server, c *cardeatest.Client)
	}{
		"after every login": {"selfservice: {flows: {login: {after: {hooks: HOOKS}}}}", func(_ *cardeatest.Server, c *cardeatest.Client) {
			c.SignIn(hookedPerson, cardeatest.Password)
		}},
		"after a new password": {"selfservice: {flows: {settings: {after: {password: {hooks: HOOKS}}}}}", func(_ *cardeatest.Server, c *cardeatest.Client) {
			c.SignIn(hookedPerson, cardeatest.Password)
			c.Start("settings", "").Submit(map[string]any{"method": "password", "password": newPassword})
		}},
		"after a recovery": {"selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code, after: {hooks: HOOKS}}}}", func(s *cardeatest.Server, c *cardeatest.Client) {
			f := c.Start("recovery", "")
			f.Submit(map[string]any{"method": "code", "email": hookedPerson})
			f.Submit(map[string]any{"method": "code", "code": s.LastMail(hookedPerson).Code()})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			hooked(t, place.config, "{hook: revoke_active_sessions}", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client, there bool) {
				s.CreateIdentity(hookedPerson, cardeatest.Password)
				s.CreateIdentity("bob@cardea.test", cardeatest.Password)
				older, stranger := s.Client(cardeatest.Native), s.Client(cardeatest.Native)
				older.SignIn(hookedPerson, cardeatest.Password)
				stranger.SignIn("bob@cardea.test", cardeatest.Password)
				place.act(s, c)
				want := map[bool]int{true: 401, false: 200}[there]
				if got := older.WhoAmI().Status; got != want {
					t.Errorf("the older session: %d, want %d", got, want)
				}
				if got := stranger.WhoAmI().Status; got != 200 {
					t.Errorf("somebody else's session: %d", got)
				}
				if got := c.WhoAmI().Status; got != 200 && (name != "after a recovery" || c.Kind != cardeatest.Native) { // that one is told its token
					t.Errorf("the session that did it: %d", got)
				}
			})
		})
	}
}

func TestALoginStartsAVerificationAndShowsItWhereHooksSaySo(t *testing.T) {
	const config = "selfservice: {methods: {code: {enabled: true}}, flows: {verification: {enabled: true, use: code}, login: {after: {hooks: HOOKS}}}}"
	for hooks, shown := range map[string]bool{"{hook: verification}": false, "{hook: verification}, {hook: show_verification_ui}": true} {
		t.Run(hooks, func(t *testing.T) {
			hooked(t, config, hooks, func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client, there bool) {
				s.CreateIdentity(hookedPerson, cardeatest.Password)
				sent := len(s.Mails(hookedPerson))
				a := c.SignIn(hookedPerson, cardeatest.Password)
				if got := len(s.Mails(hookedPerson)) > sent; got != there {
					t.Errorf("a code was sent: %v", got)
				}
				if got := leadsToVerification(a); got != (there && shown) {
					t.Errorf("the client is led to it: %v, to %s %s", got, a.Location, a.Body)
				}
			})
		})
	}
}

// leadsToVerification says whether an answer shows the way to a verification.
func leadsToVerification(a *cardeatest.Answer) bool {
	return strings.Contains(a.Location, "/verification?flow=") || strings.Contains(string(a.Body), "show_verification_ui")
}

func TestANewAddressIsShownWhereItIsProvedWhereTheHookSaysSo(t *testing.T) {
	const config = "selfservice: {methods: {code: {enabled: true}, profile: {enabled: true}}, flows: {verification: {enabled: true, use: code}, settings: {after: {profile: {hooks: HOOKS}}}}}"
	hooked(t, config, "{hook: show_verification_ui}", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client, there bool) {
		c.SignUp(hookedPerson, cardeatest.Password)
		a := c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.email": "new@cardea.test"})
		if len(s.Mails("new@cardea.test")) == 0 {
			t.Error("no code was sent")
		}
		// A page is not led away from the form.
		if got := leadsToVerification(a); got != (there && c.Kind != cardeatest.Browser) {
			t.Errorf("the client is led to it: %v, to %s %s", got, a.Location, a.Body)
		}
	})
}

func TestARegistrationSignsInWhereTheHookSaysSo(t *testing.T) {
	hooked(t, "selfservice: {flows: {registration: {after: {password: {hooks: HOOKS}}}}}", "{hook: session}", func(t *testing.T, _ *cardeatest.Server, c *cardeatest.Client, there bool) {
		a := c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": hookedPerson, "password": cardeatest.Password})
		if c.Kind == cardeatest.Native {
			c.Token = a.Text("session_token")
		}
		if got := c.WhoAmI().Status == 200; got != there {
			t.Errorf("signed in: %v (%d %s)", got, a.Status, a.Body)
		}
	})
}

func TestHooksOfOrganizationsAreReadAndChangeNothing(t *testing.T) {
	for _, name := range []string{"b2b_sso", "organization"} {
		t.Run(name, func(t *testing.T) {
			var flows []string
			list := "hooks: [{hook: " + name + ", config: {organization: any}}]"
			for _, k := range []string{"login", "registration", "settings", "recovery", "verification"} {
				after := list
				switch k {
				case "recovery":
					after = ""
				case "registration":
					after = "password: {hooks: [{hook: " + name + "}, {hook: session}]}"
				}
				flows = append(flows, fmt.Sprintf("%s: {before: {%s}, after: {%s}}", k, list, after))
			}
			s := cardeatest.New(t, cardeatest.Options{Config: "selfservice: {methods: {profile: {enabled: true}}, flows: {" + strings.Join(flows, ", ") + "}}"})
			for _, kind := range cardeatest.Kinds {
				c := s.Client(kind)
				email := string(kind) + "@cardea.test"
				c.SignUp(email, cardeatest.Password)
				s.Client(kind).SignIn(email, cardeatest.Password)
				c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.email": email, "traits.name.first": "Ann"})
				if a := c.WhoAmI(); a.Text("identity", "traits", "name", "first") != "Ann" {
					t.Errorf("%s: %d %s", kind, a.Status, a.Body)
				}
			}
		})
	}
}

func TestAnOlderFormOfTheContractHasAVerificationOfEveryAddress(t *testing.T) {
	address := `{"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}, "verification": {"via": "email"}}}`
	schema := fmt.Sprintf(`{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {"first": %s, "second": %s}}}}`, address, address)
	config := "identity: {schemas: [{id: default, url: 'base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "'}]}\n" +
		"selfservice: {methods: {code: {enabled: true}, profile: {enabled: true}}, flows: {verification: {enabled: true, use: code}, registration: {style: unified, after: {password: {hooks: [{hook: session}]}}}}}\n"
	for _, older := range []bool{false, true} {
		for _, kind := range cardeatest.Kinds {
			t.Run(fmt.Sprintf("%t/%s", older, kind), func(t *testing.T) {
				t.Parallel()
				s := cardeatest.New(t, cardeatest.Options{Config: config + fmt.Sprintf("feature_flags: {legacy_continue_with_verification_ui: %t}\n", older)})
				c := s.Client(kind)
				expect := func(what string, a *cardeatest.Answer, addresses ...string) {
					t.Helper()
					mailed := addresses
					if !older {
						mailed = addresses[:1]
					}
					for _, to := range mailed {
						if len(s.Mails(to)) != 1 {
							t.Errorf("%s: %d mails to %s", what, len(s.Mails(to)), to)
						}
					}
					var next struct {
						Items []struct {
							Action string
							Flow   struct {
								Address string `json:"verifiable_address"`
							}
						} `json:"continue_with"`
					}
					_ = json.Unmarshal(a.Body, &next) // a page's answer has no such body
					var told []string
					for _, item := range next.Items {
						if item.Action == "show_verification_ui" {
							told = append(told, item.Flow.Address)
						}
					}
					want := mailed
					if !older || kind == cardeatest.Browser {
						want = nil
					}
					if !slices.Equal(told, want) || strings.Contains(a.Location, "/verification") {
						t.Errorf("%s tells of %v and leads to %q, want %v", what, told, a.Location, want)
					}
				}
				a := c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.first": "a@cardea.test", "traits.second": "b@cardea.test", "password": cardeatest.Password})
				if kind == cardeatest.Native {
					c.Token = a.Text("session_token")
				}
				expect("the registration", a, "a@cardea.test", "b@cardea.test")
				a = c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.first": "c@cardea.test", "traits.second": "d@cardea.test"})
				expect("the change", a, "c@cardea.test", "d@cardea.test")
			})
		}
	}
}
