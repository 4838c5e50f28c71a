package captcha_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"cardea/internal/captcha"
	"cardea/internal/secret"
)

// key signs as the official libraries do, with the key as it stands.
type key string

func (k key) MAC(_ secret.Label, msg []byte) []byte {
	h := hmac.New(sha256.New, []byte(k))
	h.Write(msg)
	return h.Sum(nil)
}

func (k key) VerifyMAC(l secret.Label, msg, mac []byte) bool { return hmac.Equal(k.MAC(l, msg), mac) }

var now = time.Unix(1795435000, 0)

const flow = "8a5f2b1e-4f0b-4f4e-9d0f-3f5d2f0d1c11"

// solved is the answer to a challenge with a number.
func solved(c captcha.Challenge, number any) string {
	raw, err := json.Marshal(map[string]any{
		"algorithm": c.Algorithm, "challenge": c.Challenge, "number": number, "salt": c.Salt, "signature": c.Signature, "took": 12,
	})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// numberOf does the work.
func numberOf(t *testing.T, c captcha.Challenge) int {
	t.Helper()
	for n := range c.MaxNumber {
		sum := sha256.Sum256([]byte(c.Salt + strconv.Itoa(n)))
		if hex.EncodeToString(sum[:]) == c.Challenge {
			return n
		}
	}
	t.Fatal("the challenge has no solution")
	return 0
}

func made(max int) captcha.Challenge {
	return captcha.Make(rand.Reader, key("a key"), captcha.Terms{Flow: flow, Expires: now.Add(time.Minute), Max: max})
}

// TestChallengesOfTheOfficialLibraryAreAccepted has what altcha-lib 1.2.0 (npm) makes of
// createChallenge({hmacKey, number, maxNumber: 50000, salt}).
func TestChallengesOfTheOfficialLibraryAreAccepted(t *testing.T) {
	const hmacKey key = "a key of the documentation, 32 by"
	for _, c := range vectors {
		p, err := captcha.Check(hmacKey, solved(c.Challenge, c.number), flow, now)
		if err != nil {
			t.Fatalf("%d: %v", c.number, err)
		}
		if p.Max != 50000 || p.Flow != flow || p.Expires.Unix() != 1795435200 {
			t.Errorf("terms: %+v", p.Terms)
		}
		if _, err := captcha.Check(hmacKey, solved(c.Challenge, c.number+1), flow, now); !errors.Is(err, captcha.ErrWrong) {
			t.Errorf("another number: %v", err)
		}
		if _, err := captcha.Check(hmacKey+"!", solved(c.Challenge, c.number), flow, now); !errors.Is(err, captcha.ErrWrong) {
			t.Errorf("another key: %v", err)
		}
	}
}

type vector struct {
	captcha.Challenge
	number int
}

var vectors = []vector{
	{captcha.Challenge{Algorithm: "SHA-256", MaxNumber: 50000, Salt: "0123456789abcdef01234567?expires=1795435200&flow=8a5f2b1e-4f0b-4f4e-9d0f-3f5d2f0d1c11&max=50000&",
		Challenge: "f547f68dc2c5f9d34165d5b3617ebb5fb8e8514a423be0e2cd75be942e890951",
		Signature: "44f8c1f8d1711468cdc843dda57ca2cae57d4d836e1381d2cb0afa65bfbd0321"}, 0},
	{captcha.Challenge{Algorithm: "SHA-256", MaxNumber: 50000, Salt: "0123456789abcdef01234567?expires=1795435200&flow=8a5f2b1e-4f0b-4f4e-9d0f-3f5d2f0d1c11&max=50000&",
		Challenge: "fa81c5af77a2b514482f724c642c1679bac3e345e0b9790127980a7979ed0590",
		Signature: "378ee9d85045c2097cd7be0e31f2901f9de25622ec2d275b9ea670c440be77ed"}, 4711},
	{captcha.Challenge{Algorithm: "SHA-256", MaxNumber: 50000, Salt: "0123456789abcdef01234567?expires=1795435200&flow=8a5f2b1e-4f0b-4f4e-9d0f-3f5d2f0d1c11&max=50000&",
		Challenge: "fa9761934f8b0235792ef7b1989b1482c1d2c7e8e27c5e517ccc6d2f32b58287",
		Signature: "0fe81921e9a1dec62fd4e4f52c7a077c4b129048a87bb7e9af08d7affaf81bc3"}, 49999},
}

func TestAnAnswerCountsForItsFlowUntilItExpires(t *testing.T) {
	c := made(200)
	answer := solved(c, numberOf(t, c))
	p, err := captcha.Check(key("a key"), answer, flow, now.Add(59*time.Second))
	if err != nil || p.Max != 200 {
		t.Fatalf("%+v %v", p, err)
	}
	again, err := captcha.Check(key("a key"), strings.TrimRight(solved(c, numberOf(t, c)), "="), flow, now)
	if err != nil || !bytes.Equal(again.Key, p.Key) {
		t.Errorf("written otherwise it is something else: %v", err)
	}
	for name, tt := range map[string]struct {
		answer, flow string
		at           time.Time
		want         error
	}{
		"too late":     {answer, flow, now.Add(time.Minute), captcha.ErrExpired},
		"another flow": {answer, "b" + flow[1:], now, captcha.ErrForeign},
		"none":         {"", flow, now, captcha.ErrMissing},
		"too long":     {strings.Repeat("A", 1<<20), flow, now, captcha.ErrWrong},
		"no number":    {solved(c, nil), flow, now, captcha.ErrWrong},
		"a text":       {solved(c, strconv.Itoa(numberOf(t, c))), flow, now, captcha.ErrWrong},
		"a fraction":   {solved(c, 1.5), flow, now, captcha.ErrWrong},
	} {
		if _, err := captcha.Check(key("a key"), tt.answer, tt.flow, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// TestTheSaltCannotBeStretchedIntoTheNumber: hash and signature cover salt and number as
// one text, so the place where one ends and the other begins must not move.
func TestTheSaltCannotBeStretchedIntoTheNumber(t *testing.T) {
	c := made(1_000_000)
	var number string
	for number = ""; len(number) < 4; {
		c = made(1_000_000)
		number = strconv.Itoa(numberOf(t, c))
	}
	for cut := 1; cut < len(number); cut++ {
		if number[cut] == '0' {
			continue
		}
		moved, rest := c, number[cut:]
		moved.Salt += number[:cut]
		n, err := strconv.Atoi(rest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := captcha.Check(key("a key"), solved(moved, n), flow, now); !errors.Is(err, captcha.ErrWrong) {
			t.Errorf("%q in front of %q: %v", number[:cut], rest, err)
		}
	}
	// Signed, but made by somebody who does not end the salt: its last digits could be the number's.
	open := captcha.Challenge{Algorithm: "SHA-256", Salt: "00?flow=" + flow + "&max=100&expires=17954352001"}
	sum := sha256.Sum256([]byte(open.Salt + "7"))
	open.Challenge = hex.EncodeToString(sum[:])
	open.Signature = hex.EncodeToString(key("a key").MAC("", []byte(open.Challenge)))
	if _, err := captcha.Check(key("a key"), solved(open, 7), flow, now); !errors.Is(err, captcha.ErrWrong) {
		t.Errorf("without an end: %v", err)
	}
}

func TestKeysRotate(t *testing.T) {
	ring := func(secrets ...string) *secret.Keyring {
		k, err := secret.NewKeyring(secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	c := captcha.Make(rand.Reader, ring("an-older-secret-of-ours"), captcha.Terms{Flow: flow, Expires: now.Add(time.Minute), Max: 50})
	answer := solved(c, numberOf(t, c))
	if _, err := captcha.Check(ring("a-newer-secret-of-ours", "an-older-secret-of-ours"), answer, flow, now); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if _, err := captcha.Check(ring("a-newer-secret-of-ours"), answer, flow, now); !errors.Is(err, captcha.ErrWrong) {
		t.Errorf("after the secret is gone: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	c := made(10)
	f.Add(solved(c, 3))
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"algorithm":"SHA-256","number":-1}`)))
	f.Fuzz(func(t *testing.T, answer string) {
		if p, err := captcha.Check(key("another key"), answer, flow, now); err == nil {
			t.Errorf("%q counts as %+v", answer, p)
		}
	})
}
