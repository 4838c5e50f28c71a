package hook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
	"cardea/internal/jsonnet"
)

// TestMain makes this test binary the child that evaluates Jsonnet.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == jsonnet.WorkerCommand {
		if err := jsonnet.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const ann = "ann@cardea.test"

// told is what the hooks of these tests say.
const told = `function(ctx) {
	flow: ctx.flow.type + ' ' + ctx.flow.state, method: ctx.request_method,
	[if 'identity' in ctx then 'who']: ctx.identity.traits.email, [if 'identity' in ctx then 'id']: ctx.identity.id,
	[if 'session' in ctx then 'session']: ctx.session.id,
	[if 'transient_payload' in ctx.flow then 'transient']: ctx.flow.transient_payload,
}`

// webHook is an entry of a hook list that calls the target's path.
func (x *target) webHook(path, more string) string {
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf(`{hook: web_hook, config: {url: %q, method: POST, body: "base64://%s"%s}}`,
		x.server.URL+path, base64.StdEncoding.EncodeToString([]byte(told)), more)
}

const refusing = `{"messages": [{"instance_ptr": "#/traits/email", "messages": [{"id": 1234, "text": "not from there", "type": "error"}]}, {"instance_ptr": "", "messages": [{"id": 77, "text": "no", "type": "error"}]}]}`

// journey runs once per kind of client, each with a server and a target of its own.
func journey(t *testing.T, config func(*target) string, run func(*testing.T, *target, *cardeatest.Server, *cardeatest.Client)) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			x := newTarget(t, nil)
			s := cardeatest.New(t, cardeatest.Options{Config: config(x)})
			run(t, x, s, s.Client(kind))
		})
	}
}

// heard is what was said in the calls so far.
func (x *target) heard() []map[string]any {
	var all []map[string]any
	for _, c := range x.seen() {
		var body map[string]any
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			x.Fatal(err)
		}
		all = append(all, body)
	}
	return all
}

func register(c *cardeatest.Client, email string) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("registration", "")
	return f, f.Submit(map[string]any{"method": "password", "traits.email": email, "password": cardeatest.Password})
}

// went says whether an answer is a success for this kind of client.
func went(c *cardeatest.Client, a *cardeatest.Answer) bool {
	if c.Kind == cardeatest.Browser {
		return a.Status == 303 && a.Location == "https://ui.cardea.test/home"
	}
	return a.Status == 200
}

func people(t *testing.T, s *cardeatest.Server) []map[string]any {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal(s.Client(cardeatest.Native).Get(s.AdminURL+"/admin/identities").Body, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAHookCanRefuseARegistration(t *testing.T) {
	journey(t, func(x *target) string {
		return "selfservice: {flows: {registration: {after: {password: {hooks: [{hook: session}, " + x.webHook("/gate", "can_interrupt: true") + "]}}}}}"
	}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
		x.answer = answering(403, refusing)
		f, a := register(c, ann)
		if want := map[cardeatest.Kind]int{cardeatest.Browser: 302, cardeatest.SPA: 400, cardeatest.Native: 400}[c.Kind]; a.Status != want {
			t.Fatalf("answered %d %s, want %d", a.Status, a.Body, want)
		}
		form := f.Form(a)
		if !slices.Equal(form.Messages(), []int{77}) || !slices.Equal(form.FieldMessages("traits.email"), []int{1234}) {
			t.Errorf("the form says %v, the address %v", form.Messages(), form.FieldMessages("traits.email"))
		}
		if all := people(t, s); len(all) != 0 {
			t.Errorf("there is somebody: %v", all)
		}
		if h := x.heard()[0]; h["id"] == nobody || h["who"] != ann || h["session"] != nil {
			t.Errorf("the hook heard %v", h)
		}
		x.answer = answering(200, refusing)
		if a := f.Submit(map[string]any{"method": "password", "traits.email": ann, "password": cardeatest.Password}); !went(c, a) {
			t.Errorf("the second time: %d %s", a.Status, a.Body)
		}
	})
}

func TestAHookCanChangeWhoSignsUp(t *testing.T) {
	journey(t, func(x *target) string {
		return "selfservice: {flows: {registration: {after: {password: {hooks: [" + x.webHook("/change", "response: {parse: true}") + ", {hook: session}]}}}}}"
	}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
		x.answer = answering(200, `{"identity": {"traits": {"email": "eve@cardea.test", "age": 7}, "external_id": "e-1", "metadata_public": {"plan": "gold"}, "metadata_admin": {"score": 1},
			"verifiable_addresses": [{"value": "EVE@cardea.test", "via": "email", "verified": true}, {"value": "other@cardea.test", "via": "email", "verified": true}]}}`)
		if _, a := register(c, ann); !went(c, a) {
			t.Fatalf("answered %d %s", a.Status, a.Body)
		}
		all := people(t, s)
		if len(all) != 1 {
			t.Fatalf("there are %v", all)
		}
		i := all[0]
		addresses := i["verifiable_addresses"].([]any)
		first := addresses[0].(map[string]any)
		if i["traits"].(map[string]any)["email"] != "eve@cardea.test" || i["external_id"] != "e-1" || len(addresses) != 1 || first["verified"] != true || first["status"] != "completed" {
			t.Errorf("stored %v", i)
		}
		s.Client(c.Kind).SignIn("eve@cardea.test", cardeatest.Password)

		x.answer = answering(200, `{"identity": {"traits": {"email": "no address"}}}`)
		f, a := register(s.Client(c.Kind), "bob@cardea.test")
		if c.Kind != cardeatest.Browser && len(f.Form(a).FieldMessages("traits.email")) == 0 {
			t.Errorf("bad traits: %d %s", a.Status, a.Body)
		}
		x.answer = answering(200, `{"identity": {"state": "inactive"}}`)
		other := s.Client(c.Kind)
		f, a = register(other, "carl@cardea.test")
		if c.Kind != cardeatest.Browser && !slices.Equal(f.Form(a).Messages(), []int{4010011}) {
			t.Errorf("switched off: %d %s", a.Status, a.Body)
		}
		if other.Token != "" || other.WhoAmI().Status != 401 || len(people(t, s)) != 2 {
			t.Error("switched off, and signed in or not stored")
		}
	})
}

