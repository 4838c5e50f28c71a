package cardea_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// hydra is the login part of an OAuth2 server's admin API as Ory Hydra speaks it.
// A challenge can be accepted once.
type hydra struct {
	*httptest.Server
	mu       sync.Mutex
	accepted map[string]map[string]any // by challenge
	asked    int
	refuses  bool // every acceptance
}

func newHydra(t *testing.T) *hydra {
	h := &hydra{accepted: map[string]map[string]any{}}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (h *hydra) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	answer := func(status int, body map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	challenge := r.URL.Query().Get("login_challenge")
	switch at := r.Method + " " + r.URL.Path; {
	case r.Header.Get("X-Key") != "secret":
		answer(401, map[string]any{"error": "request_unauthorized"})
	case strings.HasPrefix(challenge, "unknown"):
		answer(404, map[string]any{"error": "Not Found", "error_hint": "start again"})
	case h.accepted[challenge] != nil:
		answer(410, map[string]any{"redirect_to": "https://hydra.cardea.test/used"})
	case at == "GET /below/admin/oauth2/auth/requests/login":
		h.asked++
		answer(200, map[string]any{
			"challenge": challenge, "skip": strings.HasPrefix(challenge, "skip"), "subject": "", "client": map[string]any{"client_id": "app", "client_name": "An App"},
			"request_url": "https://hydra.cardea.test/oauth2/auth?client_id=app",
		})
	case at == "PUT /below/admin/oauth2/auth/requests/login/accept" && !h.refuses:
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		h.accepted[challenge] = body
		answer(200, map[string]any{"redirect_to": blessed(challenge)})
	default:
		answer(404, map[string]any{"error": "not_found"})
	}
}

// blessed is where an accepted challenge leads.
func blessed(challenge string) string {
	return "https://hydra.cardea.test/oauth2/auth?login_verifier=" + challenge
}

func (h *hydra) acceptance(challenge string) map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.accepted[challenge]
}

// config points a server to it.
func (h *hydra) config(more string) cardeatest.Options {
	return cardeatest.Options{Config: "oauth2_provider: {url: '" + h.URL + "/below/', headers: {X-Key: secret}}\n" + more}
}

// sentTo is where an answer sends the browser.
func sentTo(a *cardeatest.Answer) string {
	if a.Location != "" {
		return a.Location
	}
	return a.Text("redirect_browser_to")
}

// withHydra runs a journey for the clients that can be redirected.
func withHydra(t *testing.T, more string, journey func(*testing.T, *hydra, *cardeatest.Server, *cardeatest.Client)) {
	t.Helper()
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(kind), func(t *testing.T) {
			h := newHydra(t)
			s := cardeatest.New(t, h.config(more))
			journey(t, h, s, s.Client(kind))
		})
	}
}

const annsMail = "ann@cardea.test"

func TestALoginForAnOAuth2ServerLeadsBackToIt(t *testing.T) {
	withHydra(t, "", func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		id := s.CreateIdentity(annsMail, cardeatest.Password)
		f := ann.Start("login", "login_challenge=one")
		if got := f.Answer.Text("oauth2_login_request", "client", "client_name"); got != "An App" {
			t.Errorf("the form is for %q", got)
		}
		fields := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong"}
		form := f.Form(f.Submit(fields))
		if form.Text("oauth2_login_challenge") != "one" || form.Text("oauth2_login_request", "client", "client_id") != "app" {
			t.Errorf("after a wrong password: %s", form.Body)
		}
		if h.acceptance("one") != nil {
			t.Fatal("a wrong password was accepted")
		}
		fields["password"] = cardeatest.Password
		a := f.Submit(fields)
		if sentTo(a) != blessed("one") || ann.Kind == cardeatest.SPA && (a.Status != 422 || a.ErrorID() != "browser_location_change_required") {
			t.Fatalf("answered %d to %q: %s", a.Status, sentTo(a), a.Body)
		}
		me := ann.WhoAmI()
		got := h.acceptance("one")
		if got["subject"] != id || got["identity_provider_session_id"] != me.Text("id") || len(got) != 5 {
			t.Errorf("accepted %v for the session %s", got, me.Text("id"))
		}
	})
}

