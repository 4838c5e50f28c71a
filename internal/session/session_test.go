package session_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// method spells evidence: "password/aal1".
func method(text string) session.Method {
	name, level, _ := strings.Cut(text, "/")
	return session.Method{Method: name, AAL: session.AAL(level)}
}

// Section 12.5 of the HTTP reference.
func TestTheLevelFollowsFromTheEvidence(t *testing.T) {
	for evidence, want := range map[string]session.AAL{
		"":                                     session.AAL0,
		"password/aal1":                        session.AAL1,
		"code/aal1":                            session.AAL1,
		"passkey/aal1":                         session.AAL1,
		"oidc/aal1":                            session.AAL1,
		"code_recovery/aal1":                   session.AAL1,
		"password/aal1 password/aal1":          session.AAL1,
		"password/aal1 oidc/aal1":              session.AAL1,
		"password/aal1 totp/aal2":              session.AAL2,
		"totp/aal2 password/aal1":              session.AAL2,
		"password/aal1 lookup_secret/aal2":     session.AAL2,
		"password/aal1 webauthn/aal2":          session.AAL2,
		"passkey/aal1 code/aal2":               session.AAL2,
		"totp/aal2":                            session.AAL1,
		"totp/aal2 lookup_secret/aal2":         session.AAL1,
		"webauthn/aal2":                        session.AAL1,
		"oidc/aal2":                            session.AAL2,
		"saml/aal2":                            session.AAL2,
		"oidc/aal2 password/aal1":              session.AAL2,
		"identifier_first/aal0":                session.AAL0,
		"identifier_first/aal0 password/aal1":  session.AAL1,
		"identifier_first/aal0 totp/aal2":      session.AAL1,
		"password/aal9":                        session.AAL0,
		"password/":                            session.AAL0,
		"password/aal1 totp/aal2 code/aal1":    session.AAL2,
		"code_recovery/aal1 totp/aal2":         session.AAL2,
		"link_recovery/aal1 totp/aal2 a/aal0":  session.AAL2,
		"OIDC/aal2":                            session.AAL1,
		"password/aal1 identifier_first/aal0 ": session.AAL1,
	} {
		var methods []session.Method
		for _, m := range strings.Fields(evidence) {
			methods = append(methods, method(m))
		}
		if got := session.AALOf(methods); got != want {
			t.Errorf("%q makes %s, want %s", evidence, got, want)
		}
	}
}

func TestWhichLevelIsEnough(t *testing.T) {
	const unknown = session.AAL("aal7")
	cases := []struct {
		has       session.AAL
		required  session.AAL
		available string
		want      bool
	}{
		{session.AAL2, session.AAL1, "aal1", true},
		{session.AAL2, session.HighestAvailable, "aal2", true},
		{session.AAL2, unknown, "", true},
		{session.AAL1, session.AAL1, "aal2", true},
		{session.AAL1, session.HighestAvailable, "aal1", true},
		{session.AAL1, session.HighestAvailable, "aal0", true},
		{session.AAL1, session.HighestAvailable, "", true},
		{session.AAL1, session.HighestAvailable, "aal2", false},
		{session.AAL1, session.AAL2, "aal1", false},
		{session.AAL1, unknown, "aal1", false},
		{session.AAL1, "", "aal1", false},
		{session.AAL0, session.AAL1, "aal1", false},
		{session.AAL0, session.HighestAvailable, "aal0", false},
		{session.AAL0, session.HighestAvailable, "aal2", false},
		{"", session.AAL1, "", false},
		{"", session.HighestAvailable, "", false},
	}
	for _, c := range cases {
		s := &session.Session{AAL: c.has}
		if got := s.Satisfies(c.required, c.available); got != c.want {
			t.Errorf("%q with %q within reach satisfies %q: %t, want %t", c.has, c.available, c.required, got, c.want)
		}
	}
}

