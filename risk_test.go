package cardea_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"cardea/cardeatest"
	"cardea/internal/geo/geotest"
)

const (
	homeAddress, farAddress = "192.0.2.7", "203.0.113.9"
	confirmSignIn           = 1019003
	signInBlocked           = 4019005
)

// unusual is a server that does something about unusual sign-ins. The proxy that tests
// stand for says where clients are.
func unusual(t *testing.T, on engine, policies, more string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{DSN: on.database(t), Config: "cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [" + policies + "]" + more + "}}\nsession: {whoami: {required_aal: aal1}}\n" +
		"selfservice: {methods: {totp: {enabled: true}, code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}}\n"})
}

// at makes a client be somewhere.
func at(c *cardeatest.Client, address string) *cardeatest.Client {
	c.Header = http.Header{"X-Forwarded-For": {address}, "User-Agent": {"Mozilla/5.0 (Windows NT 10.0; rv:145.0) Firefox/145.0 <b>Click here</b>"}}
	return c
}

// atHome signs Ann up at home, with a verified address.
func atHome(t *testing.T, s *cardeatest.Server, k cardeatest.Kind) *cardeatest.Client {
	t.Helper()
	c := at(s.Client(k), homeAddress)
	c.SignUp(annsMail, cardeatest.Password)
	prove(t, s, annsMail)
	return c
}

// inquiry is the last mail that asks about a sign-in, nil for none.
func inquiry(s *cardeatest.Server) *cardeatest.Mail {
	for _, m := range slices.Backward(s.Mails(annsMail)) {
		if m.Template == "sign_in_unusual" {
			return &m
		}
	}
	return nil
}

const notifyAboutStrangers = "{when: [new_device, new_network], then: notify}"

func TestPeopleAreAskedAboutASignInOnANewDeviceInANewNetwork(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := unusual(t, nil, notifyAboutStrangers, "")
		ann := atHome(t, s, k)
		neighbour := at(s.Client(k), "192.0.2.200")
		neighbour.SignIn(annsMail, cardeatest.Password)
		if m := inquiry(s); m != nil {
			t.Fatalf("a sign-in from the same network is asked about: %s", m.Body)
		}
		stranger := at(s.Client(k), farAddress)
		stranger.SignIn(annsMail, cardeatest.Password)
		m := inquiry(s)
		if m == nil {
			t.Fatal("nobody is asked")
		}
		for what, text := range map[string]string{"browser": "Firefox", "system": "Windows", "address": farAddress} {
			if !strings.Contains(m.Body, text) {
				t.Errorf("the mail does not tell the %s: %s", what, m.Body)
			}
		}
		if strings.Contains(m.Body, "Click here") {
			t.Errorf("the mail says what the client made up: %s", m.Body)
		}
		at(s.Client(k), farAddress).SignIn(annsMail, cardeatest.Password)
		if n := len(s.Mails(annsMail)); n != 2 {
			t.Errorf("there are %d mails after another sign-in from there, want the verification and one question", n)
		}
		if ann.WhoAmI().Status != 200 {
			t.Error("Ann is not signed in any more")
		}
	})
}

func TestWhoeverItWasNotSignsThatDeviceOutByTheLinkOnce(t *testing.T) {
	forEachClient(t, inFile(signsOutByTheLink))
}

