package lookup

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
)

func TestWhichCodesCount(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 999, time.FixedZone("", 3600))
	before := now.Add(-time.Hour)
	for typed, want := range map[string]error{
		"freshone": nil, "usedcode": errUsed, "": errUnknown, "FRESHONE": errUnknown, " freshone": errUnknown, "freshon": errUnknown,
		"twicecod": nil, // imported twice, used once
	} {
		codes := []identity.LookupCode{
			{}, {Code: "freshone"}, {Code: "usedcode", UsedAt: &before}, {Code: "twicecod", UsedAt: &before}, {Code: "twicecod"},
		}
		if err := spend(codes, typed, now); !errors.Is(err, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	codes := []identity.LookupCode{{Code: "freshone"}}
	if spend(codes, "freshone", now) != nil || !errors.Is(spend(codes, "freshone", now), errUsed) {
		t.Error("a code counts once")
	}
	if got := codes[0].UsedAt.Format(time.RFC3339Nano); got != "2026-11-23T11:00:00Z" {
		t.Errorf("used at %s", got)
	}
}

// The flow shows codes, but who asks for it signed in too long ago: somebody has
// left the page open, or has taken the session.
func TestAnOldSignInIsNotShownTheCodesOfAnOpenForm(t *testing.T) {
	keys, err := secret.NewKeyring("a-secret-of-some-length")
	if err != nil {
		t.Fatal(err)
	}
	i := &identity.Identity{ID: uuid.New()}
	if err := i.SetLookupCodes(identity.Vault{Keys: keys, Rand: zeros{}}, []identity.LookupCode{{Code: "abcdefgh"}}); err != nil {
		t.Fatal(err)
	}
	v := flow.View{
		Setup: &flow.Setup{Keys: keys}, Identity: i, Recent: true,
		Flow: &flow.Flow{Facts: map[string]json.RawMessage{"stage": json.RawMessage(`{"stage":"shown","methods":["lookup_secret"]}`)}},
	}
	for recent, shown := range map[bool]bool{true: true, false: false} {
		v.Recent = recent
		nodes, err := renderSettings(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		if got := nodes.Find("lookup_secret_codes") != nil; got != shown {
			t.Errorf("a recent sign-in: %v, shown: %v", recent, got)
		}
	}
}

// zeros is no randomness at all.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
