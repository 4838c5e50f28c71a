package totp

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
)

// appOf is an app with the key of RFC 6238 appendix B, which has a length of its own
// for every algorithm.
func appOf(algorithm string, size, digits int) identity.TOTPApp {
	key := ""
	for len(key) < size {
		key += "1234567890"
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(key[:size]))
	return identity.TOTPApp{URL: fmt.Sprintf("otpauth://totp/x?secret=%s&algorithm=%s&digits=%d", text, algorithm, digits)}
}

func TestCodesOfRFC6238(t *testing.T) {
	for _, vector := range []struct {
		at                   int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1234567890, "89005924", "91819424", "93441116"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		for algorithm, code := range map[string]string{"SHA1": vector.sha1, "SHA256": vector.sha256, "SHA512": vector.sha512} {
			size := map[string]int{"SHA1": 20, "SHA256": 32, "SHA512": 64}[algorithm]
			_, step, ok := match([]identity.TOTPApp{appOf(algorithm, size, 8)}, code, time.Unix(vector.at, 0))
			if !ok || step != vector.at/30 {
				t.Errorf("%s at %d: %v, step %d", algorithm, vector.at, ok, step)
			}
		}
	}
}

// codes are those of the app with the SHA1 key, by time step; with six digits they
// are the last six of those of RFC 4226 appendix D.
const (
	stepOf7 = 7
	codeOf7 = "162583"
)

func TestWhichCodesCount(t *testing.T) {
	at := func(step int64) time.Time { return time.Unix(step*30+17, 0) }
	for about, tc := range map[string]struct {
		now   time.Time
		last  int64
		typed string
		ok    bool
	}{
		"the code of now":                  {at(stepOf7), 0, codeOf7, true},
		"a clock that is one step behind":  {at(stepOf7 + 1), 0, codeOf7, true},
		"a clock that is one step ahead":   {at(stepOf7 - 1), 0, codeOf7, true},
		"a clock that is two steps behind": {at(stepOf7 + 2), 0, codeOf7, false},
		"a clock that is two steps ahead":  {at(stepOf7 - 2), 0, codeOf7, false},
		"the step counted already":         {at(stepOf7), stepOf7, codeOf7, false},
		"a newer step counted already":     {at(stepOf7), stepOf7 + 1, codeOf7, false},
		"an older step counted":            {at(stepOf7), stepOf7 - 1, codeOf7, true},
		"another code":                     {at(stepOf7), 0, "162584", false},
		"one with a space":                 {at(stepOf7), 0, codeOf7 + " ", false},
		"one that is longer":               {at(stepOf7), 0, "0" + codeOf7, false},
		"none":                             {at(stepOf7), 0, "", false},
	} {
		app := appOf("SHA1", 20, 6)
		app.LastStep = tc.last
		apps := []identity.TOTPApp{{URL: "broken"}, app}
		n, step, ok := match(apps, tc.typed, tc.now)
		if ok != tc.ok || ok && (n != 1 || step != stepOf7) {
			t.Errorf("%s: %v, app %d, step %d", about, ok, n, step)
		}
	}
}

func TestACodeThatCountedIsSpentForItsAppAlone(t *testing.T) {
	now := time.Unix(stepOf7*30, 0)
	apps := []identity.TOTPApp{appOf("SHA1", 20, 8), appOf("SHA1", 20, 6)}
	if !spend(apps, codeOf7, now) || spend(apps, codeOf7, now) {
		t.Error("a code counts once")
	}
	if apps[0].LastStep != 0 || apps[1].LastStep != stepOf7 {
		t.Errorf("last steps: %d, %d", apps[0].LastStep, apps[1].LastStep)
	}
}

// Two forms of one account are open, and both are sent at once.
func TestAnAppDoesNotReplaceOneThatWasAddedMeanwhile(t *testing.T) {
	keys, err := secret.NewKeyring("a-secret-of-some-length")
	if err != nil {
		t.Fatal(err)
	}
	i := &identity.Identity{ID: uuid.New()}
	v := identity.Vault{Keys: keys, Rand: rand.Reader}
	shown, err := json.Marshal(candidate{URL: appOf("SHA1", 20, 6).URL})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal(candidateLabel, i.ID, string(shown))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(facts{Sealed: sealed})
	if err != nil {
		t.Fatal(err)
	}
	result, err := enrol(&flow.Exec{
		Setup: &flow.Setup{Keys: keys}, Identity: i, Now: time.Unix(stepOf7*30, 0),
		Flow: &flow.Flow{Facts: map[string]json.RawMessage{method: raw}},
	}, codeOf7)
	changed, ok := result.(flow.Changed)
	if err != nil || !ok {
		t.Fatalf("%v %v", result, err)
	}
	if err := i.SetTOTPApps(v, appOf("SHA1", 20, 8)); err != nil {
		t.Fatal(err)
	}
	if p := problem.As(changed.Apply(i)); p == nil || p.Status != 409 {
		t.Errorf("%v", p)
	}
	if apps := i.TOTPApps(v); len(apps) != 1 || apps[0] != appOf("SHA1", 20, 8) {
		t.Error("the app of the other form is gone")
	}
}
