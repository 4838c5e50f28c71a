package org_test

import (
	"encoding/base64"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// signIn submits a password and says what the form answers, nil for in.
func (v *visitor) signIn(email string) []int {
	v.Helper()
	f := v.start("login", "")
	a := f.Submit(claims{"method": "password", "identifier": email, "password": cardeatest.Password})
	if token := a.Text("session_token"); token != "" {
		v.client.Token = token
	}
	return f.Form(a).Messages()
}

// messages are what the form of a journey says after the provider sent somebody back.
func (v *visitor) messages(f *cardeatest.Flow) []int {
	v.Helper()
	return f.Fetch().Messages()
}

func TestAnotherProviderIsNoWayIntoAnOrganization(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		ann := claims{"sub": "ann", "email": "ann@elsewhere.test"}
		v := h.visitor(kind)
		v.through("login", "", "open", ann)
		id := v.wantSignedIn("ann@elsewhere.test", "").Text("identity", "id")
		h.move(id, acme)
		v.wantNobody("whose account was given to an organization")

		again := h.visitor(kind)
		f := again.through("login", "", "open", ann)
		again.wantNobody("through an open provider")
		if got := again.messages(f); !slices.Equal(got, []int{refusedOutside}) {
			t.Errorf("the form says %v", got)
		}
	})
}

func TestNobodyTakesAnAddressOfAnOrganizationFromOutside(t *testing.T) {
	for address, want := range map[string]int{
		"eve@acme.test": refusedOutside, "eve@ACME.TEST": refusedOutside, "eve@closed.test": refusedOutside,
		"eve@beta.test": 0, "eve@mail.acme.test": 0, "eve@xacme.test": 0, "eve@acme.test.evil.test": 0,
	} {
		t.Run(address, func(t *testing.T) {
			everybody(t, func(t *testing.T, kind cardeatest.Kind) {
				h := newHouse(t, "")
				v := h.visitor(kind)
				f := v.start("registration", "")
				a := f.Submit(claims{"method": "password", "traits.email": address, "password": cardeatest.Password})
				if got := f.Form(a).Messages(); want != 0 && !slices.Equal(got, []int{want}) || slices.Contains(got, refusedOutside) != (want != 0) {
					t.Errorf("by password: %v", got)
				}
				if want == 0 {
					return
				}
				v.wantNobody("by password")

				other := h.visitor(kind)
				f = other.through("registration", "", "open", claims{"sub": "eve", "email": address, "email_verified": true})
				other.wantNobody("through an open provider")
				if got := other.messages(f); !slices.Equal(got, []int{want}) {
					t.Errorf("through an open provider: %v", got)
				}

				inside := h.visitor(kind)
				inside.client.SignUp("eve@elsewhere.test", cardeatest.Password)
				f = inside.client.Start("settings", "")
				a = f.Submit(claims{"method": "profile", "traits.email": address})
				if got := f.Form(a).Messages(); !slices.Equal(got, []int{want}) {
					t.Errorf("in the settings: %v", got)
				}
				inside.wantSignedIn("eve@elsewhere.test", "")
			})
		})
	}
}

func TestAConnectionDoesNotSpeakForTheDomainOfAnotherOrganization(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		for _, address := range []string{"ceo@beta.test", "ceo@closed.test", "ceo@BETA.test."} {
			v := h.visitor(kind)
			f := v.start("registration", acme)
			v.comeBack(h.provider.Consent(v.leave(f, "provider", "acme"), claims{"sub": "eve " + address, "email": address, "email_verified": true}))
			v.wantNobody(address)
			if got := v.messages(f); !slices.Contains(got, refusedForeign) && !strings.HasSuffix(address, ".") {
				t.Errorf("%s: %v", address, got)
			}
		}
	})
}

func TestAConnectionThatUpdatesAnAccountDoesNotGiveItAForeignAddress(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		come := func(email string) *visitor {
			v := h.visitor(kind)
			v.through("login", solo, "solo", claims{"sub": "eve", "email": email})
			return v
		}
		id := come("eve@solo.test").wantSignedIn("eve@solo.test", solo).Text("identity", "id")
		come("other@solo.test").wantSignedIn("other@solo.test", solo)
		for _, address := range []string{"ceo@acme.test", "ceo@beta.test", "ceo@closed.test"} {
			come(address).wantNobody("as " + address)
			if got := h.admin(200, "GET", "/identities/"+id, nil).Text("traits", "email"); got != "other@solo.test" {
				t.Errorf("the address became %q", got)
			}
		}
		come("guest@elsewhere.test").wantSignedIn("guest@elsewhere.test", solo)
	})
}