func TestWhoeverIsSignedInProvesItAgainUnlessTheServerSaysOtherwise(t *testing.T) {
	withHydra(t, "", func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		s.CreateIdentity(annsMail, cardeatest.Password)
		ann.SignIn(annsMail, cardeatest.Password)
		f := ann.Start("login", "login_challenge=again")
		if f.Answer.JSON["refresh"] != true {
			t.Errorf("the form is no proof of who is there: %s", f.Answer.Body)
		}
		a := f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
		if sentTo(a) != blessed("again") {
			t.Errorf("answered %d to %q", a.Status, sentTo(a))
		}
		if amr, _ := h.acceptance("again")["amr"].([]any); len(amr) != 2 {
			t.Errorf("told of %v", amr)
		}
		a = ann.Get("/self-service/login/browser?login_challenge=skip-1")
		if h.acceptance("skip-1") == nil {
			t.Error("a login that may be skipped was not accepted")
		}
		if ann.Kind == cardeatest.Browser && sentTo(a) != blessed("skip-1") || ann.Kind == cardeatest.SPA && a.ErrorID() != "session_already_available" {
			t.Errorf("answered %d to %q: %s", a.Status, sentTo(a), a.Body)
		}
		a = ann.Get("/self-service/registration/browser?login_challenge=skip-2")
		if sentTo(a) != blessed("skip-2") {
			t.Errorf("a registration that is a login: %d to %q", a.Status, sentTo(a))
		}
		a = ann.Get("/self-service/registration/browser?login_challenge=other")
		if want := s.PublicURL + "/self-service/login/browser?login_challenge=other"; a.Status != 302 || a.Location != want {
			t.Errorf("a registration of somebody with an account: %d to %q", a.Status, a.Location)
		}
	})
}

func TestAChallengeThatIsNoGoodStartsNothing(t *testing.T) {
	withHydra(t, "", func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		h.accepted["used"] = map[string]any{}
		for challenge, want := range map[string]string{"unknown": "400", "used": "400", "": "400"} {
			for _, kind := range []string{"login", "registration"} {
				a := ann.Get("/self-service/" + kind + "/browser?login_challenge=" + challenge)
				if ann.Kind == cardeatest.Browser {
					page, err := url.Parse(a.Location)
					if err != nil {
						t.Fatal(err)
					}
					a = s.Client(cardeatest.Native).Get("/self-service/errors?id=" + page.Query().Get("id"))
				}
				if code, _ := json.Marshal(a.JSON["error"].(map[string]any)["code"]); string(code) != want {
					t.Errorf("%s with %q: %s", kind, challenge, a.Body)
				}
			}
		}
	})
}

func TestAnAcceptanceThatIsRefusedLeavesThePersonSignedIn(t *testing.T) {
	withHydra(t, "", func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		h.refuses = true
		s.CreateIdentity(annsMail, cardeatest.Password)
		a := ann.Start("login", "login_challenge=one").Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
		if ann.Kind == cardeatest.SPA && a.Status != 500 || ann.Kind == cardeatest.Browser && !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
			t.Errorf("answered %d to %q", a.Status, a.Location)
		}
		wantStatus(t, "whoami", ann.WhoAmI(), 200)
	})
}

func TestARegistrationForAnOAuth2ServerLeadsBackToIt(t *testing.T) {
	for name, hooks := range map[string]string{"with a session": "[{hook: session}]", "without one": "[]"} {
		t.Run(name, func(t *testing.T) {
			withHydra(t, "selfservice: {flows: {registration: {after: {password: {hooks: "+hooks+"}}}}}", func(t *testing.T, h *hydra, _ *cardeatest.Server, ann *cardeatest.Client) {
				f := ann.Start("registration", "login_challenge=new")
				a := f.Submit(map[string]any{"method": "password", "traits.email": annsMail, "password": cardeatest.Password})
				told := h.acceptance("new")
				if ann.Kind == cardeatest.SPA && hooks == "[]" {
					if a.Status != 200 || told != nil {
						t.Errorf("answered %d, accepted %v", a.Status, told)
					}
					return
				}
				to := a.Location
				if ann.Kind == cardeatest.SPA {
					to = a.JSON["continue_with"].([]any)[0].(map[string]any)["redirect_browser_to"].(string)
				}
				if to != blessed("new") || told["subject"] == "" || told["identity_provider_session_id"] == "" {
					t.Errorf("answered %d to %q, accepted %v", a.Status, to, told)
				}
				if got, want := ann.WhoAmI().Status, map[bool]int{true: 401, false: 200}[hooks == "[]"]; got != want {
					t.Errorf("whoami answers %d, want %d", got, want)
				}
			})
		})
	}
}