func signsOutByTheLink(t *testing.T, k cardeatest.Kind, on engine) {
	s := unusual(t, on, notifyAboutStrangers, "")
	ann := atHome(t, s, k)
	stranger := at(s.Client(k), farAddress)
	stranger.SignIn(annsMail, cardeatest.Password)
	link := inquiry(s).Link()
	if !strings.HasPrefix(link, s.PublicURL+"/not-me?token=") {
		t.Fatalf("the link is %q", link)
	}
	for range 2 { // whoever opens the link changes nothing
		a := s.Client(cardeatest.Browser).Get(strings.TrimPrefix(link, s.PublicURL))
		if a.Status != 200 || !strings.Contains(string(a.Body), "<form") {
			t.Fatalf("the page: %d %s", a.Status, a.Body)
		}
	}
	if stranger.WhoAmI().Status != 200 {
		t.Fatal("opening the link has an effect")
	}
	token := link[strings.Index(link, "token=")+6:]
	a := s.Client(cardeatest.Browser).Do("POST", "/self-service/not-me", url.Values{"token": {token}})
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, s.PublicURL+"/not-me?state=ended") {
		t.Fatalf("the button: %d %s %s", a.Status, a.Location, a.Body)
	}
	if page := s.Client(cardeatest.Browser).Get(strings.TrimPrefix(a.Location, s.PublicURL)); page.Status != 200 || !strings.Contains(string(page.Body), "/self-service/recovery/browser") {
		t.Errorf("the page afterwards does not lead to recovery: %d %s", page.Status, page.Body)
	}
	if got := stranger.WhoAmI().Status; got != 401 {
		t.Errorf("the stranger is still signed in: %d", got)
	}
	if got := ann.WhoAmI().Status; got != 200 {
		t.Errorf("Ann was signed out: %d", got)
	}
	if a := s.Client(cardeatest.SPA).Do("POST", "/self-service/not-me", map[string]any{"token": token}); a.Status != http.StatusGone {
		t.Errorf("a second time: %d %s", a.Status, a.Body)
	}
	// Nothing is compared with that sign-in any more.
	before := len(s.Mails(annsMail))
	at(s.Client(k), farAddress).SignIn(annsMail, cardeatest.Password)
	if len(s.Mails(annsMail)) != before+1 {
		t.Error("the stranger's network passes for Ann's")
	}
}

