package totp_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"cardea/cardeatest"
)

// The ids of messages.
const (
	missing     = 4000002
	tooShort    = 4000003
	wrongCode   = 4000008
	noApp       = 4000011
	saved       = 1050001
	noMethod    = 4010004
	noneOfLogin = 4010002
)

const config = `
selfservice:
  methods: {totp: {enabled: true, config: {issuer: Wombats}}}
`

func newServer(t *testing.T, more string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: config + more})
}

// secretOf is the key that a settings form offers.
func secretOf(t *testing.T, a *cardeatest.Answer) string {
	t.Helper()
	n := a.Node("totp_secret_key")
	if n == nil {
		t.Fatalf("the form offers no key: %s", a.Body)
	}
	return n.Attributes["text"].(map[string]any)["context"].(map[string]any)["secret"].(string)
}

// code is the code of a key some time steps from now.
func code(t *testing.T, secret string, steps int) string {
	t.Helper()
	text, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// done fails when a submission was not accepted: a page is sent on, everybody else
// is answered with 200.
func done(t *testing.T, c *cardeatest.Client, a *cardeatest.Answer) {
	t.Helper()
	if c.Kind == cardeatest.Browser && a.Status == http.StatusSeeOther && !strings.Contains(a.Location, "/error") || a.Status == http.StatusOK {
		return
	}
	t.Fatalf("%d %s %s", a.Status, a.Location, a.Body)
}

// enrol adds an app to whoever is signed in and gives its key.
func enrol(t *testing.T, c *cardeatest.Client) string {
	t.Helper()
	f := c.Start("settings", "")
	secret := secretOf(t, f.Answer)
	done(t, c, f.Submit(map[string]any{"method": "totp", "totp_code": code(t, secret, 0)}))
	return secret
}

// firstFactor signs in with the password where a second factor is wanted.
func firstFactor(t *testing.T, s *cardeatest.Server, k cardeatest.Kind, email string) *cardeatest.Client {
	t.Helper()
	c := s.Client(k)
	a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
	if k == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
	if who := c.WhoAmI(); who.ErrorID() != "session_aal2_required" {
		t.Fatalf("after the password: %d %s", who.Status, who.Body)
	}
	return c
}

func secondFactor(c *cardeatest.Client, typed string) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "aal=aal2&refresh=true")
	return f, f.Submit(map[string]any{"method": "totp", "totp_code": typed})
}

// evidence are the methods that the session of a client rests on, and its level.
func evidence(t *testing.T, c *cardeatest.Client) (methods []string, level string) {
	t.Helper()
	a := c.WhoAmI()
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for _, m := range a.JSON["authentication_methods"].([]any) {
		methods = append(methods, m.(map[string]any)["method"].(string))
	}
	return methods, a.Text("authenticator_assurance_level")
}

func forEachKind(t *testing.T, body func(t *testing.T, k cardeatest.Kind)) {
	for _, k := range cardeatest.Kinds {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			body(t, k)
		})
	}
}

func TestAddingAnAppLiftsTheSessionAndRemovingItLowersIt(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		c := newServer(t, "").Client(k)
		c.SignUp("ann@ex.org", cardeatest.Password)
		f := c.Start("settings", "")
		secret := secretOf(t, f.Answer)
		right := code(t, secret, 0)
		wrong := "000000"
		if right == wrong {
			wrong = "000001"
		}
		for _, tc := range []struct {
			fields map[string]any
			node   string
			want   int
		}{
			{map[string]any{"method": "totp"}, "totp_code", missing},
			{map[string]any{"method": "totp", "totp_code": ""}, "totp_code", missing},
			{map[string]any{"method": "totp", "totp_code": wrong}, "totp_code", wrongCode},
			{map[string]any{"method": "totp", "totp_code": "abc"}, "totp_code", wrongCode},
			{map[string]any{"totp_unlink": "true"}, "totp_code", missing},
		} {
			if got := f.Form(f.Submit(tc.fields)).FieldMessages(tc.node); !slices.Equal(got, []int{tc.want}) {
				t.Errorf("%v: %v", tc.fields, got)
			}
		}
		if got := f.Form(f.Submit(map[string]any{"totp_code": right})).Messages(); !slices.Equal(got, []int{noMethod}) {
			t.Errorf("a code without the method: %v", got)
		}
		if _, level := evidence(t, c); level != "aal1" {
			t.Errorf("nothing was added, and the session is at %s", level)
		}
		done(t, c, f.Submit(map[string]any{"method": "totp", "totp_code": right}))
		form := f.Fetch()
		if !slices.Equal(form.Messages(), []int{saved}) || form.Node("totp_unlink") == nil || form.Node("totp_secret_key") != nil || form.Node("totp_qr") != nil {
			t.Errorf("after adding: %s", form.Body)
		}
		if methods, level := evidence(t, c); level != "aal2" || !slices.Equal(methods, []string{"password", "totp"}) {
			t.Errorf("after adding: %v at %s", methods, level)
		}
		done(t, c, f.Submit(map[string]any{"totp_unlink": "true"}))
		if methods, level := evidence(t, c); level != "aal1" || !slices.Equal(methods, []string{"password"}) {
			t.Errorf("after removing: %v at %s", methods, level)
		}
		if next := secretOf(t, f.Fetch()); next == secret {
			t.Error("the key that was removed is offered again")
		}
	})
}

