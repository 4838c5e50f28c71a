package webauthn_test

import (
	"net/http"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// bothAtOnce lets a passkey that verifies its user count as two factors, and more.
func bothAtOnce(more string) string {
	return "cardea: {assurance: {verified_passkeys_are_two_factors: true" + more + "}}"
}

func TestAPasskeyThatVerifiesItsUserCountsAsTwoFactorsWhereThatIsWanted(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := house(t, second, bothAtOnce(", require_aal2: {everyone: true}"))
			k := key(t)
			k.Verified = true
			signUp(t, s.Client(kind), k, email)
			c := s.Client(kind)
			signIn(t, c, k)
			proved(t, c, "passkey aal2")
			if a := c.WhoAmI(); a.Text("authenticator_assurance_level") != "aal2" {
				t.Errorf("the session is at %s", a.Text("authenticator_assurance_level"))
			}
		})
	}
}

func TestAPasskeyIsOneFactorWithoutItsUser(t *testing.T) {
	s := house(t, second, bothAtOnce(""))
	k := key(t)
	k.Verified = false
	signUp(t, s.Client(cardeatest.SPA), k, email)
	c := s.Client(cardeatest.SPA)
	signIn(t, c, k)
	proved(t, c, "passkey aal1")
	plain := house(t, second)
	k.Verified = true
	signUp(t, plain.Client(cardeatest.SPA), k, email)
	c = plain.Client(cardeatest.SPA)
	signIn(t, c, k)
	proved(t, c, "passkey aal1")
}

func TestAPasskeyRaisesTheLevelOfASignInWithAPassword(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := house(t, second, bothAtOnce(""))
			k := key(t)
			k.Verified = true
			owner := s.Client(kind)
			owner.SignUp(email, cardeatest.Password)
			addPasskey(t, owner, k)
			proved(t, owner, "password aal1", "passkey aal2")
			c := s.Client(kind)
			a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
			if kind == cardeatest.Native {
				c.Token = a.Text("session_token")
			}
			status(t, "whoami with the password", c.WhoAmI(), http.StatusForbidden)
			f := c.Start("login", "aal=aal2")
			options := value(t, f.Answer, "passkey_challenge")
			if !strings.Contains(options, `"userVerification":"required"`) {
				t.Errorf("asks %s", options)
			}
			unverified := *k
			unverified.Verified = false
			refused(t, "a passkey without its user", f, f.Submit(map[string]any{"passkey_login": unverified.Get(options)}), 4000043)
			stranger := key(t)
			stranger.Verified = true
			signUp(t, s.Client(cardeatest.SPA), stranger, "bob@cardea.test")
			refusedWith(t, f, f.Submit(map[string]any{"passkey_login": stranger.Sign(stranger.Keys()[0], options)}), 4000015)
			status(t, "the passkey", f.Submit(map[string]any{"passkey_login": k.Get(options)}), done(c))
			proved(t, c, "password aal1", "passkey aal2")
		})
	}
}

func TestAPasskeyThatIsOneFactorIsNoAnswerToTheSecondOne(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		k := key(t)
		owner := s.Client(kind)
		signUp(t, owner, k, email)
		challenge := value(t, s.Client(kind).Start("login", "").Answer, "passkey_challenge")
		f := owner.Start("login", "aal=aal2")
		refused(t, "a passkey at level two", f, f.Submit(map[string]any{"method": "passkey", "passkey_login": k.Get(challenge)}), 4010002)
	})
}

func refusedWith(t *testing.T, f *cardeatest.Flow, a *cardeatest.Answer, message int) {
	t.Helper()
	form := f.Form(a)
	for _, m := range form.Messages() {
		if m == message {
			return
		}
	}
	t.Errorf("answered %d with %v, want %d", a.Status, form.Messages(), message)
}

func TestRemovingThePasskeyTakesItsSecondFactorAlong(t *testing.T) {
	s := house(t, second, bothAtOnce(""))
	k := key(t)
	k.Verified = true
	c := s.Client(cardeatest.SPA)
	c.SignUp(email, cardeatest.Password)
	f := addPasskey(t, c, k)
	status(t, "remove it", f.Submit(map[string]any{"passkey_remove": value(t, f.Fetch(), "passkey_remove")}), http.StatusOK)
	proved(t, c, "password aal1", "passkey aal1")
}

func TestKeysAreSetUpWhileSigningIn(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := house(t, second, bothAtOnce(", require_aal2: {everyone: true}"))
			s.CreateIdentity(email, cardeatest.Password)
			start := func() *cardeatest.Flow {
				c := s.Client(kind)
				a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
				if kind == cardeatest.Native {
					c.Token = a.Text("session_token")
				}
				return c.Start("login", "aal=aal2")
			}
			f := start()
			k := key(t)
			k.Verified = false
			options := value(t, f.Answer, "passkey_create_data")
			if !strings.Contains(options, `"userVerification":"required"`) {
				t.Errorf("a passkey is asked for with %s", options)
			}
			refused(t, "a passkey without its user", f, f.Submit(map[string]any{"method": "passkey", "passkey_settings_register": k.Create(options)}), 4000043)
			if kind == cardeatest.Native { // security keys are for browsers
				if f.Answer.Node("webauthn_register_trigger") != nil {
					t.Error("a native form offers a security key")
				}
				k.Verified = true
				a := f.Submit(map[string]any{"method": "passkey", "passkey_settings_register": k.Create(options)})
				status(t, "a passkey", a, http.StatusOK)
				return
			}
			if f.Answer.Node("webauthn_remove") != nil || f.Answer.Node("webauthn_login_trigger") != nil {
				t.Errorf("the form: %s", f.Answer.Body)
			}
			a := f.Submit(map[string]any{
				"method": "webauthn", "webauthn_register_displayname": "blue", "webauthn_register": k.Create(value(t, f.Answer, "webauthn_register_trigger")),
			})
			if a.Status >= 400 || strings.Contains(a.Location, "flow=") {
				t.Errorf("a security key: %d %s %s", a.Status, a.Location, a.Body)
			}
		})
	}
}
