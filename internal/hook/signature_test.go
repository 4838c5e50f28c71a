package hook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
)

// verify is what a receiver does with a delivery (Standard Webhooks, "Verifying
// webhook authenticity"): any signature of its version that its key makes is good,
// and a message that is minutes old is not.
func verify(key string, h http.Header, body []byte, now time.Time) error {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return fmt.Errorf("no id or no time: %v", h)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > 5*time.Minute || age < -5*time.Minute {
		return fmt.Errorf("it is %s old", age)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, id+"."+stamp+"."+string(body))
	want := mac.Sum(nil)
	for part := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		version, text, _ := strings.Cut(part, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return fmt.Errorf("no signature fits: %s", h.Get("webhook-signature"))
}

func TestKeysOfSignaturesCanBeChangedWithoutAGap(t *testing.T) {
	const old, fresh = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	type delivery struct {
		path   string
		header http.Header
		body   []byte
	}
	arrived := make(chan delivery, 100)
	x := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- delivery{r.URL.Path, r.Header, body}
	}))
	t.Cleanup(x.Close)
	dsn := "sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "cardea.db")) + "?_fk=true"
	program := base64.StdEncoding.EncodeToString([]byte("function(ctx) {}"))
	for step, c := range []struct {
		keys  string
		known []string // of these receivers
		not   []string
	}{
		{old, []string{old}, []string{fresh}},
		{fresh + ", " + old, []string{old, fresh}, nil},
		{fresh, []string{fresh}, []string{old}},
	} {
		hook := func(path, more string) string {
			return fmt.Sprintf(`{hook: web_hook, config: {url: %q, method: POST, body: "base64://%s"%s}}`, x.URL+path, program, more)
		}
		s := cardeatest.New(t, cardeatest.Options{Background: true, DSN: dsn, Config: fmt.Sprintf(
			`cardea: {web_hooks: {secrets: [%s]}, events: {subscriptions: [{id: crm, url: "%s/event", types: [registration.succeeded], secrets: [%s]}]}}
selfservice: {flows: {registration: {after: {password: {hooks: [%s, %s, {hook: session}]}}}}}`, c.keys, x.URL, c.keys, hook("/hook", ""), hook("/unheard", ", response: {ignore: true}"))})
		s.Client(cardeatest.Native).SignUp(fmt.Sprintf("person-%d@cardea.test", step), cardeatest.Password)
		var paths []string
		for range 3 {
			select {
			case d := <-arrived:
				paths = append(paths, d.path)
				for _, known := range c.known {
					if err := verify(known, d.header, d.body, time.Now()); err != nil {
						t.Errorf("step %d, %s: %v", step, d.path, err)
					}
				}
				for _, other := range c.not {
					if verify(other, d.header, d.body, time.Now()) == nil {
						t.Errorf("step %d, %s: signed with a key that is not there", step, d.path)
					}
				}
				if verify(c.known[0], d.header, append(d.body, ' '), time.Now()) == nil || verify(c.known[0], d.header, d.body, time.Now().Add(time.Hour)) == nil {
					t.Errorf("step %d, %s: the signature is not that of its body and its time", step, d.path)
				}
			case <-time.After(time.Minute):
				t.Fatalf("step %d: only %v arrived", step, paths)
			}
		}
		slices.Sort(paths)
		if !slices.Equal(paths, []string{"/event", "/hook", "/unheard"}) {
			t.Errorf("step %d: %v arrived", step, paths)
		}
	}
}