func TestSigningInWithAnApp(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		owner := server.Client(k)
		owner.SignUp("ann@ex.org", cardeatest.Password)
		secret := enrol(t, owner)
		c := firstFactor(t, server, k, "ann@ex.org")
		f := c.Start("login", "aal=aal2")
		if f.Answer.Node("totp_code") == nil || f.Answer.Node("password") != nil {
			t.Errorf("the form: %s", f.Answer.Body)
		}
		for typed, want := range map[string]int{"": missing, "12345": tooShort} {
			if got := f.Form(f.Submit(map[string]any{"method": "totp", "totp_code": typed})).FieldMessages("totp_code"); !slices.Equal(got, []int{want}) {
				t.Errorf("%q: %v", typed, got)
			}
		}
		for _, typed := range []string{code(t, secret, 5), "1234567"} {
			if got := f.Form(f.Submit(map[string]any{"method": "totp", "totp_code": typed})).Messages(); !slices.Equal(got, []int{wrongCode}) {
				t.Errorf("a wrong code: %v", got)
			}
		}
		if got := f.Form(f.Submit(map[string]any{"totp_code": code(t, secret, 0)})).Messages(); !slices.Equal(got, []int{noneOfLogin}) {
			t.Errorf("a code without the method: %v", got)
		}
		done(t, c, f.Submit(map[string]any{"method": "totp", "totp_code": code(t, secret, 0)}))
		if methods, level := evidence(t, c); level != "aal2" || !slices.Equal(methods, []string{"password", "totp"}) {
			t.Errorf("%v at %s", methods, level)
		}
	})
}

func TestACodeIsNoFirstFactor(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		owner := server.Client(k)
		owner.SignUp("ann@ex.org", cardeatest.Password)
		secret := enrol(t, owner)
		f := server.Client(k).Start("login", "")
		if f.Answer.Node("totp_code") != nil {
			t.Error("the form asks for a code")
		}
		if got := f.Form(f.Submit(map[string]any{"method": "totp", "totp_code": code(t, secret, 0)})).Messages(); !slices.Equal(got, []int{noneOfLogin}) {
			t.Error(got)
		}
	})
}

func TestTheCodeThatAddedAnAppIsTheOldestThatCounts(t *testing.T) {
	server := newServer(t, "")
	owner := server.Client(cardeatest.Native)
	owner.SignUp("ann@ex.org", cardeatest.Password)
	f := owner.Start("settings", "")
	secret := secretOf(t, f.Answer)
	older, typed := code(t, secret, -1), code(t, secret, 0)
	done(t, owner, f.Submit(map[string]any{"method": "totp", "totp_code": typed}))
	c := firstFactor(t, server, cardeatest.Native, "ann@ex.org")
	if _, a := secondFactor(c, older); !slices.Contains(a.Messages(), wrongCode) {
		t.Errorf("an older one: %d", a.Status)
	}
	_, a := secondFactor(c, typed)
	done(t, c, a)
}

func TestACodeSignsInOnce(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		owner := server.Client(k)
		owner.SignUp("ann@ex.org", cardeatest.Password)
		secret := enrol(t, owner)
		older, newer := code(t, secret, 0), code(t, secret, 1)
		c := firstFactor(t, server, k, "ann@ex.org")
		_, a := secondFactor(c, newer)
		done(t, c, a)
		for about, typed := range map[string]string{"the same": newer, "an older one": older} {
			thief := firstFactor(t, server, k, "ann@ex.org")
			f, a := secondFactor(thief, typed)
			if got := f.Form(a).Messages(); !slices.Contains(got, wrongCode) {
				t.Errorf("%s: %d %v", about, a.Status, got)
			}
			if who := thief.WhoAmI(); who.Status == http.StatusOK {
				t.Errorf("%s signs in", about)
			}
		}
	})
}