func TestARegistrationIsToldOfOnceItIsStored(t *testing.T) {
	journey(t, func(x *target) string {
		return "selfservice: {flows: {registration: {after: {password: {hooks: [" + x.webHook("/told", "") + ", {hook: session}]}}}}}"
	}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
		x.answer = answering(400, refusing)
		_, a := register(c, ann)
		if c.Kind == cardeatest.Browser {
			if a.Status != 303 || !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
				t.Errorf("a failure: %d %s", a.Status, a.Location)
			}
		} else if a.Status != 502 || a.ErrorID() != "upstream_error" {
			t.Errorf("a failure: %d %s", a.Status, a.Body)
		}
		all := people(t, s)
		if len(all) != 1 || c.WhoAmI().Status != 401 {
			t.Fatalf("there are %v", all)
		}
		if h := x.heard()[0]; h["id"] != all[0]["id"] {
			t.Errorf("the hook heard %v", h)
		}
	})
}

func TestALoginThatAHookRefusesLeavesNoSession(t *testing.T) {
	journey(t, func(x *target) string {
		return "selfservice: {flows: {login: {before: {hooks: [" + x.webHook("/before", "") + "]}, after: {hooks: [" + x.webHook("/gate", "response: {parse: true}") + "]}}}}"
	}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
		id := s.CreateIdentity(ann, cardeatest.Password)
		x.answer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/gate" {
				answering(403, refusing)(w, r)
			}
		}
		f := c.Start("login", "")
		a := f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
		if form := f.Form(a); !slices.Equal(form.Messages(), []int{77}) {
			t.Errorf("answered %d %s", a.Status, form.Body)
		}
		if got := string(s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities/" + id + "/sessions").Body); strings.Contains(got, `"active"`) {
			t.Errorf("there is a session: %s", got)
		}
		heard := x.heard()
		if len(heard) != 2 || heard[0]["transient"] != nil || heard[0]["method"] != "GET" || heard[1]["id"] != id || heard[1]["session"] != nobody || heard[1]["transient"] == nil {
			t.Errorf("the hooks heard %v", heard)
		}
		// What a hook wants to make of an account counts for nothing at a login.
		x.answer = answering(200, `{"identity": {"state": "inactive", "traits": {}}}`)
		c.SignIn(ann, cardeatest.Password)
		if got := c.WhoAmI().Text("identity", "traits", "email"); got != ann {
			t.Errorf("signed in as %q", got)
		}
	})
}