func TestASessionCountsUntilItsEnd(t *testing.T) {
	active, inactive := &identity.Identity{State: identity.Active}, &identity.Identity{State: identity.Inactive}
	cases := []struct {
		name string
		s    session.Session
		want bool
	}{
		{"a good one", session.Session{Active: true, ExpiresAt: noon.Add(1), Identity: active}, true},
		{"one whose identity is not loaded", session.Session{Active: true, ExpiresAt: noon.Add(1)}, true},
		{"at its end", session.Session{Active: true, ExpiresAt: noon, Identity: active}, false},
		{"after its end", session.Session{Active: true, ExpiresAt: noon.Add(-1), Identity: active}, false},
		{"revoked", session.Session{ExpiresAt: noon.Add(1), Identity: active}, false},
		{"of somebody who may not sign in", session.Session{Active: true, ExpiresAt: noon.Add(1), Identity: inactive}, false},
		{"of somebody without a state", session.Session{Active: true, ExpiresAt: noon.Add(1), Identity: &identity.Identity{}}, false},
		{"nothing", session.Session{}, false},
	}
	for _, c := range cases {
		if got := c.s.IsActive(noon, &session.Limits{}); got != c.want {
			t.Errorf("%s counts: %t, want %t", c.name, got, c.want)
		}
	}
}

func TestNewEvidenceRenewsASession(t *testing.T) {
	i := &identity.Identity{ID: uuid.New(), State: identity.Active}
	id := uuid.New()
	s := session.New(id, i, method("password/aal1"), session.Device{ID: uuid.New()}, noon, time.Hour)
	if s.ID != id || s.IdentityID != i.ID || !s.IsActive(noon, &session.Limits{}) || s.AAL != session.AAL1 || len(s.Devices) != 1 {
		t.Fatalf("a new session is %+v", s)
	}
	for name, at := range map[string]time.Time{"issued": s.IssuedAt, "authenticated": s.AuthenticatedAt, "created": s.CreatedAt, "last used": s.LastUsedAt} {
		if !at.Equal(noon) {
			t.Errorf("a new session was %s at %s", name, at)
		}
	}
	before := *s
	later := noon.Add(30 * time.Minute)
	s.Renew(method("totp/aal2"), later, 2*time.Hour)
	if s.AAL != session.AAL2 {
		t.Errorf("with both factors the level is %s", s.AAL)
	}
	if !s.AuthenticatedAt.Equal(later) || !s.ExpiresAt.Equal(later.Add(2*time.Hour)) || !s.UpdatedAt.Equal(later) {
		t.Errorf("it was authenticated at %s and ends at %s", s.AuthenticatedAt, s.ExpiresAt)
	}
	if s.ID != before.ID || !s.IssuedAt.Equal(before.IssuedAt) || !s.CreatedAt.Equal(before.CreatedAt) {
		t.Error("renewing changed the id or the time of issue")
	}
	if len(before.Methods) != 1 {
		t.Errorf("renewing a copy changed the original: %v", before.Methods)
	}
	before.Methods = append(make([]session.Method, 0, 4), before.Methods...)
	one, two := before, before
	one.Renew(method("totp/aal2"), later, time.Hour)
	two.Renew(method("code/aal1"), later, time.Hour)
	if diff := cmp.Diff("totp", one.Methods[1].Method); diff != "" {
		t.Errorf("two copies share their evidence:\n%s", diff)
	}
}

func TestTokensCannotBeGuessedOrFoundInTheDatabase(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := session.NewToken(rand.Reader)
		body, ok := strings.CutPrefix(token, "ory_st_")
		if !ok || len(body) != 32 || strings.Trim(body, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Fatalf("%q is no session token", token)
		}
		if seen[token] {
			t.Fatalf("%q came twice", token)
		}
		seen[token] = true
		if hash := session.HashToken(token); len(hash) != 32 {
			t.Fatalf("%q is stored as %x", token, hash)
		}
	}
	if len(session.NewExchangeCode(rand.Reader)) != 64 {
		t.Error("an exchange code has not 64 characters")
	}
	if !bytes.Equal(session.HashToken("a"), session.HashToken("a")) || bytes.Equal(session.HashToken("a"), session.HashToken("b")) {
		t.Error("what is stored of a token does not stand for it")
	}
	if fmt.Sprint(session.TokenPrefix, session.LogoutPrefix) != "ory_st_ory_lo_" {
		t.Error("the prefixes that scanners look for have changed")
	}
}
