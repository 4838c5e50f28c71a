package errand

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"cardea/internal/config"
)

// Identify puts the id of a call on a request: the same in every attempt, so that a
// receiver can tell a repetition (Standard Webhooks, "webhook-id").
func Identify(h http.Header, id string) { h.Set("Webhook-Id", id) }

// Sign proves where a call comes from (Standard Webhooks, "Signature scheme"): for
// each key one HMAC-SHA256 of id, time and body, so that a receiver that knows either
// of two keys is content. The time is that of the attempt. No keys sign nothing.
func Sign(h http.Header, keys []config.WebhookSecret, id string, now time.Time, body []byte) {
	if len(keys) == 0 {
		return
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	signatures := ""
	for _, key := range keys {
		mac := hmac.New(sha256.New, key.Key())
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		if signatures != "" {
			signatures += " "
		}
		signatures += "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	Identify(h, id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", signatures)
}