func TestAFailingHookAtTheStart(t *testing.T) {
	for kind, plain := range map[string]bool{"login": false, "registration": false, "recovery": true, "verification": true} {
		t.Run(kind, func(t *testing.T) {
			journey(t, func(x *target) string {
				hooks := "before: {hooks: [" + x.webHook("/before", "") + "]}"
				if kind == "recovery" || kind == "verification" {
					hooks += ", enabled: true"
				}
				return "selfservice: {methods: {code: {enabled: true}}, flows: {" + kind + ": {" + hooks + "}}}"
			}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
				x.answer = answering(400, "")
				endpoint := "browser"
				if c.Kind == cardeatest.Native {
					endpoint = "api"
				}
				a := c.Get("/self-service/" + kind + "/" + endpoint)
				if c.Kind == cardeatest.Browser && !plain {
					if a.Status != 303 || !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
						t.Errorf("answered %d %s", a.Status, a.Location)
					}
				} else if a.Status != 502 || a.ErrorID() != "upstream_error" {
					t.Errorf("answered %d %s", a.Status, a.Body)
				}
			})
		})
	}
}

func TestSettingsAskBeforeAndTellAfterwards(t *testing.T) {
	journey(t, func(x *target) string {
		return "selfservice: {methods: {profile: {enabled: true}}, flows: {settings: {before: {hooks: [" + x.webHook("/begins", "") + "]}, after: {profile: {hooks: [" +
			x.webHook("/told", "") + ", " + x.webHook("/gate", "response: {parse: true}") + "]}}}}}"
	}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
		gate := answering(400, refusing)
		x.answer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/gate" {
				gate(w, r)
			}
		}
		c.SignUp(ann, cardeatest.Password)
		f := c.Start("settings", "")
		change := map[string]any{"method": "profile", "traits.email": ann, "traits.name.first": "Ann"}
		a := f.Submit(change)
		if form := f.Form(a); !slices.Contains(form.Messages(), 77) {
			t.Errorf("refused: %d %s", a.Status, form.Body)
		}
		if got := c.WhoAmI().Text("identity", "traits", "name", "first"); got != "" {
			t.Errorf("the name is %q", got)
		}
		gate = answering(200, `{"identity": {"metadata_public": {"seen": true}}}`)
		f.Submit(change)
		me := c.WhoAmI()
		seen, _ := me.JSON["identity"].(map[string]any)["metadata_public"].(map[string]any)
		if me.Text("identity", "traits", "name", "first") != "Ann" || seen["seen"] != true {
			t.Errorf("stored %s", me.Body)
		}
		var paths []string
		for _, called := range x.seen() {
			paths = append(paths, called.path)
		}
		if want := []string{"/begins", "/gate", "/gate", "/told", "/begins"}; !slices.Equal(paths, want) {
			t.Errorf("called %v, want %v", paths, want)
		}
	})
}

func TestAHookCanRefuseTheStart(t *testing.T) {
	for _, kind := range []string{"login", "registration", "settings", "recovery", "verification"} {
		t.Run(kind, func(t *testing.T) {
			journey(t, func(x *target) string {
				hooks := "before: {hooks: [" + x.webHook("/before", "can_interrupt: true") + "]}"
				if kind == "recovery" || kind == "verification" {
					hooks += ", enabled: true"
				}
				return "selfservice: {methods: {code: {enabled: true}}, flows: {" + kind + ": {" + hooks + "}}}"
			}, func(t *testing.T, x *target, s *cardeatest.Server, c *cardeatest.Client) {
				if kind == "settings" {
					c.SignUp(ann, cardeatest.Password)
				}
				x.answer = answering(403, refusing)
				endpoint := "browser"
				if c.Kind == cardeatest.Native {
					endpoint = "api"
				}
				a := c.Get("/self-service/" + kind + "/" + endpoint)
				if c.Kind == cardeatest.Browser && a.Status == 303 {
					a = c.Get(strings.Replace(a.Location, "https://ui.cardea.test/error", "/self-service/errors", 1))
				} else if a.Status != 403 {
					t.Errorf("answered %d", a.Status)
				}
				if a.ErrorID() != "self_service_flow_refused" || a.Text("error", "reason") != "no not from there" || !strings.Contains(string(a.Body), `"id":1234`) {
					t.Errorf("told %s", a.Body)
				}
				x.answer = nil
				c.Start(kind, "")
			})
		})
	}
}