func TestWhatIsNoLinkOfThisKindEndsNothing(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: ["+notifyAboutStrangers+"]}}\n")})
	ann, id := owner(t, s, cardeatest.Native)
	stranger := at(s.Client(cardeatest.Native), farAddress)
	stranger.SignIn(annsMail, cardeatest.Password)
	mine := inquiry(s).Link()
	mine = mine[strings.Index(mine, "token=")+6:]
	move(t, ann, thiefsMail)
	other := undoLink(t, s, annsMail)
	other = other[strings.Index(other, "token=")+6:]
	bob := s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	for what, token := range map[string]string{
		"nothing": "", "a word": "x", "no secret": id + ".", "a wrong secret": id + "." + strings.Repeat("a", 64),
		"somebody else's": bob + mine[36:], "another kind's": other, "too long": strings.Repeat("a", 5000),
	} {
		if a := s.Client(cardeatest.SPA).Do("POST", "/self-service/not-me", map[string]any{"token": token}); a.Status != http.StatusGone {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	if a := s.Client(cardeatest.SPA).Do("POST", "/self-service/undo", map[string]any{"token": mine}); a.Status != http.StatusGone {
		t.Errorf("the link undoes a change of address: %d %s", a.Status, a.Body)
	}
	if stranger.WhoAmI().Status != 200 {
		t.Error("somebody was signed out")
	}
	if a := s.Client(cardeatest.SPA).Do("POST", "/self-service/not-me", map[string]any{"token": mine}); a.Status != 200 || a.Text("recovery_url") != "" {
		t.Errorf("the link itself, without recovery: %d %s", a.Status, a.Body)
	}
}

func TestALinkThatIsTooOldEndsNothing(t *testing.T) {
	s := unusual(t, nil, notifyAboutStrangers, ", not_me: {lifespan: 1ns}")
	atHome(t, s, cardeatest.Native)
	stranger := at(s.Client(cardeatest.Native), farAddress)
	stranger.SignIn(annsMail, cardeatest.Password)
	link := inquiry(s).Link()
	token := link[strings.Index(link, "token=")+6:]
	if a := s.Client(cardeatest.SPA).Do("POST", "/self-service/not-me", map[string]any{"token": token}); a.Status != http.StatusGone {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if got := stranger.WhoAmI().Status; got != 200 {
		t.Errorf("the stranger is not signed in any more: %d", got)
	}
}

func TestNobodyIsAskedAtAnAddressThatWasNotProved(t *testing.T) {
	s := unusual(t, nil, notifyAboutStrangers, "")
	at(s.Client(cardeatest.Native), homeAddress).SignUp(annsMail, cardeatest.Password)
	at(s.Client(cardeatest.Native), farAddress).SignIn(annsMail, cardeatest.Password)
	if m := inquiry(s); m != nil {
		t.Errorf("asked: %s", m.Body)
	}
}

func TestAWellKnownBrowserMayBeAnywhere(t *testing.T) {
	for _, k := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		s := unusual(t, nil, "{when: [new_device, new_network], then: block}", "")
		ann := atHome(t, s, k)
		if a := ann.Get(ann.Get("/self-service/logout/browser").Text("logout_url")); a.Status >= 400 {
			t.Fatalf("sign out: %d %s", a.Status, a.Body)
		}
		at(ann, farAddress).SignIn(annsMail, cardeatest.Password)
	}
}

// held says that a client is signed in, and that this is good for nothing.
func held(t *testing.T, c *cardeatest.Client) {
	t.Helper()
	if who := c.WhoAmI(); who.Status != 403 || who.ErrorID() != "session_aal2_required" {
		t.Fatalf("who am I: %d %s", who.Status, who.Body)
	}
	if c.Kind != cardeatest.Native {
		return
	}
	for _, path := range []string{"/sessions", "/self-service/settings/api", "/self-service/account"} {
		if a := c.Get(path); a.Status < 400 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	for _, path := range []string{"/sessions", "/sessions/" + uuid.NewString(), "/self-service/account"} {
		if a := c.Do("DELETE", path, nil); a.Status != 403 || a.ErrorID() != "session_aal2_required" {
			t.Errorf("DELETE %s: %d %s", path, a.Status, a.Body)
		}
	}
}

const holdStrangers = "{when: [new_network], then: second_factor}"

func TestAnUnusualSignInNeedsTheSecondFactorThatTheAccountHas(t *testing.T) {
	forEachClient(t, inFile(needsTheSecondFactor))
}

func needsTheSecondFactor(t *testing.T, k cardeatest.Kind, on engine) {
	s := unusual(t, on, holdStrangers, "")
	ann := atHome(t, s, k)
	f := ann.Start("settings", "")
	key := offeredKey(t, f.Answer)
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)}); a.Status >= 400 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	at(s.Client(k), homeAddress).SignIn(annsMail, cardeatest.Password) // the usual one needs none
	c := at(s.Client(k), farAddress)
	a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
	if k == cardeatest.Native {
		c.Token = a.Text("session_token")
		a = c.WhoAmI()
	}
	held(t, c)
	again := c.Start("login", "refresh=true") // the same password once more makes up for nothing
	again.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
	held(t, c)
	f = follow(t, c, a)
	if got := f.Form(f.Submit(map[string]any{"method": "totp", "totp_code": "abcdef"})).Messages(); !slices.Contains(got, wrongAppCode) {
		t.Errorf("after a wrong code: %v", got)
	}
	held(t, c)
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": appCode(t, key)}); a.Status >= 400 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if got := level(c); got != "aal2" {
		t.Errorf("the level is %s", got)
	}
}

func TestWhoeverHasNoSecondFactorConfirmsAnUnusualSignInWithACodeByMail(t *testing.T) {
	forEachClient(t, inFile(confirmsByMail))
}

