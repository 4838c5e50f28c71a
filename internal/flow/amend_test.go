package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// password is a credential with this hash.
func password(hash string) identity.Credential {
	return identity.Credential{Type: identity.Password, Identifiers: []string{"ann@ex.org"}, Config: json.RawMessage(`{"hashed_password":"` + hash + `"}`)}
}

// change changes an identity behind the engine's back.
func (h *house) change(id uuid.UUID, change func(*identity.Identity)) {
	h.Helper()
	if err := h.rows.Write(h.Context(), func(tx flow.Tx) error {
		i, err := tx.Identity(id)
		if err != nil {
			return err
		}
		change(i)
		return tx.UpdateIdentity(i)
	}); err != nil {
		h.Fatal(err)
	}
}

// signInWhile signs in with a proof that was made before somebody changed the
// account, and gives the account afterwards.
func signInWhile(t *testing.T, rehash *identity.Credential, meanwhile func(*identity.Identity)) *identity.Identity {
	t.Helper()
	h := newHouse(t, "")
	id := h.person("ann@ex.org").ID
	h.change(id, func(i *identity.Identity) { i.Credentials[identity.Password] = password("old") })
	h.submit = func(ctx context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
		i, err := x.Store.Identity(ctx, id)
		if err != nil {
			return nil, err
		}
		h.change(id, meanwhile)
		return flow.Proved{Identity: i, Credential: rehash, Method: session.Method{Method: "password", AAL: session.AAL1}}, nil
	}
	g := h.guest(native)
	if a := g.post(flow.Login, g.begin(flow.Login, ""), map[string]any{"method": "stub"}); a.Status != 200 {
		t.Fatal(said(a))
	}
	i, err := h.rows.Identity(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestASignInDoesNotTakeBackWhatWasChangedMeanwhile(t *testing.T) {
	rehash := password("rehashed")
	newPassword := func(i *identity.Identity) { i.Credentials[identity.Password] = password("new") }
	newApp := func(i *identity.Identity) {
		i.Credentials[identity.TOTP] = identity.Credential{Type: identity.TOTP, Config: json.RawMessage(`{"apps":[{}]}`)}
	}
	nothing := func(*identity.Identity) {}
	for about, tc := range map[string]struct {
		rehash    *identity.Credential
		meanwhile func(*identity.Identity)
		hash      string
		level     string
	}{
		"nothing is changed":                   {&rehash, nothing, "rehashed", "aal1"},
		"a new password outlives a new hash":   {&rehash, newPassword, "new", "aal1"},
		"a new password outlives a new level":  {nil, newPassword, "new", "aal1"},
		"a new second factor outlives a hash":  {&rehash, newApp, "rehashed", "aal2"},
		"a new second factor outlives a level": {nil, newApp, "old", "aal2"},
	} {
		i := signInWhile(t, tc.rehash, tc.meanwhile)
		if got := string(i.Credentials[identity.Password].Config); !strings.Contains(got, `"`+tc.hash+`"`) || i.AvailableAAL != tc.level {
			t.Errorf("%s: %s at %s", about, got, i.AvailableAAL)
		}
	}
}

func TestAmendingIsExactInParallel(t *testing.T) {
	h := newHouse(t, "")
	id := h.person("ann@ex.org").ID
	count := func(i *identity.Identity) int {
		n, _ := strconv.Atoi(string(i.MetadataAdmin))
		return n
	}
	h.submit = func(ctx context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
		i, err := x.Amend(ctx, id, func(i *identity.Identity) error {
			i.MetadataAdmin = json.RawMessage(strconv.Itoa(count(i) + 1))
			return nil
		})
		if err != nil {
			return nil, err
		}
		return flow.Proved{Identity: i, Method: session.Method{Method: "password", AAL: session.AAL1}}, nil
	}
	const parallel = 32
	var wg sync.WaitGroup
	for range parallel {
		g := h.guest(native)
		f := g.begin(flow.Login, "")
		wg.Go(func() { g.post(flow.Login, f, map[string]any{"method": "stub"}) })
	}
	wg.Wait()
	i, err := h.rows.Identity(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got := count(i); got != parallel {
		t.Errorf("%d of %d changes are there", got, parallel)
	}
}

func TestAnAmendmentThatFailsChangesNothingAndOneThatSucceedsStays(t *testing.T) {
	h := newHouse(t, "")
	id := h.person("ann@ex.org").ID
	for about, tc := range map[string]struct {
		err  error
		want string
	}{
		"refused": {problem.BadRequest("no"), ""}, "broken": {errors.New("broken"), ""}, "done": {nil, `"done"`},
	} {
		h.change(id, func(i *identity.Identity) { i.MetadataAdmin = nil })
		h.submit = func(ctx context.Context, x *flow.Exec, _ stubInput) (flow.Result, error) {
			if _, err := x.Amend(ctx, id, func(i *identity.Identity) error {
				i.MetadataAdmin = json.RawMessage(`"done"`)
				return tc.err
			}); err != nil {
				return nil, err
			}
			return nil, errors.New("what comes afterwards fails")
		}
		g := h.guest(script)
		g.post(flow.Login, g.begin(flow.Login, ""), map[string]any{"method": "stub"})
		i, err := h.rows.Identity(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(i.MetadataAdmin); got != tc.want {
			t.Errorf("%s: %s", about, got)
		}
	}
}