func TestAMovedMemberLeavesTheOldConnectionBehind(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		bob := claims{"sub": "bob", "email": "bob@elsewhere.test"}
		v := h.visitor(kind)
		v.through("login", acme, "acme", bob)
		id := v.wantSignedIn("bob@elsewhere.test", acme).Text("identity", "id")
		h.move(id, beta)
		v.wantNobody("moved to another organization")

		again := h.visitor(kind)
		f := again.through("login", acme, "acme", bob)
		again.wantNobody("through the old connection")
		if got := again.messages(f); !slices.Equal(got, []int{refusedForeign}) {
			t.Errorf("the form says %v", got)
		}
	})
}

func TestARecoveryIsNoWayRoundTheConnection(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		id := h.member("ann@acme.test", acme)
		v := h.visitor(kind)
		f := v.client.Start("recovery", "")
		f.Submit(claims{"method": "code", "email": "ann@acme.test"})
		f.Submit(claims{"method": "code", "code": h.LastMail("ann@acme.test").Code()})
		v.wantNobody("by a code in a mail")

		v = h.visitor(kind)
		handed := h.admin(201, "POST", "/recovery/code", claims{"identity_id": id})
		link := strings.TrimPrefix(handed.Text("recovery_link"), "https://ui.cardea.test/recovery?flow=")
		a := v.client.Do("POST", "/self-service/recovery?flow="+link, claims{"method": "code", "code": handed.Text("recovery_code")})
		v.client.Token = continued(a)
		v.wantNobody("by a code that an operator has made")

		v = h.visitor(kind)
		handed = h.admin(200, "POST", "/recovery/link", claims{"identity_id": id})
		a = v.client.Get(strings.TrimPrefix(handed.Text("recovery_link"), h.PublicURL))
		v.client.Token = continued(a)
		v.wantNobody("by a link that an operator has made")
	})
}

func TestAnAddressThatBreaksTheGlassLeadsAMemberBackIn(t *testing.T) {
	const mail = "ann@acme.test"
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		recover := func() *visitor {
			v := h.visitor(kind)
			f := v.client.Start("recovery", "")
			f.Submit(claims{"method": "code", "email": mail})
			a := f.Submit(claims{"method": "code", "code": h.LastMail(mail).Code()})
			v.client.Token = continued(a)
			if v.client.Token == "" {
				inner, _ := a.JSON["error"].(claims)
				details, _ := inner["details"].(claims)
				v.client.Token = continued(&cardeatest.Answer{JSON: details})
			}
			return v
		}
		id := h.member(mail, acme)
		set := func(value any) {
			h.admin(200, "PATCH", "/identities/"+id, []any{map[string]any{"op": "add", "path": "/recovery_addresses/0/break_glass_for_organization", "value": value}})
		}
		set(beta)
		recover().wantNobody("with an address for another organization")
		set(acme)
		v := recover()
		v.wantSignedIn(mail, acme)
		if got := h.admin(200, "GET", "/identities/"+id, nil); !strings.Contains(string(got.Body), `"break_glass_for_organization":"`+acme+`"`) {
			t.Errorf("an operator is not shown it: %s", got.Body)
		}
		other := h.visitor(kind) // the password still opens nothing
		f := other.start("login", "")
		other.client.Token = f.Submit(claims{"method": "password", "identifier": mail, "password": cardeatest.Password}).Text("session_token")
		other.wantNobody("with a password")
		handed := h.admin(201, "POST", "/recovery/code", claims{"identity_id": id})
		link := strings.TrimPrefix(handed.Text("recovery_link"), "https://ui.cardea.test/recovery?flow=")
		stranger := h.visitor(kind)
		a := stranger.client.Do("POST", "/self-service/recovery?flow="+link, claims{"method": "code", "code": handed.Text("recovery_code")})
		stranger.client.Token = continued(a)
		stranger.wantNobody("by a code that proves no address")
		h.move(id, closed)
		set(closed)
		recover().wantNobody("into an organization that is switched off")
	})
}

