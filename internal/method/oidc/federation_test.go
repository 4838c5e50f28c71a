package oidc_test

import (
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// own is a house whose provider has an entry of its own under cardea.
func own(t *testing.T, acme, entry string, more ...string) *house {
	t.Helper()
	p := cardeatest.NewProvider(t)
	p.Unmapped = strings.Contains(entry, "claims:")
	return startHouse(t, p, acme, append(more, "\ncardea: {federation: {providers: [{id: acme, "+entry+"}]}}")...)
}

func TestClaimsAreMappedWithoutAProgram(t *testing.T) {
	h := own(t, "", `verified: [email], claims: [
  {to: traits.email, from: [email]}, {to: traits.name.first, from: [given_name, nickname]}, {to: traits.age, from: [raw_claims.years]},
  {to: traits.newsletter, from: [wants_news]}, {to: metadata_public.team, from: ["https://acme.test/team"]}, {to: metadata_admin.floor, from: [address.floor]}]`)
	v := h.visitor(cardeatest.SPA)
	v.goThrough("login", "acme", claims{
		"sub": "ann", "email": "ann@cardea.test", "email_verified": true, "given_name": "", "nickname": "Annie", "years": 41, "wants_news": false,
		"https://acme.test/team": "red", "address": claims{"floor": "3"},
	})
	me := v.wantSignedIn("ann@cardea.test")
	a := h.Client(cardeatest.Native).Get(h.AdminURL + "/admin/identities/" + me.Text("identity", "id"))
	traits, _ := a.JSON["traits"].(claims)
	if a.Text("traits", "name", "first") != "Annie" || traits["age"] != 41.0 || traits["newsletter"] != false ||
		a.Text("metadata_public", "team") != "red" || a.Text("metadata_admin", "floor") != "3" {
		t.Errorf("the account is %s", a.Body)
	}
	if !strings.Contains(string(a.Body), `"verified":true`) {
		t.Errorf("the address is not verified: %s", a.Body)
	}
	other := h.visitor(cardeatest.SPA)
	other.goThrough("login", "acme", claims{"sub": "bob", "email": "bob@cardea.test", "email_verified": false})
	if me := other.wantSignedIn("bob@cardea.test"); strings.Contains(string(me.Body), `"verified":true`) {
		t.Errorf("an address that the provider does not vouch for is verified: %s", me.Body)
	}
}

func TestASignInChangesWhatTheOperatorLetsIt(t *testing.T) {
	for name, c := range map[string]struct {
		acme, entry       string
		first, last, city any // after the second sign-in
	}{
		"nothing by default": {"", "trusted_domains: []", "Ann", nil, "Rome"},
		"everything":         {", update_identity_on_login: automatic", "trusted_domains: []", "Anna", "Lee", "Oslo"},
		"all but one": {
			", update_identity_on_login: automatic", "update: [{attribute: traits.name.first, mode: never}]", "Ann", "Lee", "Oslo",
		},
		"one alone":              {"", "update: [{attribute: traits.name.last, mode: always}]", "Ann", "Lee", "Rome"},
		"what is empty":          {"", "update: [{attribute: traits, mode: if_empty}]", "Ann", "Lee", "Rome"},
		"the longest rule":       {"", "update: [{attribute: traits.name.first, mode: always}, {attribute: traits.name, mode: never}]", "Anna", nil, "Rome"},
		"metadata by its member": {"", "update: [{attribute: metadata_public.city, mode: always}]", "Ann", nil, "Oslo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := cardeatest.NewProvider(t)
			p.Mapper = `local c = std.extVar('claims'); {identity: {traits: {email: c.email, name: {first: c.given_name, [if 'family_name' in c then 'last']: c.family_name}}, metadata_public: {city: c.raw_claims.city}}}`
			h := startHouse(t, p, c.acme, "\ncardea: {federation: {providers: [{id: acme, "+c.entry+"}]}}")
			first := h.visitor(cardeatest.SPA)
			first.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test", "given_name": "Ann", "city": "Rome"})
			first.wantSignedIn("ann@cardea.test")
			again := h.visitor(cardeatest.SPA)
			again.goThrough("login", "acme", claims{"sub": "ann", "email": "ann@cardea.test", "given_name": "Anna", "family_name": "Lee", "city": "Oslo"})
			me := again.wantSignedIn("ann@cardea.test").JSON["identity"].(claims)
			name := me["traits"].(claims)["name"].(claims)
			if city := me["metadata_public"].(claims)["city"]; name["first"] != c.first || name["last"] != c.last || city != c.city {
				t.Errorf("the account became %v", me)
			}
		})
	}
}

