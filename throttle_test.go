package cardea_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cardea/cardeatest"
)

const (
	tooManyAttempts = 4019004
	wrongPassword   = 4000006
)

// throttled is a server on which three wrong guesses are the last ones, with more
// settings of cardea.throttle.
func throttled(t *testing.T, more string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: "cardea: {throttle: {account: {free: 3, stop: 3}, codes: {free: 3, stop: 3}" + more + "}}\n" +
		"selfservice: {methods: {code: {enabled: true, config: {max_submissions: 20}}}, flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}}\n"})
}

func tries(c *cardeatest.Client, identifier, password string) *cardeatest.Answer {
	f := c.Start("login", "")
	return f.Submit(map[string]any{"method": "password", "identifier": identifier, "password": password})
}

// refused says whether a guess was not looked at.
func refused(t *testing.T, c *cardeatest.Client, a *cardeatest.Answer) bool {
	t.Helper()
	if c.Kind == cardeatest.Browser {
		return a.Status == 303 && strings.Contains(a.Location, "/login?flow=") &&
			slices.Contains(c.Get("/self-service/login/flows?id="+a.Location[strings.Index(a.Location, "flow=")+5:]).Messages(), tooManyAttempts)
	}
	if a.Status != 429 {
		return false
	}
	if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 || a.ErrorID() != "too_many_attempts" {
		t.Errorf("Retry-After %q, id %q", a.Header.Get("Retry-After"), a.ErrorID())
	}
	return true
}

// lockOut uses up all guesses of strangers at an identifier.
func lockOut(s *cardeatest.Server, identifier string) {
	for range 3 {
		tries(s.Client(cardeatest.Native), identifier, "wrong-Wombats-99")
	}
}

func TestTooManyWrongPasswordsAreNotLookedAtWhoeverHasTheIdentifier(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := throttled(t, "")
		s.CreateIdentity(annsMail, cardeatest.Password)
		for identifier, again := range map[string][]string{
			annsMail:            {"ANN@cardea.test", " ann@cardea.test "},
			"eve@cardea.test":   {"EVE@cardea.test", "eve@cardea.test"},
			"+49 30 1234567":    {"+49301234567"},
			"ünïcode@cardea.de": {"ÜNÏCODE@cardea.de"},
		} {
			for n := range 3 {
				c := s.Client(k)
				if refused(t, c, tries(c, identifier, "wrong-Wombats-99")) {
					t.Errorf("%s: guess %d was refused", identifier, n+1)
				}
			}
			for _, form := range append(again, identifier) {
				c := s.Client(k)
				if a := tries(c, form, cardeatest.Password); !refused(t, c, a) {
					t.Errorf("%s as %q was looked at: %d %s", identifier, form, a.Status, a.Body)
				}
			}
		}
	})
}

func TestWhereSomebodyWasSignedInTheyGetInWhileStrangersAreLockedOut(t *testing.T) {
	for _, k := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(k), func(t *testing.T) {
			s := throttled(t, "")
			s.CreateIdentity(annsMail, cardeatest.Password)
			s.CreateIdentity("bob@cardea.test", cardeatest.Password)
			known, other := s.Client(k), s.Client(k)
			known.SignIn(annsMail, cardeatest.Password)
			other.SignIn("bob@cardea.test", cardeatest.Password)
			for _, c := range []*cardeatest.Client{known, other} {
				if a := c.Get(c.Get("/self-service/logout/browser").Text("logout_url")); a.Status >= 400 {
					t.Fatalf("sign out: %d %s", a.Status, a.Body)
				}
				if a := c.WhoAmI(); a.Status != 401 {
					t.Fatalf("still signed in: %d", a.Status)
				}
			}
			lockOut(s, annsMail)
			if a := tries(other, annsMail, cardeatest.Password); !refused(t, other, a) {
				t.Errorf("somebody else's browser: %d %s", a.Status, a.Body)
			}
			known.SignIn(annsMail, cardeatest.Password)
		})
	}
	t.Run("whoever is signed in", func(t *testing.T) {
		s := throttled(t, "")
		c := s.Client(cardeatest.Native)
		c.SignUp(annsMail, cardeatest.Password)
		lockOut(s, annsMail)
		f := c.Start("login", "refresh=true")
		if a := f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": cardeatest.Password}); a.Status != 200 {
			t.Errorf("to confirm the password: %d %s", a.Status, a.Body)
		}
	})
}

func TestOneKnownDeviceUsesUpNoGuessesOfAnother(t *testing.T) {
	for _, k := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(k), func(t *testing.T) {
			s := throttled(t, ", device: {free: 3, stop: 3}")
			s.CreateIdentity(annsMail, cardeatest.Password)
			lost, own := s.Client(k), s.Client(k)
			for _, c := range []*cardeatest.Client{lost, own} {
				c.SignIn(annsMail, cardeatest.Password)
				if a := c.Get(c.Get("/self-service/logout/browser").Text("logout_url")); a.Status >= 400 {
					t.Fatalf("sign out: %d %s", a.Status, a.Body)
				}
			}
			for range 3 {
				tries(lost, annsMail, "wrong-Wombats-99")
			}
			if a := tries(lost, annsMail, cardeatest.Password); !refused(t, lost, a) {
				t.Errorf("the lost device: %d %s", a.Status, a.Body)
			}
			own.SignIn(annsMail, cardeatest.Password)
		})
	}
}

