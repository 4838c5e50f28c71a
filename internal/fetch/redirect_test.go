package fetch

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRedirects(t *testing.T) {
	names := map[string][]string{"internal": {"10.0.0.1"}, "other": {"10.0.0.2"}, "public": {public}}
	tests := []struct {
		name    string
		options Options
		path    []string // the first is requested, each redirects to the next
		reached bool
	}{
		{"trusted follows within its origin", Options{Policy: Trusted}, []string{"http://internal/a", "http://internal/b"}, true},
		{"trusted follows to a public origin", Options{Policy: Trusted}, []string{"http://internal/a", "http://public/b"}, true},
		{"trusted does not follow to another private origin", Options{Policy: Trusted}, []string{"http://internal/a", "http://other/b"}, false},
		{"trusted does not follow to another private port", Options{Policy: Trusted}, []string{"http://internal/a", "http://internal:8080/b"}, false},
		{"trusted does not come back after a detour", Options{Policy: Trusted}, []string{"http://internal/a", "http://public/b", "http://internal/c"}, false},
		{"trusted follows to an exception", Options{Policy: Trusted, Exceptions: []string{"http://other/b"}}, []string{"http://internal/a", "http://other/b"}, true},
		{"untrusted does not follow to a private origin", Options{}, []string{"http://public/a", "http://internal/b"}, false},
		{"untrusted follows to a public origin", Options{}, []string{"http://public/a", "http://public/b"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newNetwork(t, names, func(w http.ResponseWriter, r *http.Request) {
				i := slices.Index(tt.path, "http://"+r.Host+r.URL.Path)
				if i+1 < len(tt.path) {
					http.Redirect(w, r, tt.path[i+1], http.StatusFound)
				}
			})
			_, err := get(t, n.client(t, tt.options), tt.path[0])
			if tt.reached != (err == nil) || err != nil && !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAConnectionOfATrustedRequestIsNotReusedByARedirect(t *testing.T) {
	n := newNetwork(t, map[string][]string{"internal": {"10.0.0.1"}, "public": {public}}, func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "public" {
			http.Redirect(w, r, "http://internal/secret", http.StatusFound)
		}
	})
	c := n.client(t, Options{Policy: Trusted})
	if _, err := get(t, c, "http://internal/"); err != nil { // leaves an idle connection
		t.Fatal(err)
	}
	if _, err := get(t, c, "http://public/"); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("the idle connection was used: %v", err)
	}
}

func TestRedirectsCarryNoSecretsToAnotherOrigin(t *testing.T) {
	var seen http.Header
	n := newNetwork(t, map[string][]string{"a": {public}, "b": {public}}, func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "a" {
			http.Redirect(w, r, "http://b/", http.StatusFound)
			return
		}
		seen = r.Header
	})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a/?token=secret", nil)
	for _, name := range []string{"X-Api-Key", "Authorization", "Cookie", "Accept-Language"} {
		req.Header.Set(name, "value")
	}
	if _, err := n.client(t, Options{}).Do(req); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"X-Api-Key": "", "Authorization": "", "Cookie": "", "Referer": "", "Accept-Language": "value"} {
		if got := seen.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestRedirectRules(t *testing.T) {
	tests := []struct {
		name, from, to string
		body           io.ReadCloser
		want           error
	}{
		{"within an origin a body goes along", "https://a/", "https://a:443/x", io.NopCloser(strings.NewReader("x")), nil},
		{"to the encrypted form as well", "http://a/", "https://a/", io.NopCloser(strings.NewReader("x")), nil},
		{"to another origin it does not", "https://a/", "https://b/", io.NopCloser(strings.NewReader("x")), errBodyElsewhere},
		{"nor to another port", "https://a/", "https://a:8443/", io.NopCloser(strings.NewReader("x")), errBodyElsewhere},
		{"without a body it may leave", "https://a/", "https://b/", nil, nil},
		{"but not the encryption", "https://a/", "http://a/", nil, errDowngrade},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, _ := http.NewRequest(http.MethodPost, tt.from, nil)
			to, _ := http.NewRequest(http.MethodPost, tt.to, nil)
			to.Body = tt.body
			if err := checkRedirect(to, []*http.Request{from}); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestRedirectsEnd(t *testing.T) {
	hops := 0
	n := newNetwork(t, map[string][]string{"a": {public}}, func(w http.ResponseWriter, r *http.Request) {
		hops++
		http.Redirect(w, r, "/", http.StatusFound)
	})
	if _, err := get(t, n.client(t, Options{}), "http://a/"); !errors.Is(err, errTooManyRedirects) || hops != maxRedirects+1 {
		t.Errorf("got %v after %d hops", err, hops)
	}
}
