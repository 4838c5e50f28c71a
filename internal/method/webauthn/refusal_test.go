package webauthn_test

import (
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
	"cardea/internal/method/webauthn"
)

func integrity(content []byte) string {
	sum := sha512.Sum512(content)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestAnAnswerThatIsNotForThisLoginSignsNobodyIn(t *testing.T) {
	s := house(t, second)
	k, other := key(t), key(t)
	k.BackupEligible = true
	signUp(t, s.Client(cardeatest.SPA), k, email)
	signUp(t, s.Client(cardeatest.SPA), other, "bob@cardea.test")
	mine, foreign := k.Keys()[0], other.Keys()[0]
	spare := *foreign
	spare.Handle = mine.Handle
	for _, c := range []struct {
		name    string
		answer  func(a cardeatest.Authenticator, options string) string
		message int
	}{
		{"from another origin", func(a cardeatest.Authenticator, o string) string { a.Origin = "https://evil.test"; return a.Get(o) }, 4000043},
		{"for another relying party", func(a cardeatest.Authenticator, o string) string { a.RelyingParty = "evil.test"; return a.Get(o) }, 4000043},
		{"without anybody present", func(a cardeatest.Authenticator, o string) string { a.Present = false; return a.Get(o) }, 4000043},
		{"of a key that cannot be backed up any more", func(a cardeatest.Authenticator, o string) string { a.BackupEligible = false; return a.Get(o) }, 4000043},
		{"to the challenge of another flow", func(a cardeatest.Authenticator, _ string) string {
			return a.Get(value(t, s.Client(cardeatest.SPA).Start("login", "").Answer, "passkey_challenge"))
		}, 4000043},
		{"with somebody else's key", func(a cardeatest.Authenticator, o string) string { return a.Sign(&spare, o) }, 4000013},
		{"of nobody", func(a cardeatest.Authenticator, o string) string {
			nobody := *mine
			nobody.Handle = []byte("nobody")
			return a.Sign(&nobody, o)
		}, 4000015},
		{"that does not tell whose it is", func(a cardeatest.Authenticator, o string) string { a.Silent = true; return a.Get(o) }, 4000015},
		{"with a handle that is no text", func(a cardeatest.Authenticator, o string) string {
			strange := *mine
			strange.Handle = []byte{0xff, 0, 0xfe}
			return a.Sign(&strange, o)
		}, 4000015},
		{"that was tampered with", func(a cardeatest.Authenticator, o string) string {
			return strings.Replace(a.Get(o), `"signature":"ME`, `"signature":"MF`, 1)
		}, 4000043},
		{"that is no answer", func(cardeatest.Authenticator, string) string { return "garbage" }, 4000001},
		{"that is empty JSON", func(cardeatest.Authenticator, string) string { return "{}" }, 4000001},
		{"that made a key", func(a cardeatest.Authenticator, o string) string { return a.Attest(mine, o) }, 4000001},
		{"that is huge", func(a cardeatest.Authenticator, o string) string {
			return a.Get(o) + strings.Repeat(" ", webauthn.MaxAnswer)
		}, 4000001},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := s.Client(cardeatest.SPA)
			f := client.Start("login", "")
			refused(t, "the answer", f, f.Submit(map[string]any{"passkey_login": c.answer(*k, value(t, f.Answer, "passkey_challenge"))}), c.message)
			status(t, "whoami", client.WhoAmI(), http.StatusUnauthorized)
		})
	}
}

func TestARequiredUserVerificationIsChecked(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: strings.Replace(configuration(second), "passkey: {enabled: true, config: {",
		"passkey: {enabled: true, config: {authenticator_selection: {user_verification: required}, ", 1)})
	k := key(t)
	signUp(t, s.Client(cardeatest.SPA), k, email)
	k.Verified = false
	f := s.Client(cardeatest.SPA).Start("login", "")
	refused(t, "an unverified user", f, f.Submit(map[string]any{"passkey_login": k.Get(value(t, f.Answer, "passkey_challenge"))}), 4000043)
}