func TestAnOperatorOrARecoveryLetsSomebodyInAgain(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := throttled(t, "")
		id := s.CreateIdentity(annsMail, cardeatest.Password)
		locked := func(want bool) {
			t.Helper()
			c := s.Client(k)
			if a := tries(c, annsMail, cardeatest.Password); refused(t, c, a) != want {
				t.Errorf("refused is not %t: %d %s", want, a.Status, a.Body)
			}
		}
		lockOut(s, annsMail)
		locked(true)
		if a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities/"+id+"/unlock", nil); a.Status != 204 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		locked(false)
		lockOut(s, annsMail)
		locked(true)
		f := s.Client(k).Start("recovery", "")
		f.Submit(map[string]any{"method": "code", "email": annsMail})
		if a := f.Submit(map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()}); a.Status >= 400 && a.Status != 422 {
			t.Fatalf("recovery: %d %s", a.Status, a.Body)
		}
		locked(false)
	})
}

func TestPasswordsAndCodesAreCountedApart(t *testing.T) {
	s := throttled(t, "")
	s.CreateIdentity(annsMail, cardeatest.Password)
	for range 3 { // in a flow each
		f := s.Client(cardeatest.Native).Start("recovery", "")
		f.Submit(map[string]any{"method": "code", "email": annsMail})
		f.Submit(map[string]any{"method": "code", "code": "000000"})
	}
	c := s.Client(cardeatest.Native)
	f := c.Start("recovery", "")
	f.Submit(map[string]any{"method": "code", "email": annsMail})
	if a := f.Submit(map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()}); !refused(t, c, a) {
		t.Errorf("a code after too many wrong ones: %d %s", a.Status, a.Body)
	}
	c.SignIn(annsMail, cardeatest.Password)
}

func TestWrongGuessesOfSomebodyWhoWasRightInTheEndAreForgotten(t *testing.T) {
	s := throttled(t, "")
	s.CreateIdentity(annsMail, cardeatest.Password)
	for range 3 {
		for range 2 {
			tries(s.Client(cardeatest.Native), annsMail, "wrong-Wombats-99")
		}
		s.Client(cardeatest.Native).SignIn(annsMail, cardeatest.Password)
	}
	for range 20 { // nor do right ones use anything up
		s.Client(cardeatest.Native).SignIn(annsMail, cardeatest.Password)
	}
}

func TestWhoGuessesUnderAllNamesOfAnAccountIsJudgedAsWrongAndHearsNothingElse(t *testing.T) {
	schema := strings.Replace(cardeatest.Schema, `"age":`, `"nick": {"type": "string", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}}, "age":`, 1)
	s := cardeatest.New(t, cardeatest.Options{Config: "cardea: {throttle: {account: {free: 3, stop: 3}}}\n" +
		"identity: {schemas: [{id: default, url: \"base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "\"}]}\n"})
	c := s.Client(cardeatest.Native)
	if a := c.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": annsMail, "traits.nick": "annie", "password": cardeatest.Password}); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	lockOut(s, annsMail)
	for _, name := range []string{"annie", "somebody"} {
		for range 3 {
			a := tries(s.Client(cardeatest.Native), name, cardeatest.Password)
			if a.Status != 400 || !slices.Contains(a.Messages(), wrongPassword) {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		if a := tries(s.Client(cardeatest.Native), name, cardeatest.Password); a.Status != 429 {
			t.Errorf("%s in the end: %d %s", name, a.Status, a.Body)
		}
	}
}

func TestAHeaderMakesNobodySomebodyElse(t *testing.T) {
	from := func(s *cardeatest.Server, n int, header string) *cardeatest.Answer {
		c := s.Client(cardeatest.Native)
		if header != "" {
			c.Header = http.Header{"X-Forwarded-For": {header}, "X-Real-Ip": {header}, "True-Client-Ip": {header}, "Cf-Connecting-Ip": {header}, "Forwarded": {"for=" + header}}
		}
		return tries(c, fmt.Sprintf("somebody-%d@cardea.test", n), "wrong-Wombats-99")
	}
	status := func(s *cardeatest.Server, headers ...string) (all []int) {
		for n, h := range headers {
			all = append(all, from(s, n, h).Status)
		}
		return all
	}
	const few, unnamed = ", network: {stop: 2}", ""
	for _, tt := range []struct {
		name, proxies string
		headers       []string
		want          []int
	}{
		{"nobody is believed", "[]", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, []int{400, 400, 429}},
		{"others are believed", "[10.0.0.0/8]", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, []int{400, 400, 429}},
		{"the proxy is believed", "[127.0.0.0/8]", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, []int{400, 400, 400}},
		{"but not what clients told it", "[127.0.0.1]", []string{"1.1.1.1, 203.0.113.1", "2.2.2.2, 203.0.113.1", "::3, ::ffff:203.0.113.1"}, []int{400, 400, 429}},
		{"a proxy that nobody named is not all of its clients", unnamed, []string{"203.0.113.1", "203.0.113.1", "203.0.113.1"}, []int{400, 400, 400}},
		{"whoever comes without one is counted", unnamed, []string{"", "", ""}, []int{400, 400, 429}},
		{"an IPv6 customer is a /64", "[127.0.0.1]", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3:4", "2001:db8:0:1::1"}, []int{400, 400, 429, 400}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			settings := few
			if tt.proxies != unnamed {
				settings += ", trusted_proxies: " + tt.proxies
			}
			if got := status(throttled(t, settings), tt.headers...); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