func TestAnAccountIsLinkedAtOnceOnlyWhereTheProviderIsTrustedWithTheAddress(t *testing.T) {
	const automatic = ", account_linking_mode: automatic"
	who := func(more claims) claims {
		all := claims{"sub": "a-1", "email": "Ann@cardea.test", "email_verified": true}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	for name, c := range map[string]struct {
		acme, entry string
		claims      claims
		unproved    bool // the account's own address
		linked      bool
	}{
		"trusted":                        {automatic, "trusted_domains: [CARDEA.test]", who(nil), false, true},
		"trusted with all":               {automatic, `trusted_domains: ["*"]`, who(nil), false, true},
		"trusted with another domain":    {automatic, "trusted_domains: [evil.test]", who(nil), false, false},
		"trusted with a domain above":    {automatic, "trusted_domains: [test]", who(nil), false, false},
		"not trusted":                    {automatic, "trusted_domains: []", who(nil), false, false},
		"not asked for":                  {"", "trusted_domains: [cardea.test]", who(nil), false, false},
		"not verified by the provider":   {automatic, "trusted_domains: [cardea.test]", who(claims{"email_verified": false}), false, false},
		"verified without saying so":     {automatic, "trusted_domains: [cardea.test]", who(claims{"email_verified": nil}), false, false},
		"not verified by the account":    {automatic, "trusted_domains: [cardea.test]", who(nil), true, false},
		"hosted by itself, not Google's": {automatic, "trusted_domains: []", who(claims{"hd": "cardea.test"}), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := own(t, c.acme, c.entry)
			h.person("ann@cardea.test", !c.unproved)
			v := h.visitor(cardeatest.SPA)
			v.goThrough("login", "acme", c.claims)
			if got := v.client.WhoAmI().Status == 200; got != c.linked {
				t.Fatalf("signed in %v, want %v", got, c.linked)
			}
			if c.linked {
				v.wantSignedIn("ann@cardea.test")
				again := h.visitor(cardeatest.Browser)
				again.goThrough("registration", "acme", claims{"sub": "a-1"})
				again.wantSignedIn("ann@cardea.test")
				// Somebody else who was given the address later is somebody else.
				later := h.visitor(cardeatest.SPA)
				later.goThrough("login", "acme", claims{"sub": "a-2", "email": "ann@cardea.test", "email_verified": true})
				later.wantNobody("with another subject")
			}
		})
	}
}

// TestAnAccountThatAsksForMoreThanAnAddressIsNotLinkedAtOnce brings the proved address of
// an account from a provider that is trusted with it: that is enough for accounts that an
// address opens, and for no others.
func TestAnAccountThatAsksForMoreThanAnAddressIsNotLinkedAtOnce(t *testing.T) {
	p := cardeatest.NewProvider(t)
	h := &house{t, cardeatest.New(t, cardeatest.Options{Config: `
selfservice:
  methods:
    totp: {enabled: true, config: {issuer: Wombats}}
    oidc: {enabled: true, config: {providers: [` + p.Config("acme", ", account_linking_mode: automatic") + `]}}
cardea: {federation: {providers: [{id: acme, trusted_domains: [cardea.test]}]}}
`}), p}
	operator := h.Client(cardeatest.Native)
	acme := operator.Do("POST", h.AdminURL+"/admin/organizations", claims{"label": "Acme"}).Text("id")
	for name, c := range map[string]struct {
		more   func(account claims)
		linked bool
	}{
		"with a password": {func(claims) {}, true},
		"with a second factor": {func(account claims) {
			account["credentials"].(claims)["totp"] = claims{"config": claims{"totp_url": "otpauth://totp/Wombats:ann?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Wombats"}}
		}, false},
		"of an organization": {func(account claims) { account["organization_id"] = acme }, false},
	} {
		for _, kind := range cardeatest.Kinds {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				email := string(kind) + name[len(name)-6:] + "@cardea.test"
				account := claims{
					"schema_id": "default", "traits": claims{"email": email},
					"credentials":          claims{"password": claims{"config": claims{"password": cardeatest.Password}}},
					"verifiable_addresses": []claims{{"value": email, "verified": true, "via": "email", "status": "completed"}},
				}
				c.more(account)
				made := operator.Do("POST", h.AdminURL+"/admin/identities", account)
				if made.Status != 201 {
					t.Fatalf("create somebody: %d %s", made.Status, made.Body)
				}
				v := (&house{t, h.Server, p}).visitor(kind)
				v.goThrough("login", "acme", claims{"sub": email, "email": email, "email_verified": true})
				_, linked := operator.Get(h.AdminURL + "/admin/identities/" + made.Text("id")).JSON["credentials"].(claims)["oidc"]
				if linked != c.linked {
					t.Errorf("linked %v, want %v", linked, c.linked)
				}
				if !c.linked {
					v.wantNobody("by an address alone")
				}
			})
		}
	}
}

// person is somebody with a password.
func (h *house) person(email string, verified bool) {
	h.Helper()
	status := "pending"
	if verified {
		status = "completed"
	}
	a := h.Client(cardeatest.Native).Do("POST", h.AdminURL+"/admin/identities", claims{
		"schema_id": "default", "traits": claims{"email": email},
		"credentials":          claims{"password": claims{"config": claims{"password": cardeatest.Password}}},
		"verifiable_addresses": []claims{{"value": email, "verified": verified, "via": "email", "status": status}},
	})
	if a.Status != 201 {
		h.Fatalf("create somebody: %d %s", a.Status, a.Body)
	}
}

func TestProvidersComeInTheOrderThatIsWanted(t *testing.T) {
	for order, want := range map[string][]any{"id": {"acme", "beta"}, "configured": {"beta", "acme"}} {
		p := cardeatest.NewProvider(t)
		h := &house{t, cardeatest.New(t, cardeatest.Options{Config: `
selfservice: {methods: {oidc: {enabled: true, config: {providers: [` + p.Config("beta", "") + ", " + p.Config("acme", "") + "]}}}}\ncardea: {federation: {order: " + order + "}}"}), p}
		for _, kind := range []string{"login", "registration", "settings"} {
			v := h.visitor(cardeatest.SPA)
			name := "provider"
			if kind == "settings" {
				v.client.SignUp(kind+"@cardea.test", cardeatest.Password)
				name = "link"
			}
			var got []any
			for _, n := range v.start(kind, "").Answer.UI().Nodes {
				if n.Attributes["name"] == name {
					got = append(got, n.Attributes["value"])
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, by %s: %v", kind, order, got)
			}
		}
	}
}