func TestAChallengeIsAnsweredOnce(t *testing.T) {
	s := house(t, second)
	k := key(t)
	signUp(t, s.Client(cardeatest.Native), k, email)
	f := s.Client(cardeatest.Native).Start("login", "")
	answer := map[string]any{"passkey_login": k.Get(value(t, f.Answer, "passkey_challenge"))}
	status(t, "the answer", f.Submit(answer), http.StatusOK)
	refused(t, "the same answer again", f, f.Submit(answer), 4000043)
}

func TestOfParallelAnswersToAChallengeOneWins(t *testing.T) {
	s := house(t, second)
	k := key(t)
	k.Count, k.Step = 0, 0 // a key that counts gives away by itself that an answer is used again
	signUp(t, s.Client(cardeatest.Native), k, email)
	f := s.Client(cardeatest.Native).Start("login", "")
	answer := map[string]any{"passkey_login": k.Get(value(t, f.Answer, "passkey_challenge"))}
	var group sync.WaitGroup
	var won, lost atomic.Int32
	for range 8 {
		group.Go(func() {
			switch a := f.Submit(answer); a.Status {
			case http.StatusOK:
				won.Add(1)
			case http.StatusBadRequest:
				lost.Add(1)
			default:
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d of 8 parallel answers signed in and %d did not, want 1 and 7", won.Load(), lost.Load())
	}
}

func TestOfParallelKeysForAChallengeOneIsAdded(t *testing.T) {
	s := house(t, second)
	id := s.CreateIdentity(email, cardeatest.Password)
	person := s.Client(cardeatest.SPA)
	person.SignIn(email, cardeatest.Password)
	f := person.Start("settings", "")
	trigger := value(t, f.Answer, "webauthn_register_trigger")
	var group sync.WaitGroup
	for range 6 {
		made := key(t).Create(trigger)
		group.Go(func() {
			f.Submit(map[string]any{"webauthn_register_displayname": "one of many", "webauthn_register": made})
		})
	}
	group.Wait()
	if n := len(stored(t, s, id, "webauthn")["credentials"].([]any)); n != 1 {
		t.Errorf("%d keys were added for one challenge", n)
	}
}

func TestAnExpiredChallengeIsAnsweredWithANewFlow(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: configuration(second) + "\n    login: {lifespan: 1us}\n"})
	k := key(t)
	signUp(t, s.Client(cardeatest.SPA), k, email)
	client := s.Client(cardeatest.SPA)
	// The flow is over when it can be read, so its challenge comes with the start.
	begun := client.Get("/self-service/login/browser")
	status(t, "start", begun, http.StatusOK)
	a := client.Do("POST", "/self-service/login?flow="+begun.Text("id"), map[string]any{
		"csrf_token": value(t, begun, "csrf_token"), "passkey_login": k.Get(value(t, begun, "passkey_challenge")),
	})
	status(t, "the answer", a, http.StatusGone)
	if a.Text("use_flow_id") == "" {
		t.Errorf("there is no new flow in %s", a.Body)
	}
}

func TestACounterThatGoesBackIsNotedAndNotPunished(t *testing.T) {
	s := house(t, second)
	k := key(t)
	person := s.Client(cardeatest.SPA)
	signUp(t, person, k, email)
	id := person.WhoAmI().Text("identity", "id")
	counted := func() map[string]any {
		kept := storedKey(t, s, id, "passkey")["authenticator"].(map[string]any)
		return map[string]any{"count": kept["sign_count"], "clone": kept["clone_warning"]}
	}
	k.Count = 41
	signIn(t, s.Client(cardeatest.SPA), k)
	if diff := cmp.Diff(map[string]any{"count": 42.0, "clone": false}, counted()); diff != "" {
		t.Errorf("after a sign-in (-want +got):\n%s", diff)
	}
	k.Count = 10
	signIn(t, s.Client(cardeatest.SPA), k)
	if diff := cmp.Diff(map[string]any{"count": 42.0, "clone": true}, counted()); diff != "" {
		t.Errorf("after the counter went back (-want +got):\n%s", diff)
	}
}

func TestAnAuthenticatorThatDoesNotCountIsNoClone(t *testing.T) {
	s := house(t, second)
	k := key(t)
	k.Step = 0
	person := s.Client(cardeatest.SPA)
	signUp(t, person, k, email)
	signIn(t, s.Client(cardeatest.SPA), k)
	if kept := storedKey(t, s, person.WhoAmI().Text("identity", "id"), "passkey")["authenticator"].(map[string]any); kept["clone_warning"] != false {
		t.Errorf("the key is marked as a clone: %v", kept)
	}
}

func TestASecondFactorAloneSignsNobodyIn(t *testing.T) {
	s := house(t, second)
	s.CreateIdentity(email, cardeatest.Password)
	person := s.Client(cardeatest.SPA)
	person.SignIn(email, cardeatest.Password)
	k := key(t)
	addKey(t, person, k, "mine")
	f := s.Client(cardeatest.SPA).Start("login", "")
	refused(t, "the second factor as a passkey", f, f.Submit(map[string]any{"passkey_login": k.Get(value(t, f.Answer, "passkey_challenge"))}), 4000013)
}

func TestSomebodyElsesKeyIsNoSecondFactor(t *testing.T) {
	s := house(t, second)
	keys := map[string]*cardeatest.Authenticator{email: key(t), "bob@cardea.test": key(t)}
	for who, k := range keys {
		s.CreateIdentity(who, cardeatest.Password)
		c := s.Client(cardeatest.SPA)
		c.SignIn(who, cardeatest.Password)
		addKey(t, c, k, "mine")
	}
	c := s.Client(cardeatest.SPA)
	c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
	f := c.Start("login", "aal=aal2")
	foreign := keys["bob@cardea.test"]
	answer := foreign.Sign(foreign.Keys()[0], value(t, f.Answer, "webauthn_login_trigger"))
	refused(t, "another account's key", f, f.Submit(map[string]any{"identifier": "bob@cardea.test", "webauthn_login": answer}), 4000043)
	status(t, "whoami", c.WhoAmI(), http.StatusForbidden)
}

// A key that says whose it is has to say the account's own handle (section 7.2, step 6).
func TestAKeyThatSaysItIsSomebodyElsesIsNoSecondFactor(t *testing.T) {
	s := house(t, second)
	s.CreateIdentity(email, cardeatest.Password)
	person := s.Client(cardeatest.SPA)
	person.SignIn(email, cardeatest.Password)
	k := key(t)
	addKey(t, person, k, "mine")
	for handle, message := range map[string]int{"somebody else": 4000043, string(k.Keys()[0].Handle): 0} {
		c := s.Client(cardeatest.SPA)
		c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
		f := c.Start("login", "aal=aal2")
		named := *k.Keys()[0]
		named.Handle = []byte(handle)
		a := f.Submit(map[string]any{"identifier": email, "webauthn_login": k.Sign(&named, value(t, f.Answer, "webauthn_login_trigger"))})
		if message == 0 {
			status(t, "the account's own handle", a, http.StatusOK)
		} else {
			refused(t, "another handle", f, a, message)
		}
	}
}

func TestAnAttestationThatDoesNotVerifyIsAMessageOnTheForm(t *testing.T) {
	s := house(t, first)
	person := s.Client(cardeatest.SPA)
	signUp(t, person, key(t), "bob@cardea.test")
	for _, c := range []struct{ journey, answer, options string }{
		{"registration", "passkey_register", "passkey_create_data"},
		{"registration", "webauthn_register", "webauthn_register_trigger"},
		{"settings", "passkey_settings_register", "passkey_create_data"},
		{"settings", "webauthn_register", "webauthn_register_trigger"},
	} {
		t.Run(c.journey+" "+c.answer, func(t *testing.T) {
			client := person
			if c.journey == "registration" {
				client = s.Client(cardeatest.SPA)
			}
			f := client.Start(c.journey, "")
			submit := func(answer string) *cardeatest.Answer {
				return f.Submit(map[string]any{"traits.email": email, "webauthn_register_displayname": "x", c.answer: answer})
			}
			k := key(t)
			k.Origin = "https://evil.test"
			refused(t, "a key made elsewhere", f, submit(k.Create(value(t, f.Answer, c.options))), 4000043)
			refused(t, "garbage", f, submit("garbage"), 4000001)
			refused(t, "malformed CBOR", f, submit(strings.Replace(key(t).Create(value(t, f.Answer, c.options)), `"attestationObject":"o2`, `"attestationObject":"pf`, 1)), 4000001)
		})
	}
}

func TestAnAddressThatIsTakenDoesNotUseUpTheForm(t *testing.T) {
	s := house(t, second)
	signUp(t, s.Client(cardeatest.SPA), key(t), email)
	f := s.Client(cardeatest.SPA).Start("registration", "")
	k := key(t)
	taken := f.Submit(map[string]any{"traits.email": email, "passkey_register": k.Create(value(t, f.Answer, "passkey_create_data"))})
	refused(t, "a taken address", f, taken, 4000007)
	a := f.Submit(map[string]any{"traits.email": "new@cardea.test", "passkey_register": k.Create(value(t, taken, "passkey_create_data"))})
	status(t, "another address", a, http.StatusOK)
}

func TestAKeyIsAddedOnce(t *testing.T) {
	s := house(t, second)
	s.CreateIdentity(email, cardeatest.Password)
	person := s.Client(cardeatest.SPA)
	person.SignIn(email, cardeatest.Password)
	k := key(t)
	f := addKey(t, person, k, "mine")
	again := f.Submit(map[string]any{"webauthn_register_displayname": "twice", "webauthn_register": k.Attest(k.Keys()[0], value(t, f.Fetch(), "webauthn_register_trigger"))})
	if got := again.FieldMessages("webauthn_register"); !cmp.Equal(got, []int{4000001}) {
		t.Errorf("the same key again says %v, want 4000001", got)
	}
	other := key(t).Create(value(t, again, "webauthn_register_trigger"))
	status(t, "another key on the form that refused the first", f.Submit(map[string]any{"webauthn_register_displayname": "other", "webauthn_register": other}), http.StatusOK)
	unnamed := f.Submit(map[string]any{"webauthn_register": "x"})
	if got := unnamed.FieldMessages("webauthn_register_displayname"); !cmp.Equal(got, []int{4000002}) {
		t.Errorf("a key without a name says %v, want 4000002", got)
	}
}

func TestAPasskeyIsAddedOnce(t *testing.T) {
	s := house(t, second)
	k := key(t)
	person := s.Client(cardeatest.SPA)
	signUp(t, person, k, email)
	f := person.Start("settings", "")
	again := f.Submit(map[string]any{"passkey_settings_register": k.Attest(k.Keys()[0], value(t, f.Answer, "passkey_create_data"))})
	if got := again.FieldMessages("passkey_settings_register"); !cmp.Equal(got, []int{4000001}) {
		t.Errorf("the same passkey again says %v, want 4000001", got)
	}
	other := key(t).Create(value(t, again, "passkey_create_data"))
	status(t, "another passkey on the form that refused the first", f.Submit(map[string]any{"passkey_settings_register": other}), http.StatusOK)
}

func TestOnlyAllowedModelsAreTaken(t *testing.T) {
	s := house(t, second, "cardea: {webauthn: {allowed_aaguids: [00112233-4455-6677-8899-aabbccddeeff]}}")
	k := key(t)
	f := s.Client(cardeatest.SPA).Start("registration", "")
	submit := func() *cardeatest.Answer {
		return f.Submit(map[string]any{"traits.email": email, "passkey_register": k.Create(value(t, f.Fetch(), "passkey_create_data"))})
	}
	refused(t, "a model that hides", f, submit(), 4000001)
	k.AAGUID = [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	status(t, "a model on the list", submit(), http.StatusOK)
}

func TestWithEnumerationMitigatedAnUnknownAccountHasKeysToo(t *testing.T) {
	s := house(t, first, "security: {account_enumeration: {mitigate: true}}")
	k := key(t)
	f := s.Client(cardeatest.SPA).Start("registration", "")
	status(t, "sign up", f.Submit(map[string]any{"traits.email": email, "webauthn_register": k.Create(value(t, f.Answer, "webauthn_register_trigger"))}), http.StatusOK)
	shape := func(who string) (int, []int, int) {
		f := s.Client(cardeatest.SPA).Start("login", "")
		a := f.Submit(map[string]any{"method": "webauthn", "identifier": who})
		form := f.Fetch()
		return a.Status, form.Messages(), len(value(t, form, "webauthn_login_trigger"))
	}
	knownStatus, knownMessages, knownLength := shape(email)
	status, messages, length := shape("nob@cardea.test")
	if status != knownStatus || !cmp.Equal(messages, knownMessages) || length != knownLength {
		t.Errorf("unknown: %d %v %d; known: %d %v %d", status, messages, length, knownStatus, knownMessages, knownLength)
	}
	g := s.Client(cardeatest.SPA).Start("login", "")
	g.Submit(map[string]any{"method": "webauthn", "identifier": "nob@cardea.test"})
	answer := k.Sign(k.Keys()[0], value(t, g.Fetch(), "webauthn_login_trigger"))
	refused(t, "a key for nobody", g, g.Submit(map[string]any{"identifier": "nob@cardea.test", "webauthn_login": answer}), 4000043)
}

func TestAFirstFactorDoesNotBecomeASecondOneByConfiguration(t *testing.T) {
	dsn := "sqlite://" + t.TempDir() + "/shared.db?_fk=true"
	k := key(t)
	before := cardeatest.New(t, cardeatest.Options{Config: configuration(first), DSN: dsn})
	f := before.Client(cardeatest.SPA).Start("registration", "")
	status(t, "sign up", f.Submit(map[string]any{"traits.email": email, "webauthn_register": k.Create(value(t, f.Answer, "webauthn_register_trigger"))}), http.StatusOK)

	after := cardeatest.New(t, cardeatest.Options{Config: configuration(second), DSN: dsn})
	person := after.Client(cardeatest.SPA)
	signIn(t, person, k)
	if form := person.Start("login", "aal=aal2").Answer; form.Node("webauthn_login_trigger") != nil {
		t.Error("a key that is the first factor is offered as the second one")
	}
	again := person.Start("login", "refresh=true")
	answer := k.Get(value(t, again.Answer, "webauthn_login_trigger"))
	status(t, "confirm with the key", again.Submit(map[string]any{"identifier": email, "webauthn_login": answer}), http.StatusOK)
	if got := person.WhoAmI().Text("authenticator_assurance_level"); got != "aal1" {
		t.Errorf("the session has level %q, want aal1", got)
	}
}

func TestASecondFactorIsThatOfWhoeverIsSignedInByNow(t *testing.T) {
	s := house(t, second)
	k := key(t)
	s.CreateIdentity(email, cardeatest.Password)
	s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	ann := s.Client(cardeatest.SPA)
	ann.SignIn(email, cardeatest.Password)
	addKey(t, ann, k, "mine")

	shared := s.Client(cardeatest.SPA)
	login := map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password}
	shared.Start("login", "").Submit(login)
	pending := shared.Start("login", "aal=aal2")
	answer := k.Get(value(t, pending.Answer, "webauthn_login_trigger"))
	status(t, "sign Ann out", shared.Get(shared.Get("/self-service/logout/browser").Text("logout_url")), http.StatusNoContent)
	shared.SignIn("bob@cardea.test", cardeatest.Password)

	pending.CSRF = shared.Start("settings", "").CSRF
	refused(t, "Ann's key in Bob's session", pending, pending.Submit(map[string]any{"identifier": email, "webauthn_login": answer}), 4000043)
	if got := shared.WhoAmI().Text("identity", "traits", "email"); got != "bob@cardea.test" {
		t.Errorf("the session is that of %q, want Bob's", got)
	}
}
