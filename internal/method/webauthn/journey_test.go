package webauthn_test

import (
	"encoding/hex"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

func TestAPersonSignsUpAndInWithAPasskey(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		k := key(t)
		person := s.Client(kind)
		signUp(t, person, k, email)
		proved(t, person, "passkey aal1")

		again := s.Client(kind)
		signIn(t, again, k)
		proved(t, again, "passkey aal1")
		if got := again.WhoAmI().Text("identity", "traits", "email"); got != email {
			t.Errorf("the passkey signs in %q, want %q", got, email)
		}
	})
}

func TestFormsNameTheScriptAndItsFunctionsWhereThereIsABrowser(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		form := s.Client(kind).Start("login", "").Answer
		script, trigger := form.Node("webauthn_script"), form.Node("passkey_login_trigger")
		if got, want := script != nil, kind != cardeatest.Native; got != want {
			t.Fatalf("the form has a script: %t, want %t", got, want)
		}
		if trigger.Attributes["onclickTrigger"] != "oryPasskeyLogin" {
			t.Errorf("the button calls %v", trigger.Attributes["onclickTrigger"])
		}
		if _, inline := trigger.Attributes["onclick"]; inline != (kind != cardeatest.Native) {
			t.Errorf("the button has JavaScript of its own: %t", inline)
		}
		if kind == cardeatest.Native {
			return
		}
		served := s.Client(kind).Get(script.Attributes["src"].(string))
		status(t, "the script", served, http.StatusOK)
		if got := integrity(served.Body); got != script.Attributes["integrity"] {
			t.Errorf("the script's hash is %s, the form says %v", got, script.Attributes["integrity"])
		}
	})
}

func TestPasskeysAreAddedAndRemovedInSettings(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		id := s.CreateIdentity(email, cardeatest.Password)
		person := s.Client(kind)
		person.SignIn(email, cardeatest.Password)
		one, two := key(t), key(t)
		one.AAGUID = [16]byte{0xba, 0xda, 0x55, 0x66, 0xa7, 0xaa, 0x40, 0x1f, 0xbd, 0x96, 0x45, 0x61, 0x9a, 0x55, 0x12, 0x0d}
		addPasskey(t, person, one)
		if got := storedKey(t, s, id, "passkey")["display_name"]; got != "1Password" {
			t.Errorf("the passkey is called %v, want the name of its model", got)
		}
		if label := person.Start("settings", "").Answer.Node("passkey_remove").Meta.Label; label == nil || label.Context["display_name"] != "1Password" {
			t.Errorf("the settings show %+v, want the name of its model", label)
		}
		f := addPasskey(t, person, two)
		if a, b := one.Keys()[0].Handle, two.Keys()[0].Handle; !slices.Equal(a, b) {
			t.Errorf("the user handle changed from %q to %q", a, b)
		}
		for _, k := range []*cardeatest.Authenticator{one, two} {
			signIn(t, s.Client(kind), k)
		}
		remove := hex.EncodeToString(one.Keys()[0].ID)
		status(t, "remove a passkey", f.Submit(map[string]any{"passkey_remove": remove}), done(person))
		login := s.Client(kind).Start("login", "")
		refused(t, "a removed passkey", login, login.Submit(map[string]any{"passkey_login": one.Get(value(t, login.Answer, "passkey_challenge"))}), 4000013)
		signIn(t, s.Client(kind), two)
		refused(t, "removing it again", f, f.Submit(map[string]any{"passkey_remove": remove}), 4000001)
	})
}

func TestTheLastWayInCannotBeRemoved(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		person := s.Client(kind)
		signUp(t, person, key(t), email)
		f := person.Start("settings", "")
		button := f.Answer.Node("passkey_remove")
		if button.Attributes["disabled"] != true {
			t.Error("the button to remove the last passkey is not disabled")
		}
		a := f.Submit(map[string]any{"passkey_remove": value(t, f.Answer, "passkey_remove")})
		if got := f.Form(a).FieldMessages("passkey_remove"); !slices.Equal(got, []int{4000001}) {
			t.Errorf("removing the last passkey says %v on its node, want 4000001", got)
		}
	})
}

