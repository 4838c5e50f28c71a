package apikey_test

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/problem"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestScopesAllow(t *testing.T) {
	for _, tc := range []struct {
		scopes   string
		resource apikey.Resource
		access   apikey.Access
		want     bool
	}{
		{"identities:read", apikey.Identities, apikey.Read, true},
		{"identities:read", apikey.Identities, apikey.Write, false},
		{"identities:write", apikey.Identities, apikey.Read, false},
		{"identities:read", apikey.Sessions, apikey.Read, false},
		{"identities:read identities:write", apikey.Identities, apikey.Secrets, false},
		{"identities:secrets", apikey.Identities, apikey.Secrets, true},
		{"identities:secrets", apikey.Identities, apikey.Read, false},
		{"identities:*", apikey.Identities, apikey.Secrets, true},
		{"sessions:*", apikey.Sessions, apikey.Write, true},
		{"sessions:*", apikey.Courier, apikey.Read, false},
		{"courier:read, recovery:write", apikey.Recovery, apikey.Write, true},
		{"*", apikey.Metrics, apikey.Read, true},
		{"*", "", "", true},
		{"identities:* sessions:* courier:* recovery:* metrics:*", "", "", false},
		{"identities:*", apikey.Identities, "", false},
	} {
		scopes, err := apikey.ParseScopes(tc.scopes)
		if err != nil {
			t.Fatal(err)
		}
		if got := scopes.Allow(tc.resource, tc.access); got != tc.want {
			t.Errorf("%s for %s %s: %v", tc.scopes, tc.resource, tc.access, got)
		}
	}
}

func TestScopesThatMeanNothingAreRefused(t *testing.T) {
	for _, text := range []string{"", " , ", "identities", "identities:delete", "sessions:secrets", "people:read", "*:read", "identities:read,*:*", "IDENTITIES:READ"} {
		if scopes, err := apikey.ParseScopes(text); problem.As(err) == nil {
			t.Errorf("%q is %v", text, scopes)
		}
	}
	scopes, err := apikey.ParseScopes("sessions:read,*", "sessions:read")
	if err != nil || scopes.String() != "* sessions:read" {
		t.Errorf("%v, %v", scopes, err)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	all := apikey.Scopes{apikey.All}
	for about, tc := range map[string]struct {
		name   string
		scopes apikey.Scopes
		ttl    time.Duration
	}{
		"no name":         {" ", all, 0},
		"a long name":     {strings.Repeat("x", 101), all, 0},
		"a name in lines": {"a\nb", all, 0},
		"no scope":        {"k", nil, 0},
		"a negative life": {"k", all, -1},
	} {
		if _, _, err := apikey.New(rand.Reader, tc.name, tc.scopes, now, tc.ttl); problem.As(err) == nil {
			t.Errorf("%s: %v", about, err)
		}
	}
}

// shelf keeps keys by their hash.
type shelf struct {
	keys    map[string]*apikey.Key
	touched []time.Time
}

func (s *shelf) APIKeyByHash(_ context.Context, hash []byte) (*apikey.Key, error) {
	if k, ok := s.keys[string(hash)]; ok {
		return k, nil
	}
	return nil, problem.ErrNotFound
}

func (s *shelf) TouchAPIKey(_ context.Context, id uuid.UUID, now, _ time.Time) error {
	for _, k := range s.keys {
		if k.ID == id {
			k.LastUsedAt = &now
		}
	}
	s.touched = append(s.touched, now)
	return nil
}

func put(t *testing.T, s *shelf, scopes string, ttl time.Duration) (string, *apikey.Key) {
	t.Helper()
	parsed, err := apikey.ParseScopes(scopes)
	if err != nil {
		t.Fatal(err)
	}
	token, k, err := apikey.New(rand.Reader, "test", parsed, now, ttl)
	if err != nil {
		t.Fatal(err)
	}
	if s.keys == nil {
		s.keys = map[string]*apikey.Key{}
	}
	s.keys[string(k.Hash)] = k
	return token, k
}

func TestOnlyAWorkingKeyWithTheScopeOpens(t *testing.T) {
	s := &shelf{}
	good, _ := put(t, s, "identities:read", time.Hour)
	over, _ := put(t, s, "*", time.Minute)
	withdrawn, k := put(t, s, "*", 0)
	k.RevokedAt = &now
	at := now.Add(time.Minute)
	for about, tc := range map[string]struct {
		header string
		access apikey.Access
		status int // 0: it opens
	}{
		"a good key":               {"Bearer " + good, apikey.Read, 0},
		"the scheme in lower case": {"bearer " + good, apikey.Read, 0},
		"without the scope":        {"Bearer " + good, apikey.Write, 403},
		"for what has no name":     {"Bearer " + good, "", 403},
		"no key":                   {"", apikey.Read, 401},
		"another scheme":           {"Basic " + good, apikey.Read, 401},
		"no scheme":                {good, apikey.Read, 401},
		"a key that is over":       {"Bearer " + over, apikey.Read, 401},
		"a revoked key":            {"Bearer " + withdrawn, apikey.Read, 401},
		"an unknown key":           {"Bearer " + good + "x", apikey.Read, 401},
		"a session token":          {"Bearer ory_st_" + strings.TrimPrefix(good, apikey.Prefix), apikey.Read, 401},
	} {
		_, err := apikey.Check(t.Context(), s, tc.header, at, apikey.Identities, tc.access)
		status := 0
		if p := problem.As(err); p != nil {
			status = p.Status
		} else if err != nil {
			t.Errorf("%s: %v", about, err)
		}
		if status != tc.status {
			t.Errorf("%s: %d, want %d", about, status, tc.status)
		}
	}
}

func TestUseIsNotedCoarsely(t *testing.T) {
	s := &shelf{}
	token, _ := put(t, s, "*", 0)
	var want []time.Time
	for _, after := range []time.Duration{0, time.Second, apikey.UseInterval - time.Second, apikey.UseInterval + time.Second} {
		if _, err := apikey.Check(t.Context(), s, "Bearer "+token, now.Add(after), apikey.Metrics, apikey.Read); err != nil {
			t.Fatal(err)
		}
	}
	want = append(want, now, now.Add(apikey.UseInterval+time.Second))
	if diff := cmp.Diff(want, s.touched); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyIsNotItsHash(t *testing.T) {
	token, k := put(t, &shelf{}, "*", time.Hour)
	if !strings.HasPrefix(token, apikey.Prefix) || len(token) < len(apikey.Prefix)+32 {
		t.Errorf("the key is %q", token)
	}
	if strings.Contains(string(k.Hash), token) || !slices.Equal(k.Hash, apikey.Hash(token)) {
		t.Error("what is stored is not the hash")
	}
	for at, want := range map[time.Duration]string{0: "active", time.Hour - 1: "active", time.Hour: "expired"} {
		if got := k.State(now.Add(at)); got != want {
			t.Errorf("after %v it is %s", at, got)
		}
	}
	if k.RevokedAt = &now; k.State(now) != "revoked" {
		t.Errorf("revoked it is %s", k.State(now))
	}
}
