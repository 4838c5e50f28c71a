package cardea_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cardea/cardeatest"
)

// policy is a configuration with authenticator apps in which everybody who is meant
// needs two factors.
func policy(meant string) string {
	return "selfservice: {methods: {totp: {enabled: true}, lookup_secret: {enabled: true}}}\n" +
		"cardea: {assurance: {require_aal2: {" + meant + "}}}\n"
}

const setUp = 1019001 // the message of a login in which a second factor is set up

func forEachClient(t *testing.T, body func(t *testing.T, k cardeatest.Kind)) {
	t.Helper()
	for _, k := range cardeatest.Kinds {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			body(t, k)
		})
	}
}

// withPassword signs in with the first factor, whatever is asked for next.
func withPassword(s *cardeatest.Server, k cardeatest.Kind, query string) (*cardeatest.Client, *cardeatest.Answer) {
	c := s.Client(k)
	a := c.Start("login", query).Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
	if k == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
	return c, a
}

// offeredKey is the key of an authenticator app that a form offers.
func offeredKey(t *testing.T, a *cardeatest.Answer) string {
	t.Helper()
	n := a.Node("totp_secret_key")
	if n == nil {
		t.Fatalf("the form offers no authenticator app: %d %s", a.Status, a.Body)
	}
	return n.Attributes["text"].(map[string]any)["context"].(map[string]any)["secret"].(string)
}

func appCode(t *testing.T, key string) string {
	t.Helper()
	code, err := totp.GenerateCode(key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// follow starts the login that an answer leads to, the way this client does.
func follow(t *testing.T, c *cardeatest.Client, a *cardeatest.Answer) *cardeatest.Flow {
	t.Helper()
	to, err := url.Parse(sentTo(a))
	if err != nil || !strings.HasSuffix(to.Path, "/self-service/login/browser") {
		t.Fatalf("led to %q: %d %s", sentTo(a), a.Status, a.Body)
	}
	return c.Start("login", to.RawQuery)
}

func level(c *cardeatest.Client) string { return c.WhoAmI().Text("authenticator_assurance_level") }

func TestWhoeverNeedsASecondFactorSetsItUpWhileSigningIn(t *testing.T) {
	const to = "https://app.cardea.test/inside"
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := cardeatest.New(t, cardeatest.Options{Config: policy("everyone: true")})
		s.CreateIdentity(annsMail, cardeatest.Password)
		c, a := withPassword(s, k, "return_to="+url.QueryEscape(to))
		if who := c.WhoAmI(); who.Status != 403 || who.ErrorID() != "session_aal2_required" {
			t.Fatalf("one factor answers %d %s", who.Status, who.Body)
		}
		if k == cardeatest.Native { // who is told by whoami, and by what the session does not show
			if a.JSON["session"].(map[string]any)["identity"] != nil {
				t.Error("the session shows the identity")
			}
			a = c.WhoAmI()
		}
		f := follow(t, c, a)
		if got := f.Answer.Messages(); !slices.Equal(got, []int{setUp}) {
			t.Errorf("the form says %v", got)
		}
		if f.Answer.Node("totp_qr") == nil || f.Answer.Node("lookup_secret") != nil || f.Answer.Node("totp_unlink") != nil {
			t.Errorf("the form: %s", f.Answer.Body)
		}
		key := offeredKey(t, f.Answer)
		if got := f.Form(f.Submit(map[string]any{"method": "totp", "totp_code": "abcdef"})).FieldMessages("totp_code"); !slices.Equal(got, []int{4000008}) {
			t.Errorf("after a wrong code: %v", got)
		}
		if again := offeredKey(t, f.Fetch()); again != key {
			t.Error("a wrong code changed the key")
		}
		a = f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)})
		switch {
		case k == cardeatest.Browser && (a.Status != 303 || a.Location != to),
			k != cardeatest.Browser && a.Status != 200:
			t.Fatalf("answered %d %s %s", a.Status, a.Location, a.Body)
		case k == cardeatest.SPA:
			next, _ := a.JSON["continue_with"].([]any)
			if len(next) != 1 || next[0].(map[string]any)["redirect_browser_to"] != to {
				t.Errorf("goes on with %v", next)
			}
		}
		if got := level(c); got != "aal2" {
			t.Errorf("the session is at %q", got)
		}
		// The next sign-in asks for the factor that is there now.
		c, a = withPassword(s, k, "")
		if k == cardeatest.Native {
			a = c.WhoAmI()
		}
		f = follow(t, c, a)
		if f.Answer.Node("totp_secret_key") != nil || f.Answer.Node("totp_code") == nil {
			t.Errorf("a second form: %s", f.Answer.Body)
		}
	})
}