func TestOfParallelSubmissionsOfACodeOneCounts(t *testing.T) {
	server := newServer(t, "")
	owner := server.Client(cardeatest.Native)
	owner.SignUp("ann@ex.org", cardeatest.Password)
	secret := enrol(t, owner)
	flows := make([]*cardeatest.Flow, 16)
	for n := range flows {
		flows[n] = firstFactor(t, server, cardeatest.Native, "ann@ex.org").Start("login", "aal=aal2")
	}
	typed := code(t, secret, 1)
	answers := make([]*cardeatest.Answer, len(flows))
	var wg sync.WaitGroup
	for n, f := range flows {
		wg.Go(func() { answers[n] = f.Submit(map[string]any{"method": "totp", "totp_code": typed}) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, a := range answers {
		count[a.Status]++
	}
	if d := cmp.Diff(map[int]int{200: 1, 400: len(flows) - 1}, count); d != "" {
		t.Error(d)
	}
}

func TestACodeProvesNobodyElse(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		secrets := map[string]string{}
		for _, email := range []string{"ann@ex.org", "bob@ex.org"} {
			owner := server.Client(k)
			owner.SignUp(email, cardeatest.Password)
			secrets[email] = enrol(t, owner)
		}
		bob := firstFactor(t, server, k, "bob@ex.org")
		f, a := secondFactor(bob, code(t, secrets["ann@ex.org"], 1))
		if got := f.Form(a).Messages(); !slices.Contains(got, wrongCode) {
			t.Errorf("%d %v", a.Status, got)
		}
	})
}

func TestAnAccountWithoutAnAppIsToldSo(t *testing.T) {
	c := newServer(t, "").Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	f := c.Start("login", "aal=aal2")
	if f.Answer.Node("totp_code") != nil {
		t.Error("the form asks for a code")
	}
	if got := f.Submit(map[string]any{"method": "totp", "totp_code": "123456"}).Messages(); !slices.Equal(got, []int{noApp}) {
		t.Error(got)
	}
}

func TestAPasswordAloneDoesNotReachTheSettings(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		owner := server.Client(k)
		owner.SignUp("ann@ex.org", cardeatest.Password)
		f := owner.Start("settings", "")
		enrol(t, owner)
		thief := firstFactor(t, server, k, "ann@ex.org")
		a := thief.Do("POST", "/self-service/settings?flow="+f.ID, map[string]any{"totp_unlink": true})
		if a.ErrorID() != "session_aal2_required" && !strings.Contains(a.Location, "aal=aal2") {
			t.Errorf("%d %s %s", a.Status, a.Location, a.Body)
		}
	})
}

func TestAnOldSignInNeitherAddsNorRemovesAnApp(t *testing.T) {
	stale := `  flows: {settings: {privileged_session_max_age: 1ns}}
`
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		c := newServer(t, stale).Client(k)
		c.SignUp("ann@ex.org", cardeatest.Password)
		f := c.Start("settings", "")
		a := f.Submit(map[string]any{"method": "totp", "totp_code": code(t, secretOf(t, f.Answer), 0)})
		if a.ErrorID() != "session_refresh_required" && !strings.Contains(a.Location, "refresh=true") {
			t.Errorf("%d %s %s", a.Status, a.Location, a.Body)
		}
		if _, level := evidence(t, c); level != "aal1" {
			t.Error("the app was added")
		}
	})
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		const key = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
		server := newServer(t, stale)
		a := server.Client(cardeatest.Native).Do("POST", server.AdminURL+"/admin/identities", map[string]any{
			"schema_id": "default", "traits": map[string]any{"email": "ann@ex.org"},
			"credentials": map[string]any{
				"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}},
				"totp":     map[string]any{"config": map[string]any{"totp_url": "otpauth://totp/x:ann?secret=" + key}},
			},
		})
		if a.Status != http.StatusCreated {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		c := firstFactor(t, server, k, "ann@ex.org")
		_, a = secondFactor(c, code(t, key, 0))
		done(t, c, a)
		a = c.Start("settings", "").Submit(map[string]any{"totp_unlink": "true"})
		if a.ErrorID() != "session_refresh_required" && !strings.Contains(a.Location, "refresh=true") {
			t.Errorf("%d %s %s", a.Status, a.Location, a.Body)
		}
		if _, level := evidence(t, c); level != "aal2" {
			t.Error("the app was removed")
		}
	})
}