func TestAPasskeyOrACodeIsNoWayRoundTheConnection(t *testing.T) {
	for _, kind := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			schema := strings.Replace(cardeatest.Schema, `"credentials": {`, `"credentials": {"passkey": {"display_name": true}, "code": {"identifier": true, "via": "email"}, `, 1)
			h := newHouse(t, "", `identity: {schemas: [{id: default, url: "base64://`+base64.StdEncoding.EncodeToString([]byte(schema))+`"}]}`)
			id := h.CreateIdentity("ann@acme.test", cardeatest.Password)
			key := cardeatest.NewAuthenticator(t, "https://ui.cardea.test")
			owner := h.Client(kind)
			owner.SignIn("ann@acme.test", cardeatest.Password)
			f := owner.Start("settings", "")
			options, _ := f.Answer.Node("passkey_create_data").Attributes["value"].(string)
			f.Submit(claims{"method": "passkey", "passkey_settings_register": key.Create(options)})
			ways := map[string]func(f *cardeatest.Flow) *cardeatest.Answer{
				"a passkey": func(f *cardeatest.Flow) *cardeatest.Answer {
					challenge, _ := f.Answer.Node("passkey_challenge").Attributes["value"].(string)
					return f.Submit(claims{"passkey_login": key.Get(challenge)})
				},
				"a code": func(f *cardeatest.Flow) *cardeatest.Answer {
					f.Submit(claims{"method": "code", "identifier": "ann@acme.test"})
					return f.Submit(claims{"method": "code", "identifier": "ann@acme.test", "code": h.LastMail("ann@acme.test").Code()})
				},
			}
			for way, sign := range ways { // as long as nobody's member, every way is open
				v := h.visitor(kind)
				sign(v.client.Start("login", ""))
				if v.client.WhoAmI().Status != 200 {
					t.Fatalf("%s opens nothing at all", way)
				}
			}
			h.move(id, acme)
			for way, sign := range ways {
				v := h.visitor(kind)
				f := v.client.Start("login", "")
				a := sign(f)
				v.wantNobody(way)
				if got := f.Form(a).Messages(); !slices.Contains(got, refusedOutside) {
					t.Errorf("%s: the form says %v", way, got)
				}
			}
		})
	}
}

// continued is the session token that an answer hands out, "" for none.
func continued(a *cardeatest.Answer) string {
	next, _ := a.JSON["continue_with"].([]any)
	for _, one := range next {
		if token, ok := one.(claims)["ory_session_token"].(string); ok {
			return token
		}
	}
	return ""
}

func TestASessionIsNotKeptAliveFromOutside(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "settings: {privileged_session_max_age: 1h}")
		v := h.visitor(kind)
		v.through("login", acme, "acme", claims{"sub": "ann", "email": "ann@acme.test"})
		ends := v.wantSignedIn("ann@acme.test", acme).Text("expires_at")
		settings := v.client.Start("settings", "")
		settings.Submit(claims{"method": "password", "password": cardeatest.Password})
		if got := v.wantSignedIn("ann@acme.test", acme).Text("expires_at"); got != ends {
			t.Errorf("setting a password moved the end from %s to %s", ends, got)
		}
		again := v.client.Start("login", "refresh=true")
		if got := providers(again.Answer); !slices.Equal(got, []string{"acme"}) || again.Answer.Node("password") != nil {
			t.Errorf("signing in again is offered by %v: %s", got, again.Answer.Body)
		}
		again.Submit(claims{"method": "password", "identifier": "ann@acme.test", "password": cardeatest.Password})
		if got := v.wantSignedIn("ann@acme.test", acme).Text("expires_at"); got != ends {
			t.Errorf("a password moved the end from %s to %s", ends, got)
		}
	})
}

func TestSettingsOfAMemberAreAboutTheConnectionsOfTheirOrganization(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		v := h.visitor(kind)
		v.through("login", acme, "acme", claims{"sub": "ann", "email": "ann@acme.test"})
		v.wantSignedIn("ann@acme.test", acme)
		f := v.client.Start("settings", "organization="+beta)
		if got := f.Answer.Text("organization_id"); got != acme {
			t.Errorf("the settings are of %q", got)
		}
		if got := providers(f.Answer); !slices.Equal(got, []string{"acme", "acme2"}) && !slices.Equal(got, []string{"acme2", "acme"}) {
			t.Errorf("the settings offer %v", got)
		}
		for _, name := range []string{"link", "unlink"} {
			if n := f.Answer.Node(name); n == nil || n.Attributes["disabled"] != true {
				t.Errorf("%s can be chosen: %v", name, n)
			}
		}
		for _, p := range []string{"open", "beta", "closed"} {
			if v.leave(f, "link", p) != "" {
				t.Errorf("%s can be linked", p)
			}
		}
		f.Submit(claims{"method": "oidc", "unlink": "acme"})
		me := h.admin(200, "GET", "/identities/"+v.client.WhoAmI().Text("identity", "id")+"?include_credential=oidc", nil)
		if ids := me.JSON["credentials"].(claims)["oidc"].(claims)["identifiers"].([]any); len(ids) != 1 {
			t.Errorf("the connection was taken away: %v", ids)
		}
	})
}