func TestNobodyGetsAroundSettingUpASecondFactor(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := cardeatest.New(t, cardeatest.Options{Config: policy("everyone: true") + "session: {whoami: {required_aal: aal1}}\n"})
		s.CreateIdentity(annsMail, cardeatest.Password)
		c, _ := withPassword(s, k, "")
		endpoint := "browser"
		if k == cardeatest.Native {
			endpoint = "api"
		}
		for _, path := range []string{"/sessions/whoami", "/sessions", "/self-service/settings/" + endpoint} {
			if a := c.Get(path); a.ErrorID() != "session_aal2_required" && !strings.Contains(a.Location, "aal=aal2") {
				t.Errorf("%s: %d %s %s", path, a.Status, a.Location, a.Body)
			}
		}
	})
}

func TestAFactorThatIsThereIsNotReplacedByOneThatIsSetUp(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := cardeatest.New(t, cardeatest.Options{Config: policy("everyone: true")})
		s.CreateIdentity(annsMail, cardeatest.Password)
		owner, _ := withPassword(s, k, "")
		thief, _ := withPassword(s, k, "")
		mine, theirs := owner.Start("login", "aal=aal2"), thief.Start("login", "aal=aal2")
		if a := mine.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, offeredKey(t, mine.Answer))}); a.Status >= 400 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		key := offeredKeyOrNone(theirs.Answer)
		a := theirs.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)})
		if a.Status == http.StatusOK || k == cardeatest.Browser && !strings.Contains(a.Location, "aal=aal2") && !strings.Contains(a.Location, "/login?flow=") {
			t.Errorf("%d %s %s", a.Status, a.Location, a.Body)
		}
		if got := level(thief); got != "" {
			t.Errorf("the second session is at %s", got)
		}
		if theirs.Fetch().Node("totp_secret_key") != nil {
			t.Error("the form still offers a key")
		}
	})
}

func offeredKeyOrNone(a *cardeatest.Answer) string {
	if n := a.Node("totp_secret_key"); n != nil {
		return n.Attributes["text"].(map[string]any)["context"].(map[string]any)["secret"].(string)
	}
	return "JBSWY3DPEHPK3PXP"
}

func TestASecondFactorIsSetUpByAFreshSignInOnly(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := cardeatest.New(t, cardeatest.Options{Config: "selfservice: {flows: {settings: {privileged_session_max_age: 1ns}}}\n" +
			"cardea: {assurance: {require_aal2: {everyone: true}}}\n"})
		s.CreateIdentity(annsMail, cardeatest.Password)
		c, _ := withPassword(s, k, "")
		endpoint := "browser"
		if k == cardeatest.Native {
			endpoint = "api"
		}
		a := c.Get("/self-service/login/" + endpoint + "?aal=aal2&return_to=https%3A%2F%2Fapp.cardea.test%2Finside")
		to, err := url.Parse(sentTo(a))
		if err != nil || k != cardeatest.Browser && (a.Status != 403 || a.ErrorID() != "session_refresh_required") {
			t.Fatalf("%d %s %s", a.Status, a.Location, a.Body)
		}
		if q := to.Query(); q.Get("refresh") != "true" || q.Get("return_to") != "https://app.cardea.test/inside" || q.Get("aal") != "" {
			t.Errorf("led to %s", to)
		}
	})
}

func TestTwoPeopleInOneBrowserDoNotShareASetUp(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: policy("everyone: true")})
	s.CreateIdentity(annsMail, cardeatest.Password)
	s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	c, _ := withPassword(s, cardeatest.Native, "")
	f := c.Start("login", "aal=aal2")
	key := offeredKey(t, f.Answer)
	bob := s.Client(cardeatest.Native)
	c.Token = bob.Start("login", "").Submit(map[string]any{"method": "password", "identifier": "bob@cardea.test", "password": cardeatest.Password}).Text("session_token")
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)}); a.Status != 403 || a.ErrorID() != "security_identity_mismatch" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if f.Fetch().Node("totp_secret_key") != nil {
		t.Error("the key is shown to somebody else")
	}
	c.Token = ""
	if f.Fetch().Node("totp_secret_key") != nil {
		t.Error("the key is shown to anybody")
	}
}

