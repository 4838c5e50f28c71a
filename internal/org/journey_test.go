package org_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"cardea/cardeatest"
)

// everybody runs a journey once for each kind of client.
func everybody(t *testing.T, journey func(*testing.T, cardeatest.Kind)) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			journey(t, kind)
		})
	}
}

func TestAPersonJoinsThroughTheConnectionOfAnOrganization(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		ann := claims{"sub": "ann", "email": "ann@acme.test", "email_verified": true}

		first := h.visitor(kind)
		f := first.start("login", acme)
		if got := f.Answer.Text("organization_id"); got != acme {
			t.Errorf("the flow is of the organization %q", got)
		}
		if got := providers(f.Answer); !slices.Equal(got, []string{"acme", "acme2"}) || f.Answer.Node("password") != nil || f.Answer.Node("identifier") != nil {
			t.Errorf("the form offers %v, and %s", got, f.Answer.Body)
		}
		first.through("login", acme, "acme", ann)
		me := first.wantSignedIn("ann@acme.test", acme)
		methods := me.JSON["authentication_methods"].([]any)
		if got := methods[0].(claims)["organization"]; got != acme {
			t.Errorf("the evidence is of the organization %v", got)
		}
		ends, err := time.Parse(time.RFC3339, me.Text("expires_at"))
		begins, err2 := time.Parse(time.RFC3339, me.Text("issued_at"))
		if err != nil || err2 != nil || ends.Sub(begins).Round(time.Minute) != 2*time.Hour {
			t.Errorf("the session lives from %v to %v", begins, ends)
		}

		again := h.visitor(kind)
		again.through("registration", acme, "acme", ann)
		if got := again.wantSignedIn("ann@acme.test", acme); got.Text("identity", "id") != me.Text("identity", "id") {
			t.Error("coming again made another account")
		}
		stored := h.admin(200, "GET", "/identities/"+me.Text("identity", "id")+"?include_credential=oidc", nil)
		link := stored.JSON["credentials"].(claims)["oidc"].(claims)["config"].(claims)["providers"].([]any)[0].(claims)
		if link["organization"] != acme {
			t.Errorf("the link is %v", link)
		}
	})
}

func TestWhatAnOrganizationsProviderDoesNotTellIsAskedFor(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		v := h.visitor(kind)
		f := v.start("registration", acme)
		v.comeBack(h.provider.Consent(v.leave(f, "provider", "acme"), claims{"sub": "ann"}))
		v.wantNobody("without an address")
		if form := f.Fetch(); form.Node("traits.email") == nil {
			t.Fatalf("nobody is asked for an address: %s", form.Body)
		}
		a := f.Submit(claims{"method": "oidc", "provider": "acme", "traits.email": "ann@acme.test"})
		to := a.Location
		if kind != cardeatest.Browser {
			to = a.Text("redirect_browser_to")
		}
		v.comeBack(h.provider.Consent(to, claims{"sub": "ann"}))
		v.wantSignedIn("ann@acme.test", acme)
	})
}

func TestConnectionsAreOfferedInTheirOrganizationsJourneysAlone(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		for organization, offered := range map[string][]string{
			"": {"open"}, "acme": {"open"}, acme: {"acme", "acme2"}, beta: {"beta"}, closed: nil, lonely: nil, nowhere: nil,
		} {
			for _, journey := range []string{"login", "registration"} {
				f := h.visitor(kind).start(journey, organization)
				if got := providers(f.Answer); !slices.Equal(got, offered) {
					t.Errorf("%s for %q offers %v", journey, organization, got)
				}
				for _, p := range []string{"open", "acme", "acme2", "beta", "closed"} {
					v := h.visitor(kind)
					if got := v.leave(v.start(journey, organization), "provider", p) != ""; got != slices.Contains(offered, p) {
						t.Errorf("%s for %q goes to %s: %v", journey, organization, p, got)
					}
				}
			}
		}
		for organization, want := range map[string][]int{closed: {refusedClosed}, lonely: {5000003}, nowhere: nil, acme: nil} {
			if got := h.visitor(kind).start("login", organization).Answer.Messages(); !slices.Equal(got, want) {
				t.Errorf("a login for %s says %v", organization, got)
			}
		}
	})
}

