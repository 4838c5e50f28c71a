package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardea/internal/config"
)

// TestKeysOfCookiesChangeUnderLoad rotates the secrets again and again while people use
// their cookies: everybody stays who they are as long as the secret of their cookie is on
// the list, is nobody once it is not, and is never somebody else.
func TestKeysOfCookiesChangeUnderLoad(t *testing.T) {
	h := newTellHouse(t, tellConfig(byCode, "", "cardea: {throttle: {enabled: false}}"))
	in := func() map[string]*http.Cookie {
		jar := map[string]*http.Cookie{}
		_, f := h.do(h.app.Public, "GET", "/self-service/login/browser", nil, "spa", jar)
		id, _ := f["id"].(string)
		w, _ := h.do(h.app.Public, "POST", "/self-service/login?flow="+id, map[string]any{"method": "password", "identifier": subjects[0], "password": rightPassword, "csrf_token": token(f)}, "spa", jar)
		if w.Code != 200 {
			t.Fatalf("sign in: %d %s", w.Code, w.Body)
		}
		return jar
	}
	whoami := func(jar map[string]*http.Cookie) (int, string) {
		kept := map[string]*http.Cookie{}
		for name, c := range jar {
			kept[name] = c
		}
		w, _ := h.do(h.app.Public, "GET", "/sessions/whoami", nil, "spa", kept) // what it renews is not kept
		return w.Code, w.Body.String()
	}
	var keys []string
	rotate := func(keys []string) {
		t.Helper()
		var s config.Snapshot = *h.app.config.Current()
		s.Secrets.Cookie = slices.Clone(keys)
		if err := h.app.use(t.Context(), &s); err != nil {
			t.Fatal(err)
		}
	}
	const rotations = 8
	jars := make([]map[string]*http.Cookie, rotations)
	var people sync.WaitGroup
	done := make(chan struct{})
	for n := range rotations {
		keys = append([]string{fmt.Sprintf("a-secret-of-rotation-number-%d-0123456789", n)}, keys...)
		rotate(keys)
		jars[n] = in()
		people.Go(func() {
			for asked := 0; ; asked++ {
				if code, body := whoami(jars[n]); code != 200 || !strings.Contains(body, subjects[0]) {
					t.Errorf("somebody with the cookie of rotation %d: %d %s", n, code, body)
					return
				}
				select {
				case <-done:
					if asked > 2 {
						return
					}
				default:
				}
			}
		})
	}
	close(done)
	people.Wait()
	rotate(keys[:rotations/2]) // the newer half
	for n, jar := range jars {
		want := 401
		if n >= rotations/2 {
			want = 200
		}
		if code, body := whoami(jar); code != want {
			t.Errorf("the cookie of rotation %d, with the older half of the secrets gone: %d %s", n, code, body)
		}
	}
}