func TestASecurityKeyIsASecondFactor(t *testing.T) {
	each(t, second, inBrowsers, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		id := s.CreateIdentity(email, cardeatest.Password)
		person := s.Client(kind)
		person.SignIn(email, cardeatest.Password)
		k := key(t)
		k.BackupEligible = true
		addKey(t, person, k, "blue one")
		proved(t, person, "password aal1", "webauthn aal2")

		again := s.Client(kind)
		f := again.Start("login", "")
		f.Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
		status(t, "whoami without the second factor", again.WhoAmI(), http.StatusForbidden)
		up := again.Start("login", "aal=aal2")
		k.BackedUp = true
		a := up.Submit(map[string]any{"identifier": email, "webauthn_login": k.Get(value(t, up.Answer, "webauthn_login_trigger"))})
		status(t, "the second factor", a, done(again))
		proved(t, again, "password aal1", "webauthn aal2")

		kept := storedKey(t, s, id, "webauthn")
		flags, authenticator := kept["flags"].(map[string]any), kept["authenticator"].(map[string]any)
		if flags["backup_eligible"] != true || flags["backup_state"] != true {
			t.Errorf("the flags of the backup are %v, want both", flags)
		}
		if authenticator["sign_count"] != 1.0 || authenticator["clone_warning"] != false {
			t.Errorf("the counter is kept as %v, want 1 without a warning", authenticator)
		}
	})
}

func TestRemovingTheLastSecondFactorLowersTheSession(t *testing.T) {
	each(t, second, inBrowsers, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(email, cardeatest.Password)
		person := s.Client(kind)
		person.SignIn(email, cardeatest.Password)
		addKey(t, person, key(t), "one")
		f := addKey(t, person, key(t), "two")
		for _, want := range [][]string{{"password aal1", "webauthn aal2"}, {"password aal1"}} {
			status(t, "remove a key", f.Submit(map[string]any{"webauthn_remove": value(t, f.Fetch(), "webauthn_remove")}), done(person))
			proved(t, person, want...)
		}
	})
}

func TestAPersonSignsUpAndInWithASecurityKeyAlone(t *testing.T) {
	each(t, first, inBrowsers, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		k := key(t)
		person := s.Client(kind)
		f := person.Start("registration", "")
		options := value(t, f.Answer, "webauthn_register_trigger")
		missing := f.Submit(map[string]any{"method": "webauthn", "traits.email": email})
		if got := f.Form(missing).FieldMessages("webauthn_register"); !slices.Equal(got, []int{4000002}) {
			t.Errorf("without a key the form says %v, want 4000002", got)
		}
		a := f.Submit(map[string]any{"traits.email": email, "webauthn_register": k.Create(options), "webauthn_register_displayname": "mine"})
		status(t, "sign up", a, done(person))
		proved(t, person, "webauthn aal1")

		again := s.Client(kind)
		login := again.Start("login", "")
		refused(t, "somebody unknown", login, login.Submit(map[string]any{"method": "webauthn", "identifier": "bob@cardea.test"}), 4000015)
		moved := login.Submit(map[string]any{"method": "webauthn", "identifier": email})
		if want := map[cardeatest.Kind]int{cardeatest.Browser: 303, cardeatest.SPA: 422}[kind]; moved.Status != want {
			t.Fatalf("the identifier is answered with %d, want %d", moved.Status, want)
		}
		form := login.Fetch()
		if form.Node("password") != nil || form.Node("passkey_login") != nil {
			t.Error("other methods stay on the form")
		}
		answer := k.Get(value(t, form, "webauthn_login_trigger"))
		status(t, "sign in", login.Submit(map[string]any{"identifier": email, "webauthn_login": answer}), done(again))
		proved(t, again, "webauthn aal1")

		// The key knows whose it is, so it works like a passkey as well.
		other := s.Client(kind)
		signIn(t, other, k)
		proved(t, other, "passkey aal1")

		// Another key in settings does not change how the first one is known.
		before := stored(t, s, other.WhoAmI().Text("identity", "id"), "webauthn")["user_handle"]
		addKey(t, person, key(t), "another")
		if after := stored(t, s, other.WhoAmI().Text("identity", "id"), "webauthn")["user_handle"]; after != before {
			t.Errorf("the user handle became %v, want %v", after, before)
		}
		signIn(t, s.Client(kind), k)
	})
}