func TestAMemberSignsInThroughConnectionsOnlyWhereTheOrganizationWantsThat(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		for email, tc := range map[string]struct {
			organization string
			says         int // 0: in they go
		}{
			"ann@acme.test": {acme, refusedOutside}, "guest@elsewhere.test": {acme, refusedOutside},
			"ann@beta.test": {beta, 0}, "ann@closed.test": {closed, refusedClosed}, "ann@nowhere.test": {nowhere, 0},
			"ann@lonely.test": {lonely, 0},
		} {
			h.member(email, tc.organization)
			v := h.visitor(kind)
			f := v.start("login", "")
			a := f.Submit(claims{"method": "password", "identifier": email, "password": cardeatest.Password})
			if tc.says == 0 {
				v.client.Token = a.Text("session_token")
				v.wantSignedIn(email, tc.organization)
				continue
			}
			v.wantNobody(email)
			form := f.Form(a)
			if got := form.Messages(); !slices.Equal(got, []int{tc.says}) {
				t.Errorf("%s: the form says %v", email, got)
			}
			if got := slices.Contains(providers(form), "acme"); got != (tc.says == refusedOutside) {
				t.Errorf("%s: the form offers %v", email, providers(form))
			}
		}
		v := h.visitor(kind) // a wrong password tells nothing of organizations
		f := v.start("login", "")
		form := f.Form(f.Submit(claims{"method": "password", "identifier": "ann@acme.test", "password": "wrong"}))
		if got := form.Messages(); !slices.Equal(got, []int{4000006}) || slices.Contains(providers(form), "acme") {
			t.Errorf("a wrong password: %v, %v", got, providers(form))
		}
	})
}

func TestARefusedMemberGoesOnThroughTheConnectionThatIsShown(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "")
		ann := claims{"sub": "ann", "email": "ann@acme.test"}
		h.visitor(kind).through("login", acme, "acme", ann)
		v := h.visitor(kind)
		f := v.start("registration", "")
		a := f.Submit(claims{"method": "password", "traits.email": "bob@acme.test", "password": cardeatest.Password})
		v.wantNobody("signed up from outside")
		if form := f.Form(a); !slices.Equal(form.Messages(), []int{refusedOutside}) {
			t.Errorf("the form says %v", form.Messages())
		}
		to := v.leave(f, "provider", "acme")
		if to == "" {
			t.Fatal("the connection is not offered")
		}
		v.comeBack(h.provider.Consent(to, ann))
		v.wantSignedIn("ann@acme.test", acme)
	})
}

func TestSomebodyIsLedHomeByTheDomainOfTheirAddress(t *testing.T) {
	for about, more := range map[string]string{"": "", "with accounts hidden": "\nsecurity: {account_enumeration: {mitigate: true}}"} {
		t.Run(about, func(t *testing.T) {
			everybody(t, func(t *testing.T, kind cardeatest.Kind) {
				h := newHouse(t, "login: {style: identifier_first}", more)
				hidden := more != ""
				h.CreateIdentity("bob@beta.test", cardeatest.Password)
				h.CreateIdentity("bob@elsewhere.test", cardeatest.Password)
				h.member("guest@elsewhere.test", acme)
				for identifier, tc := range map[string]struct {
					offered  []string
					password bool
				}{
					"ann@acme.test":         {[]string{"acme", "acme2"}, false},
					"ann@ACME.test.":        {[]string{"acme", "acme2"}, false},
					"bob@beta.test":         {[]string{"beta"}, true},
					"bob@elsewhere.test":    {nil, true},
					"bob@mail.acme.test":    {nil, false},
					"bob@acme.test.ev.test": {nil, false},
					"ann@closed.test":       {nil, false},
					"ann@lonely.test":       {nil, false},
				} {
					f := h.visitor(kind).start("login", "")
					form := f.Form(f.Submit(claims{"method": "identifier_first", "identifier": identifier}))
					got := slices.DeleteFunc(providers(form), func(p string) bool { return p == "open" })
					if !slices.Equal(got, tc.offered) {
						t.Errorf("%s is led to %v", identifier, got)
					}
					if got, want := form.Node("password") != nil, tc.password || hidden && len(tc.offered) == 0; got != want {
						t.Errorf("%s is asked for a password: %v", identifier, got)
					}
				}
				f := h.visitor(kind).start("login", "")
				form := f.Form(f.Submit(claims{"method": "identifier_first", "identifier": "guest@elsewhere.test"}))
				if got := slices.Contains(providers(form), "acme"); got == hidden {
					t.Errorf("a member with another address is led to %v", providers(form))
				}

				v := h.visitor(kind) // and through
				f = v.start("login", "")
				f.Submit(claims{"method": "identifier_first", "identifier": "ann@acme.test"})
				v.comeBack(h.provider.Consent(v.leave(f, "provider", "acme"), claims{"sub": "ann", "email": "ann@acme.test"}))
				v.wantSignedIn("ann@acme.test", acme)
			})
		})
	}
}