func confirmsByMail(t *testing.T, k cardeatest.Kind, on engine) {
	s := unusual(t, on, holdStrangers, "")
	ann := atHome(t, s, k)
	var c *cardeatest.Client
	var a *cardeatest.Answer
	for range 2 { // a sign-in that nobody has confirmed makes nothing known
		c = at(s.Client(k), farAddress)
		a = c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password})
		if k == cardeatest.Native {
			c.Token = a.Text("session_token")
			a = c.WhoAmI()
		}
		held(t, c)
	}
	f := follow(t, c, a)
	if f.Answer.Node("totp_secret_key") != nil || f.Answer.Node("totp_code") != nil || f.Answer.Node("code") == nil {
		t.Errorf("the form: %s", f.Answer.Body)
	}
	code := s.LastMail(annsMail).Code()
	if f.Submit(map[string]any{"method": "code", "code": cardeatest.WrongCode(code)}); code == "" {
		t.Fatal("there is no code")
	}
	held(t, c)
	if a := f.Submit(map[string]any{"method": "code", "code": code}); a.Status >= 400 && a.Status != 422 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if got := level(c); got != "aal1" {
		t.Errorf("the level is %q: %s", got, c.WhoAmI().Body)
	}
	if ann.WhoAmI().Status != 200 {
		t.Error("Ann is not signed in any more")
	}
	at(s.Client(k), farAddress).SignIn(annsMail, cardeatest.Password)
	if k == cardeatest.Native {
		return
	}
	if a := c.Start("settings", "").Answer; a.Status >= 400 {
		t.Errorf("settings: %d %s", a.Status, a.Body)
	}
}

// turnedAway says whether a sign-in was stopped.
func turnedAway(t *testing.T, c *cardeatest.Client, f *cardeatest.Flow, a *cardeatest.Answer) {
	t.Helper()
	if c.Kind == cardeatest.Browser {
		if got := f.Form(a).Messages(); !slices.Equal(got, []int{signInBlocked}) {
			t.Errorf("the form says %v: %d %s", got, a.Status, a.Body)
		}
	} else if a.Status != 403 || a.ErrorID() != "sign_in_blocked" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if got := c.WhoAmI().Status; got != 401 {
		t.Errorf("somebody is signed in: %d", got)
	}
}

func TestASignInThatIsBlockedLeavesNobodySignedIn(t *testing.T) { forEachClient(t, inFile(isStopped)) }

func isStopped(t *testing.T, k cardeatest.Kind, on engine) {
	file := geotest.Write(t, map[string]geotest.Map{"192.0.2.0/24": geotest.City("Harbour", "NO", 60, 5, 20), "203.0.113.0/24": geotest.City("Quay", "AU", -33.9, 151.2, 50)})
	s := cardeatest.New(t, cardeatest.Options{DSN: on.database(t), Config: "cardea: {geoip: {file: '" + file + "'}, throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [impossible_travel], then: block}]}}\n"})
	at(s.Client(k), homeAddress).SignUp(annsMail, cardeatest.Password)
	c := at(s.Client(k), farAddress)
	f := c.Start("login", "")
	wrong := f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"})
	if got := f.Form(wrong).Messages(); !slices.Equal(got, []int{wrongPassword}) {
		t.Errorf("a wrong password: %v", got)
	}
	turnedAway(t, c, f, f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password}))
	at(s.Client(k), "198.51.100.1").SignIn(annsMail, cardeatest.Password) // of which nobody knows where it is
}

func TestWhereAccountsMustNotBeToldApartABlockedPasswordLooksWrong(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := cardeatest.New(t, cardeatest.Options{Config: "security: {account_enumeration: {mitigate: true}}\n" +
			"cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [new_network], then: block}]}}\n"})
		at(s.Client(k), homeAddress).SignUp(annsMail, cardeatest.Password)
		var bodies []string
		for _, password := range []string{cardeatest.Password, "wrong-Wombats-99"} {
			c := at(s.Client(k), farAddress)
			f := c.Start("login", "")
			a := f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": password})
			if got := f.Form(a).Messages(); !slices.Equal(got, []int{wrongPassword}) {
				t.Errorf("%s: %v", password, got)
			}
			if c.WhoAmI().Status != 401 {
				t.Error("somebody is signed in")
			}
			bodies = append(bodies, a.Header.Get("Content-Type")+a.ErrorID())
		}
		if bodies[0] != bodies[1] {
			t.Errorf("told apart: %q", bodies)
		}
	})
}

func TestAnAccountThatCanShowNothingElseIsNotLetInWhereSomethingElseIsAskedFor(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := unusual(t, nil, holdStrangers, "")
		at(s.Client(k), homeAddress).SignUp(annsMail, cardeatest.Password) // and proves no address
		c := at(s.Client(k), farAddress)
		f := c.Start("login", "")
		turnedAway(t, c, f, f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password}))
	})
}
