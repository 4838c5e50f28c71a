package hook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cardea/internal/errand"
	"cardea/internal/fetch"
)

// TestSystemsThatMisbehave goes through what a system can do to those who call it,
// for each way in which its answer counts.
func TestSystemsThatMisbehave(t *testing.T) {
	const (
		plain     = ``
		interrupt = `, "can_interrupt": true`
		parse     = `, "response": {"parse": true}`
		ignore    = `, "response": {"ignore": true}`
	)
	const fine, again, never = 0, -1, -2 // of what nobody waits for: done, to be tried again, given up
	private := newTarget(t, nil)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   map[string]int // status of the error by how the answer counts; 0 for none
	}{
		{"garbage", answering(200, "\x00\xff<html>"), map[string]int{plain: 0, interrupt: 0, parse: 500, ignore: fine}},
		{"half of an answer", answering(200, `{"identity": {"traits": {"email":`), map[string]int{plain: 0, interrupt: 0, parse: 500, ignore: fine}},
		{"a refusal that is garbage", answering(422, "[1,2"), map[string]int{plain: 502, interrupt: 500, parse: 500, ignore: again}},
		{"a refusal without a reason", answering(403, `{"messages": []}`), map[string]int{plain: 502, interrupt: 500, parse: 500, ignore: again}},
		{"nested for ever", answering(200, strings.Repeat(`{"identity":`, 100_000)), map[string]int{plain: 0, interrupt: 0, parse: 500, ignore: fine}},
		{"10 MB", answering(200, strings.Repeat("x", 10<<20)), map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: again}},
		{"10 MB of a refusal", answering(400, `{"messages": "`+strings.Repeat("x", 10<<20)), map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: again}},
		{"never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, map[string]int{plain: 504, interrupt: 504, parse: 504, ignore: again}},
		{"a start and never an end", func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, `{"identity": {`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, map[string]int{plain: 504, interrupt: 504, parse: 504, ignore: again}},
		{"it hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: again}},
		{"a private address", redirect(302, private.server.URL), map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: never}},
		{"the address of the cloud's metadata", redirect(303, "http://169.254.169.254/latest/meta-data/"), map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: never}},
		{"another system that is to have the body", redirect(307, private.server.URL), map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: again}},
		{"a file", redirect(307, "file:///etc/passwd"), map[string]int{plain: 500, interrupt: 500, parse: 500, ignore: again}},
	} {
		for more, want := range c.want {
			t.Run(c.name+more, func(t *testing.T) {
				t.Parallel()
				x := newTarget(t, c.answer)
				timeout := time.Minute
				if strings.Contains(c.name, "never") {
					timeout = 50 * time.Millisecond
				}
				r, set := x.runner(fetch.Options{Timeout: timeout, MaxBody: 5 << 20}), sealing(t)
				err := x.callOrRun(r, set, json.RawMessage(fmt.Sprintf(`{"id": "odd", "url": %q, "method": "POST", "body": "text:{}"%s}`, x.server.URL+"/?key=canary", more)))
				if more != ignore && want != 0 {
					wantError(t, err, want)
				}
				if (err == nil) != (want == 0) || errand.Final(err) != (want == never) {
					t.Errorf("failed with %v, want %d", err, want)
				}
				if err != nil && (!strings.Contains(err.Error(), `"odd"`) || strings.Contains(err.Error(), "canary") || len(err.Error()) > 1000) {
					t.Errorf("%q does not name the hook, or says too much", err)
				}
				if n := len(private.seen()); n != 0 {
					t.Errorf("%d requests reached a private address", n)
				}
			})
		}
	}
}

func redirect(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) }
}