func TestTheOnlyConnectionIsGoneToAtOnce(t *testing.T) {
	everybody(t, func(t *testing.T, kind cardeatest.Kind) {
		h := newHouse(t, "login: {style: identifier_first}")
		v := h.visitor(kind)
		f := v.start("login", "")
		a := f.Submit(claims{"method": "identifier_first", "identifier": "ann@solo.test"})
		to := a.Location
		if kind != cardeatest.Browser {
			to = a.Text("redirect_browser_to")
		}
		v.comeBack(h.provider.Consent(to, claims{"sub": "ann", "email": "ann@solo.test"}))
		v.wantSignedIn("ann@solo.test", solo)
	})
}

func TestAMemberWhomAnOperatorHasMadeComesInByTheirAddress(t *testing.T) {
	for about, tc := range map[string]struct {
		email, organization, through, provider string
		claims                                 claims
		journey                                string
		in                                     bool
	}{
		"a sign-in":                       {"ann@acme.test", acme, acme, "acme", claims{"email_verified": true}, "login", true},
		"a sign-up":                       {"ann@acme.test", acme, acme, "acme", claims{"email_verified": true}, "registration", true},
		"an address nobody vouches for":   {"ann@acme.test", acme, acme, "acme", nil, "login", false},
		"an address of another domain":    {"ann@elsewhere.test", acme, acme, "acme", claims{"email_verified": true}, "login", false},
		"nobody's member":                 {"ann@solo.test", nowhere, solo, "solo", claims{"email_verified": true}, "login", false},
		"another provider":                {"ann@acme.test", acme, "", "open", claims{"email_verified": true}, "login", false},
		"an account others may have made": {"ann@beta.test", beta, beta, "beta", claims{"email_verified": true}, "login", false},
	} {
		t.Run(about, func(t *testing.T) {
			everybody(t, func(t *testing.T, kind cardeatest.Kind) {
				h := newHouse(t, "")
				id := h.member(tc.email, tc.organization)
				told := claims{"sub": "ann", "email": tc.email}
				maps.Copy(told, tc.claims)
				v := h.visitor(kind)
				v.through(tc.journey, tc.through, tc.provider, told)
				if !tc.in {
					v.wantNobody(about)
					return
				}
				if got := v.wantSignedIn(tc.email, tc.organization).Text("identity", "id"); got != id {
					t.Errorf("signed in as %s, want %s", got, id)
				}
				again := h.visitor(kind)
				again.through(tc.journey, tc.through, tc.provider, claims{"sub": "ann"})
				again.wantSignedIn(tc.email, tc.organization)

				recycled := h.visitor(kind)
				recycled.through(tc.journey, tc.through, tc.provider, claims{"sub": "another ann", "email": tc.email, "email_verified": true})
				recycled.wantNobody("somebody else with the same address")
			})
		})
	}
}

func TestKratosOwnKeyMeansThatMembersUseTheirConnections(t *testing.T) {
	const own = "77777777-7777-4777-8777-777777777777"
	p := cardeatest.NewProvider(t)
	h := &house{t, cardeatest.New(t, cardeatest.Options{Config: `
selfservice:
  methods:
    b2b: {config: {organizations: [{id: ` + own + `, label: Own, domains: [own.test]}, {id: ` + lonely + `, domains: [lonely.test]}]}}
    oidc: {enabled: true, config: {providers: [` + p.Config("own", ", organization_id: "+own) + `]}}
`}), p}
	h.member("ann@own.test", own)
	h.member("ann@lonely.test", lonely)
	v := h.visitor(cardeatest.SPA)
	f := v.start("login", "")
	a := f.Submit(claims{"method": "password", "identifier": "ann@own.test", "password": cardeatest.Password})
	if got := a.Messages(); !slices.Equal(got, []int{refusedOutside}) {
		t.Errorf("with a connection: %d %v", a.Status, got)
	}
	v.client.SignIn("ann@lonely.test", cardeatest.Password)
	v.wantSignedIn("ann@lonely.test", lonely)
}