func TestIdentifierFirstOffersThePasskeysOfTheAccount(t *testing.T) {
	styled := cardeatest.New(t, cardeatest.Options{Config: configuration(first) + `
    login: {style: identifier_first}
`})
	k := key(t)
	signUp(t, styled.Client(cardeatest.SPA), k, email)
	styled.CreateIdentity("bob@cardea.test", cardeatest.Password)
	f := styled.Client(cardeatest.SPA).Start("login", "")
	if f.Answer.Node("passkey_challenge") == nil || f.Answer.Node("passkey_login_trigger") != nil {
		t.Error("the first screen should suggest passkeys in its field, without a button")
	}
	next := f.Submit(map[string]any{"method": "identifier_first", "identifier": "bob@cardea.test"})
	if next.Node("passkey_login_trigger") != nil {
		t.Error("somebody without a passkey is offered one")
	}
	if got, want := value(t, next, "passkey_challenge"), value(t, f.Answer, "passkey_challenge"); got != want {
		t.Errorf("what the field suggests passkeys with is %s, and was %s", got, want)
	}
}

func TestTheScreenAboutAnAccountGoesOnBelowTheOneBeforeIt(t *testing.T) {
	styled := cardeatest.New(t, cardeatest.Options{Config: configuration(second) + `
    login: {style: identifier_first}
`})
	owner := styled.Client(cardeatest.SPA)
	owner.SignUp(email, cardeatest.Password)
	k := key(t)
	addPasskey(t, owner, k)
	names := func(a *cardeatest.Answer) (names []string) {
		for _, n := range a.UI().Nodes {
			name, ok := n.Attributes["name"].(string)
			if !ok {
				name, _ = n.Attributes["id"].(string)
			}
			names = append(names, n.Group+" "+name)
		}
		return names
	}
	f := styled.Client(cardeatest.SPA).Start("login", "")
	first := []string{"identifier_first identifier", "identifier_first method", "default csrf_token", "webauthn webauthn_script", "passkey passkey_login", "passkey passkey_challenge"}
	if diff := cmp.Diff(first, names(f.Answer)); diff != "" {
		t.Errorf("the first screen (-want +got):\n%s", diff)
	}
	second := slices.Concat(first[:1], first[2:], []string{"password password", "password method", "passkey passkey_login_trigger"})
	if diff := cmp.Diff(second, names(f.Submit(map[string]any{"method": "identifier_first", "identifier": email}))); diff != "" {
		t.Errorf("the second screen (-want +got):\n%s", diff)
	}
}

func TestConfirmingASignInAsksForTheKeysOfTheAccount(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		mine, foreign := key(t), key(t)
		signUp(t, s.Client(kind), foreign, "bob@cardea.test")
		person := s.Client(kind)
		signUp(t, person, mine, email)
		f := person.Start("login", "refresh=true")
		options := value(t, f.Answer, "passkey_challenge")
		if got := value(t, f.Answer, "identifier"); got != email {
			t.Errorf("the form is about %q, want %q", got, email)
		}
		refused(t, "somebody else's passkey", f, f.Submit(map[string]any{"passkey_login": foreign.Sign(foreign.Keys()[0], options)}), 4000043)
		status(t, "the own passkey", f.Submit(map[string]any{"passkey_login": mine.Get(options)}), done(person))
	})
}
