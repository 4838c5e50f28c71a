package cardeatest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

// CaptchaField is where a form takes the answer to a proof of work.
const CaptchaField = "transient_payload.captcha_altcha_response"

// Work is a proof of work as a form or an address gives it.
type Work struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	MaxNumber int    `json:"maxnumber"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// Work is the proof of work that the form asks for; false when it asks for none.
func (a *Answer) Work() (Work, bool) {
	n := a.Node("captcha_altcha_options")
	if n == nil {
		return Work{}, false
	}
	text, _ := n.Attributes["value"].(string)
	var options struct {
		Challenge Work `json:"challenge"`
	}
	err := json.Unmarshal([]byte(text), &options)
	return options.Challenge, err == nil
}

// Solve does the work. It is "" for work that cannot be done.
func (w Work) Solve() string {
	for n := range w.MaxNumber + 1 {
		sum := sha256.Sum256([]byte(w.Salt + strconv.Itoa(n)))
		if hex.EncodeToString(sum[:]) == strings.ToLower(w.Challenge) {
			return w.Answer(n)
		}
	}
	return ""
}

// Answer is the answer with a number, whether it is the right one or not.
func (w Work) Answer(number int) string {
	raw, err := json.Marshal(map[string]any{
		"algorithm": w.Algorithm, "challenge": w.Challenge, "number": number, "salt": w.Salt, "signature": w.Signature,
	})
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}
