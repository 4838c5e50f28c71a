package org_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/org"
	"cardea/internal/problem"
)

func TestOneDomainHasOneName(t *testing.T) {
	for address, want := range map[string]string{
		"ann@acme.test":              "acme.test",
		"ann@ACME.Test":              "acme.test",
		"ann@acme.test.":             "acme.test",
		"ann@acme。test":              "acme.test", // ideographic full stop
		"ann@acme.test。":             "acme.test",
		"ann@ａｃｍｅ.test":              "acme.test", // full width
		"ann@bücher.test":            "xn--bcher-kva.test",
		"ann@BÜCHER.test":            "xn--bcher-kva.test",
		"ann@xn--bcher-kva.test":     "xn--bcher-kva.test",
		"ann@XN--BCHER-KVA.test":     "xn--bcher-kva.test",
		"ann@mail.acme.test":         "mail.acme.test", // a subdomain is another domain
		"ann@xacme.test":             "xacme.test",
		"ann@acme.test.evil.example": "acme.test.evil.example",
		"ann@аcme.test":              "xn--cme-5cd.test", // a Cyrillic а
		`"ann@acme.test"@evil.test`:  "evil.test",
		"ann@acme.test@evil.test":    "evil.test",
		" ann@acme.test ":            "acme.test",
	} {
		if got, ok := org.DomainOf(address); !ok || got != want {
			t.Errorf("%q is at %q (%v), want %q", address, got, ok, want)
		}
	}
}

func TestWhatHasNoDomain(t *testing.T) {
	for _, text := range []string{
		"", "ann", "ann@", "@acme.test", "ann@acme", "ann@.test", "ann@acme..test", "ann@acme.test..", "ann@[192.0.2.1]",
		"ann@ac me.test", "ann@acme_x.test", "ann@xn--\x00.test", "ann@xn--a.test", "+15550100", "ann@acme.test\x00",
		"ann@" + strings.Repeat("a", 64) + ".test", "ann@" + strings.Repeat("a.", 130) + "test",
	} {
		if got, ok := org.DomainOf(text); ok {
			t.Errorf("%q is at %q", text, got)
		}
	}
}

func FuzzNormalizeDomain(f *testing.F) {
	for _, seed := range []string{"acme.test", "ACME。test.", "bücher.test", "xn--bcher-kva.test", "..", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once, err := org.NormalizeDomain(name)
		if err != nil {
			return
		}
		if twice, err := org.NormalizeDomain(once); err != nil || twice != once {
			t.Errorf("%q becomes %q, which becomes %q, %v", name, once, twice, err)
		}
		if strings.ToLower(once) != once || strings.HasSuffix(once, ".") || strings.ContainsFunc(once, func(r rune) bool { return r > 0x7f }) {
			t.Errorf("%q becomes %q", name, once)
		}
	})
}