func TestAPolicyIsAboutThoseWhoAreMeant(t *testing.T) {
	past, future := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	const org, other = "6f8f1f0b-98a5-4c1a-8f46-7d4f0c8f4b11", "0b4e9b2e-8f6a-4bd0-9a68-0a4ea5a0c3d2"
	for meant, want := range map[string]int{
		"":                                           200,
		"everyone: false":                            200,
		"everyone: true":                             403,
		"schemas: [default]":                         403,
		"schemas: [others]":                          200,
		"organizations: [" + org + "]":               403,
		"organizations: [" + other + "]":             200,
		"oauth2_clients: [app]":                      200,
		"everyone: true, since: '" + past + "'":      403,
		"everyone: true, since: " + past:             403, // as YAML reads it
		"everyone: true, since: '" + future + "'":    200,
		"everyone: true, grace_period: 1h":           200,
		"everyone: true, grace_period: 0s":           403,
		"schemas: [others, default], organizations:": 403,
	} {
		t.Run(meant, func(t *testing.T) {
			t.Parallel()
			if strings.HasSuffix(meant, "organizations:") {
				meant += " [" + other + "]"
			}
			s := cardeatest.New(t, cardeatest.Options{Config: policy(meant)})
			a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
				"schema_id": "default", "traits": map[string]any{"email": annsMail}, "organization_id": org,
				"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}}},
			})
			if a.Status != 201 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			c, _ := withPassword(s, cardeatest.Native, "")
			if got := c.WhoAmI().Status; got != want {
				t.Errorf("one factor answers %d, want %d", got, want)
			}
		})
	}
}

func TestAnOAuth2ClientCanWantTwoFactors(t *testing.T) {
	withHydra(t, policy("oauth2_clients: [app]"), func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		s.CreateIdentity(annsMail, cardeatest.Password)
		a := ann.Start("login", "login_challenge=one").Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
		if h.acceptance("one") != nil {
			t.Fatal("one factor is accepted")
		}
		if got := ann.WhoAmI().Status; got != 200 {
			t.Errorf("without the client one factor answers %d", got)
		}
		f := follow(t, ann, a)
		if got := f.Answer.Text("oauth2_login_challenge"); got != "one" {
			t.Fatalf("the challenge is %q by now", got)
		}
		a = f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, offeredKey(t, f.Answer))})
		if sentTo(a) != blessed("one") || h.acceptance("one") == nil {
			t.Errorf("%d to %q: %s", a.Status, sentTo(a), a.Body)
		}
	})
}

func TestASkippedLoginDoesNotSkipTheSecondFactor(t *testing.T) {
	withHydra(t, policy("oauth2_clients: [app]"), func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		ann.SignUp(annsMail, cardeatest.Password)
		a := ann.Get("/self-service/login/browser?login_challenge=skip-1")
		if h.acceptance("skip-1") != nil || !strings.Contains(sentTo(a), "aal=aal2") || !strings.Contains(sentTo(a), "login_challenge=skip-1") {
			t.Errorf("%d to %q: %s", a.Status, sentTo(a), a.Body)
		}
	})
}

func TestWhoeverSignsUpForAClientThatWantsTwoFactorsSetsUpTheSecondFirst(t *testing.T) {
	withHydra(t, policy("everyone: true"), func(t *testing.T, h *hydra, s *cardeatest.Server, ann *cardeatest.Client) {
		f := ann.Start("registration", "login_challenge=one")
		a := f.Submit(map[string]any{"method": "password", "traits.email": annsMail, "password": cardeatest.Password})
		if h.acceptance("one") != nil {
			t.Fatal("one factor is accepted")
		}
		f = follow(t, ann, a)
		a = f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, offeredKey(t, f.Answer))})
		if sentTo(a) != blessed("one") || h.acceptance("one") == nil {
			t.Errorf("%d to %q: %s", a.Status, sentTo(a), a.Body)
		}
	})
}
