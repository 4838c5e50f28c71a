package totp_test

import (
	"net/http"
	"os"
	"path/filepath"
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

func TestOfTwoAppsThatAreAddedAtOnceOneStays(t *testing.T) {
	c := newServer(t, "").Client(cardeatest.Native)
	c.SignUp("ann@ex.org", cardeatest.Password)
	one, two := c.Start("settings", ""), c.Start("settings", "")
	var wg sync.WaitGroup
	for _, f := range []*cardeatest.Flow{one, two} {
		typed := code(t, secretOf(t, f.Answer), 0)
		wg.Go(func() { f.Submit(map[string]any{"method": "totp", "totp_code": typed}) })
	}
	wg.Wait()
	if a := c.Get("/self-service/settings/flows?id=" + one.ID); a.Node("totp_unlink") == nil {
		t.Errorf("%s", a.Body)
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
}

func TestNobodyElseReadsTheKeyOfAForm(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		ann, bob := server.Client(k), server.Client(k)
		ann.SignUp("ann@ex.org", cardeatest.Password)
		bob.SignUp("bob@ex.org", cardeatest.Password)
		f := ann.Start("settings", "")
		secret := secretOf(t, f.Answer)
		for about, a := range map[string]*cardeatest.Answer{
			"another account": bob.Get("/self-service/settings/flows?id=" + f.ID),
			"nobody":          server.Client(k).Get("/self-service/settings/flows?id=" + f.ID),
			"the operator":    server.Client(k).Get(server.AdminURL + "/admin/identities"),
			"whoami":          ann.WhoAmI(),
		} {
			if strings.Contains(string(a.Body), secret) {
				t.Errorf("%s: %d %s", about, a.Status, a.Body)
			}
		}
	})
}

func TestAFormOffersOneKeyAndPicture(t *testing.T) {
	c := newServer(t, "").Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	f := c.Start("settings", "")
	picture := func(a *cardeatest.Answer) string { return a.Node("totp_qr").Attributes["src"].(string) }
	again := f.Fetch()
	if picture(f.Answer) != picture(again) || secretOf(t, f.Answer) != secretOf(t, again) {
		t.Error("reading the form changed it")
	}
	if other := c.Start("settings", "").Answer; secretOf(t, other) == secretOf(t, again) {
		t.Error("two forms offer one key")
	}
}

func TestTheDatabaseShowsNoKey(t *testing.T) {
	dir := t.TempDir()
	server := cardeatest.New(t, cardeatest.Options{Config: config, DSN: "sqlite://" + filepath.ToSlash(filepath.Join(dir, "rows.db")) + "?_fk=true"})
	c := server.Client(cardeatest.Native)
	c.SignUp("canary@ex.org", cardeatest.Password)
	offered := secretOf(t, c.Start("settings", "").Answer)
	added := enrol(t, c)
	files, err := filepath.Glob(filepath.Join(dir, "rows.db*"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []byte
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, raw...)
	}
	if !strings.Contains(string(rows), "canary@ex.org") {
		t.Fatal("these are not the rows")
	}
	for about, secret := range map[string]string{"a key that is offered": offered, "a key that was added": added, "an otpauth URI": "otpauth:", "a picture": "data:image"} {
		if strings.Contains(string(rows), secret) {
			t.Errorf("the rows show %s", about)
		}
	}
}

func TestOperatorsBringAndSeeKeys(t *testing.T) {
	const uri = "otpauth://totp/Old:ann?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Old"
	server := newServer(t, "")
	operator := server.Client(cardeatest.Native)
	a := operator.Do("POST", server.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": "ann@ex.org"},
		"credentials": map[string]any{
			"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}},
			"totp":     map[string]any{"config": map[string]any{"totp_url": uri}},
		},
	})
	if a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	path := server.AdminURL + "/admin/identities/" + a.Text("id")
	if got := operator.Get(path+"?include_credential=totp").Text("credentials", "totp", "config", "totp_url"); got != uri {
		t.Errorf("shown: %q", got)
	}
	if a := operator.Get(path); strings.Contains(string(a.Body), "JBSWY3DP") {
		t.Error("it is shown to who did not ask")
	}
	c := firstFactor(t, server, cardeatest.Native, "ann@ex.org")
	_, answer := secondFactor(c, code(t, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 0))
	done(t, c, answer)
}

func TestAKeyNamesIssuerAndAccount(t *testing.T) {
	server := newServer(t, "")
	c := server.Client(cardeatest.Native)
	c.SignUp("ann@ex.org", cardeatest.Password)
	secret := enrol(t, c)
	id := c.WhoAmI().Text("identity", "id")
	got := server.Client(cardeatest.Native).Get(server.AdminURL+"/admin/identities/"+id+"?include_credential=totp").Text("credentials", "totp", "config", "totp_url")
	want := "otpauth://totp/Wombats:" + id + "?algorithm=SHA1&digits=6&issuer=Wombats&period=30&secret=" + secret
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAMethodThatIsOffOffersNothing(t *testing.T) {
	c := cardeatest.New(t, cardeatest.Options{}).Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	f := c.Start("settings", "")
	if f.Answer.Node("totp_code") != nil {
		t.Error("the form offers it")
	}
	if a := f.Submit(map[string]any{"method": "totp", "totp_code": "123456"}); a.Status != http.StatusNotFound {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