func TestSettledOrganizationsAreFilledIn(t *testing.T) {
	got, err := org.Organization{Label: " Acme ", Domains: []org.Domain{{Name: "b.test"}, {Name: "A.test.", Verified: true}}}.Settled()
	if err != nil {
		t.Fatal(err)
	}
	want := &org.Organization{
		Label: "Acme", SignIn: org.Anywhere, SignUp: org.Anywhere,
		Domains: []org.Domain{{Name: "a.test", Verified: true}, {Name: "b.test"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got.Owns("a.test") || got.Owns("b.test") || got.Owns("x.a.test") {
		t.Error("it owns what was not verified, or not what was")
	}
}

func TestOrganizationsThatCannotBe(t *testing.T) {
	many := make([]org.Domain, 101)
	for about, o := range map[string]org.Organization{
		"no label":            {Label: " "},
		"a long label":        {Label: strings.Repeat("x", 201)},
		"a label in lines":    {Label: "a\nb"},
		"a broken label":      {Label: "a\xff"},
		"an unknown way":      {Label: "a", SignIn: "saml"},
		"a negative lifespan": {Label: "a", SessionLifespan: -1},
		"no domain":           {Label: "a", Domains: []org.Domain{{Name: "acme"}}},
		"a domain twice":      {Label: "a", Domains: []org.Domain{{Name: "a.test"}, {Name: "b.test"}, {Name: "A.test."}}},
		"too many domains":    {Label: "a", Domains: many},
	} {
		if _, err := o.Settled(); problem.As(err) == nil {
			t.Errorf("%s: %v", about, err)
		}
	}
}

func TestWhoIsLetIn(t *testing.T) {
	a, b := uuid.New(), uuid.New()
	open := &org.Organization{ID: a, Enabled: true, SignIn: org.Anywhere}
	own := &org.Organization{ID: a, Enabled: true, SignIn: org.Connections}
	closed := &org.Organization{ID: a, SignIn: org.Anywhere}
	other := &org.Organization{ID: b, Enabled: true, SignIn: org.Anywhere}
	for about, tc := range map[string]struct {
		entry org.Entry
		want  org.Refusal
	}{
		"nobody's member":                             {org.Entry{}, org.None},
		"a member from anywhere":                      {org.Entry{Member: &a, Home: open}, org.None},
		"a member from outside":                       {org.Entry{Member: &a, Home: own}, org.Outside},
		"a member from the connection":                {org.Entry{Member: &a, Home: own, Through: &a, Origin: own}, org.None},
		"a member of what nobody described":           {org.Entry{Member: &a}, org.None},
		"the connection of what nobody described":     {org.Entry{Member: &a, Through: &a}, org.Closed},
		"a new member":                                {org.Entry{Through: &a, Origin: own}, org.None},
		"a member of a closed one":                    {org.Entry{Member: &a, Home: closed}, org.Closed},
		"the connection of a closed one":              {org.Entry{Member: &a, Home: closed, Through: &a, Origin: closed}, org.Closed},
		"a new member of a closed one":                {org.Entry{Through: &a, Origin: closed}, org.Closed},
		"a member through a foreign connection":       {org.Entry{Member: &a, Home: open, Through: &b, Origin: other}, org.Foreign},
		"a member of nothing known through a foreign": {org.Entry{Member: &a, Through: &b, Origin: other}, org.Foreign},
	} {
		if got := tc.entry.Refused(); got != tc.want {
			t.Errorf("%s: %q, want %q", about, got, tc.want)
		}
	}
}

func TestWhoMayHaveAnAddress(t *testing.T) {
	a, b := uuid.New(), uuid.New()
	open, own := &org.Organization{ID: a, SignUp: org.Anywhere}, &org.Organization{ID: a, SignUp: org.Connections}
	for about, tc := range map[string]struct {
		claim org.Claim
		want  org.Refusal
	}{
		"nobody's domain":                          {org.Claim{Through: &b}, org.None},
		"anybody, where anybody may":               {org.Claim{Owner: open}, org.None},
		"anybody, where connections only may":      {org.Claim{Owner: own}, org.Outside},
		"a member":                                 {org.Claim{Owner: own, Member: &a}, org.None},
		"a member through the connection":          {org.Claim{Owner: own, Member: &a, Through: &a}, org.None},
		"a member of another":                      {org.Claim{Owner: own, Member: &b}, org.Outside},
		"a member of another, where anybody may":   {org.Claim{Owner: open, Member: &b}, org.None},
		"a foreign connection, where anybody may":  {org.Claim{Owner: open, Member: &b, Through: &b}, org.Foreign},
		"a foreign connection for a member":        {org.Claim{Owner: own, Member: &a, Through: &b}, org.Foreign},
		"a foreign connection for somebody's else": {org.Claim{Owner: own, Through: &b}, org.Foreign},
	} {
		if got := tc.claim.Refused(); got != tc.want {
			t.Errorf("%s: %q, want %q", about, got, tc.want)
		}
	}
}

func TestACatalogueKnowsEverythingOnce(t *testing.T) {
	one := &org.Organization{ID: uuid.New(), Domains: []org.Domain{{Name: "a.test", Verified: true}}}
	two := &org.Organization{ID: uuid.New(), Domains: []org.Domain{{Name: "b.test", Verified: true}}}
	c, err := org.NewCatalogue([]*org.Organization{one, two})
	if err != nil {
		t.Fatal(err)
	}
	if c.ByID(one.ID) != one || c.ByDomain("b.test") != two || c.ByID(uuid.Nil) != nil || c.ByDomain("x.a.test") != nil || len(c.All()) != 2 {
		t.Error("it knows others than were given")
	}
	if _, err := org.NewCatalogue([]*org.Organization{one, one}); err == nil {
		t.Error("an id was taken twice")
	}
	two.Domains = one.Domains
	if _, err := org.NewCatalogue([]*org.Organization{one, two}); err == nil {
		t.Error("a domain was taken twice")
	}
	var none *org.Catalogue
	if none.ByID(one.ID) != nil || none.ByDomain("a.test") != nil || none.All() != nil {
		t.Error("no catalogue knows something")
	}
}