func TestAChallengeSurvivesTheProofOfAnAddress(t *testing.T) {
	const config = `selfservice: {methods: {code: {enabled: true}}, flows: {verification: {enabled: true, use: code}, registration: {after: {password: {hooks: [{hook: show_verification_ui}]}}}}}`
	for _, own := range []bool{true, false} {
		t.Run(map[bool]string{true: "in the same browser", false: "elsewhere"}[own], func(t *testing.T) {
			h := newHydra(t)
			s := cardeatest.New(t, h.config(config))
			ann := s.Client(cardeatest.Browser)
			a := ann.Start("registration", "login_challenge=new").Submit(map[string]any{"method": "password", "traits.email": annsMail, "password": cardeatest.Password})
			page, err := url.Parse(a.Location)
			if err != nil || page.Path != "/verification" || h.acceptance("new") != nil {
				t.Fatalf("answered %d to %q, accepted %v", a.Status, a.Location, h.acceptance("new"))
			}
			if !own {
				ann = s.Client(cardeatest.Browser)
			}
			flow := "/self-service/verification?flow=" + page.Query().Get("flow")
			a = ann.Do("POST", flow, url.Values{"method": {"code"}, "code": {s.LastMail(annsMail).Code()}})
			if own != (a.Location == blessed("new")) || own != (h.acceptance("new") != nil) {
				t.Errorf("answered %d to %q, accepted %v", a.Status, a.Location, h.acceptance("new"))
			}
			if got, want := ann.WhoAmI().Status, map[bool]int{true: 200, false: 401}[own]; got != want {
				t.Errorf("whoami answers %d, want %d", got, want)
			}
		})
	}
}

func TestAChallengeSurvivesALoginThatHasToWaitForAProof(t *testing.T) {
	const config = `selfservice: {methods: {code: {enabled: true}}, flows: {verification: {enabled: true, use: code}, login: {after: {password: {hooks: [{hook: require_verified_address}]}}}}}`
	withHydra(t, config, func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		s.CreateIdentity(annsMail, cardeatest.Password)
		password := map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password}
		a := ann.Start("login", "login_challenge=held&return_to=https%3A%2F%2Fapp.cardea.test%2Finside").Submit(password)
		if h.acceptance("held") != nil || ann.WhoAmI().Status != 401 {
			t.Fatalf("nobody has proved anything: %d %s", a.Status, a.Body)
		}
		found := regexp.MustCompile(`verification\?flow=([0-9a-f-]{36})`).FindStringSubmatch(a.Location + string(a.Body))
		if found == nil {
			t.Fatalf("no verification was begun: %d %s %s", a.Status, a.Location, a.Body)
		}
		id := found[1]
		ann.Do("POST", "/self-service/verification?flow="+id, map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()})
		proved := ann.Get("/self-service/verification/flows?id=" + id)
		next := proved.Node("continue")
		if next == nil {
			t.Fatalf("the proof leads nowhere: %s", proved.Body)
		}
		to, err := url.Parse(fmt.Sprint(next.Attributes["href"]))
		if err != nil || to.Path != "/self-service/login/browser" || to.Query().Get("login_challenge") != "held" || to.Query().Get("return_to") != "https://app.cardea.test/inside" {
			t.Fatalf("the proof leads to %q", to)
		}
		if a := ann.Start("login", to.RawQuery).Submit(password); sentTo(a) != blessed("held") {
			t.Errorf("answered %d to %q", a.Status, sentTo(a))
		}
	})
}

func TestANativeAppKeepsAChallengeThatNobodyAccepts(t *testing.T) {
	h := newHydra(t)
	s := cardeatest.New(t, h.config(""))
	s.CreateIdentity(annsMail, cardeatest.Password)
	f := s.Client(cardeatest.Native).Start("login", "login_challenge=unknown")
	if f.Answer.Text("oauth2_login_challenge") != "unknown" {
		t.Errorf("started %s", f.Answer.Body)
	}
	a := f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
	if a.Status != 200 || len(h.accepted) != 0 {
		t.Errorf("answered %d, accepted %v", a.Status, h.accepted)
	}
}

func TestAnOverriddenPlaceStillHasToBeAllowed(t *testing.T) {
	h := newHydra(t)
	for allowed, want := range map[string]int{"https://hydra.cardea.test/": 200, "https://app.cardea.test/": 400} {
		o := h.config("selfservice: {allowed_return_urls: ['" + allowed + "']}")
		o.Config = strings.Replace(o.Config, "headers:", "override_return_to: true, headers:", 1)
		s := cardeatest.New(t, o)
		a := s.Client(cardeatest.SPA).Get("/self-service/login/browser?login_challenge=one&return_to=https%3A%2F%2Fevil.test%2F")
		if a.Status != want || want == 200 && a.Text("return_to") != "https://hydra.cardea.test/oauth2/auth?client_id=app" {
			t.Errorf("%s: answered %d %s", allowed, a.Status, a.Body)
		}
	}
}