func TestLinkingAConnectionNeedsAProvedAddressOfTheOrganization(t *testing.T) {
	h := newHouse(t, "")
	link := func(email string, proved bool, before ...*visitor) *visitor {
		v := h.visitor(cardeatest.Browser)
		id := h.CreateIdentity(email, cardeatest.Password)
		if proved {
			h.admin(200, "PATCH", "/identities/"+id, []any{
				claims{"op": "replace", "path": "/verifiable_addresses/0/verified", "value": true},
				claims{"op": "replace", "path": "/verifiable_addresses/0/status", "value": "completed"},
			})
		}
		for _, one := range append(before, v) {
			one.client.SignIn(email, cardeatest.Password)
		}
		f := v.client.Start("settings", "organization="+beta)
		if to := v.leave(f, "link", "beta"); to != "" {
			v.comeBack(h.provider.Consent(to, claims{"sub": email}))
		}
		return v
	}
	other := h.visitor(cardeatest.Native)
	ann := link("ann@beta.test", true, other)
	ann.wantSignedIn("ann@beta.test", beta)
	other.wantNobody("with a session from before")
	link("eve@beta.test", false).wantSignedIn("eve@beta.test", "")
	link("bob@acme.test", true).wantSignedIn("bob@acme.test", "")
	link("cat@elsewhere.test", true).wantSignedIn("cat@elsewhere.test", "")
}

func TestAPasswordFromBeforeDoesNotReplaceTheConnection(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		before := h.visitor(kind)
		before.client.SignUp("bob@elsewhere.test", cardeatest.Password)
		v := h.visitor(kind)
		f := v.start("login", acme)
		a := v.comeBack(h.provider.Consent(v.leave(f, "provider", "acme"), claims{"sub": "bob", "email": "bob@elsewhere.test"}))
		v.wantNobody("before they prove whose account it is")
		_, id, _ := strings.Cut(a.Location, "flow=")
		id, _, _ = strings.Cut(id, "&")
		linking := v.browser.Get("/self-service/login/flows?id=" + id)
		if linking.Node("password") == nil {
			t.Fatalf("nobody can prove whose account it is: %s", linking.Body)
		}
		a = v.client.Do("POST", "/self-service/login?flow="+id, claims{
			"method": "password", "identifier": "bob@elsewhere.test", "password": cardeatest.Password, "csrf_token": linking.Node("csrf_token").Attributes["value"],
		})
		if token := a.Text("session_token"); token != "" {
			v.client.Token = token
		}
		v.wantSignedIn("bob@elsewhere.test", acme)
		before.wantNobody("with the session from before")
		if got := h.visitor(kind).signIn("bob@elsewhere.test"); !slices.Equal(got, []int{refusedOutside}) {
			t.Errorf("with the password alone: %v", got)
		}
	})
}

func TestAChangeOfTheConfigurationEndsTheSessionsThatItWouldNotLetIn(t *testing.T) {
	dsn := "sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "shared.db")) + "?_fk=true"
	start := func(settings string) *house {
		return &house{t, cardeatest.New(t, cardeatest.Options{DSN: dsn, Config: "cardea: {organizations: [{id: " + acme + ", label: Acme" + settings + "}]}"}), nil}
	}
	for _, settings := range []string{", enabled: false", ", sign_in: connections"} {
		before := start("")
		email := "ann" + strconv.Itoa(len(settings)) + "@acme.test"
		before.member(email, acme)
		v := before.visitor(cardeatest.Native)
		v.client.SignIn(email, cardeatest.Password)
		v.wantSignedIn(email, acme)

		after := start(settings).visitor(cardeatest.Native)
		after.client.Token = v.client.Token
		after.wantNobody("after the start with" + settings)
	}
}
