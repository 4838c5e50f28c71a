package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const public = "93.184.216.34"

// network resolves names from a table, one answer after the other, and leads
// every connection to one handler, whatever the address.
type network struct {
	mu      sync.Mutex
	names   map[string][]string // successive answers, each addresses with commas; the last one stays
	dialled []string
	server  *httptest.Server
}

func newNetwork(t *testing.T, names map[string][]string, h http.HandlerFunc) *network {
	n := &network{names: names, server: httptest.NewServer(h)}
	t.Cleanup(n.server.Close)
	return n
}

func (n *network) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.names[host]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n.names[host] = answers[1:]
	}
	var out []netip.Addr
	for a := range strings.SplitSeq(answers[0], ",") {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialled = append(n.dialled, address)
	n.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, network, n.server.Listener.Addr().String())
}

func (n *network) client(t *testing.T, o Options) *Client {
	t.Helper()
	o.Resolver, o.Dial = n, n.dial
	o.MinBackoff, o.MaxBackoff = time.Microsecond, time.Microsecond
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

func get(t *testing.T, c *Client, target string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

func TestPoliciesDecideWhichAddressesAreReached(t *testing.T) {
	exception := []string{"http://internal/*"}
	tests := []struct {
		name    string
		options Options
		url     string
		reached bool
	}{
		{"untrusted reaches a public name", Options{}, "http://public/", true},
		{"untrusted does not reach a private name", Options{}, "http://internal/", false},
		{"untrusted does not reach a private address", Options{}, "http://10.0.0.1/", false},
		{"untrusted does not reach a mapped address", Options{}, "http://[::ffff:127.0.0.1]/", false},
		{"untrusted does not reach a private IPv6 address", Options{}, "http://[fd00::1]/", false},
		{"untrusted reaches an exception", Options{Exceptions: exception}, "http://internal/x", true},
		{"an exception is for its path only", Options{Exceptions: exception}, "http://internal/x/y", false},
		{"an exception is for its name only", Options{Exceptions: exception}, "http://10.0.0.1/x", false},
		{"trusted reaches a private name", Options{Policy: Trusted}, "http://internal/", true},
		{"trusted does not when private ranges are disallowed", Options{Policy: Trusted, DisallowPrivate: true}, "http://internal/", false},
		{"but reaches an exception even then", Options{Policy: Trusted, DisallowPrivate: true, Exceptions: exception}, "http://internal/x", true},
		{"and public names", Options{Policy: Trusted, DisallowPrivate: true}, "http://public/", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newNetwork(t, map[string][]string{"public": {public}, "internal": {"10.0.0.1"}}, func(http.ResponseWriter, *http.Request) {})
			tt.options.Retries = 2
			_, err := get(t, n.client(t, tt.options), tt.url)
			if tt.reached != (err == nil) || err != nil && !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("got %v", err)
			}
			if tt.reached != (len(n.dialled) == 1) {
				t.Errorf("dialled %v", n.dialled)
			}
		})
	}
}

func TestANameThatChangesItsAddressGainsNothing(t *testing.T) {
	n := newNetwork(t, map[string][]string{"rebind": {public, "127.0.0.1"}}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that every request resolves and dials again
	})
	c := n.client(t, Options{})
	if _, err := get(t, c, "http://rebind/"); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, c, "http://rebind/"); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("the second answer is reached: %v", err)
	}
	if want := []string{public + ":80"}; !slices.Equal(n.dialled, want) {
		t.Errorf("dialled %v, want the address that was checked: %v", n.dialled, want)
	}
}

func TestOfSeveralAddressesOnlyThePublicOnesAreDialled(t *testing.T) {
	n := newNetwork(t, map[string][]string{"mixed": {"10.0.0.1," + public + ",::1"}}, func(http.ResponseWriter, *http.Request) {})
	if _, err := get(t, n.client(t, Options{}), "http://mixed/"); err != nil {
		t.Fatal(err)
	}
	if want := []string{public + ":80"}; !slices.Equal(n.dialled, want) {
		t.Errorf("dialled %v, want %v", n.dialled, want)
	}
}

func TestTheNextAddressIsDialledWhenOneDoesNotAnswer(t *testing.T) {
	n := newNetwork(t, map[string][]string{"two": {"93.184.216.1,93.184.216.2"}}, func(http.ResponseWriter, *http.Request) {})
	o := Options{Resolver: n, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "93.184.216.1:") {
			return nil, errors.New("no route")
		}
		return n.dial(ctx, network, address)
	}}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdle()
	if _, err := get(t, c, "http://two/"); err != nil {
		t.Error(err)
	}
}

func TestErrorsKeepTheSecretsOfURLs(t *testing.T) {
	n := newNetwork(t, map[string][]string{"internal": {"10.0.0.1"}, "public": {public}}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/canary-bad":
			w.Header().Set("Location", "http://canary:canary@%zz/canary")
		case "/canary-private":
			w.Header().Set("Location", "http://canary:canary@internal/canary?canary")
		case "/canary-scheme":
			w.Header().Set("Location", "canary://canary:canary@x/canary?canary")
		case "/canary-loop":
			w.Header().Set("Location", "/canary-loop?canary")
		case "/canary-abort":
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusFound)
	})
	c := n.client(t, Options{})
	for _, target := range []string{
		"http://canary:canary@internal/canary?token=canary#canary", "http://canary@missing/canary?canary", "ftp://canary:canary@public/canary",
		"http://canary:canary@public/canary-bad?canary", "http://public/canary-private?canary", "http://public/canary-scheme",
		"http://public/canary-loop", "http://public/canary-abort?canary",
	} {
		_, err := get(t, c, target)
		if err == nil {
			t.Errorf("%s is reached", target)
		} else if strings.Contains(strings.TrimPrefix(err.Error(), "GET "), "canary") {
			t.Errorf("%s: the error tells it: %v", target, err)
		}
	}
}

func TestProxiesAreUsedOnlyWhenGivenAndNeverForUntrustedURLs(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://environment:1")
	t.Setenv("http_proxy", "http://environment:1")
	proxy := http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy:3128"})
	for _, tt := range []struct {
		options Options
		want    string
	}{
		{Options{Policy: Trusted}, public + ":80"},
		{Options{Policy: Trusted, Proxy: proxy}, "10.9.9.9:3128"},
		{Options{Proxy: proxy}, public + ":80"},
	} {
		n := newNetwork(t, map[string][]string{"a": {public}, "proxy": {"10.9.9.9"}}, func(http.ResponseWriter, *http.Request) {})
		if _, err := get(t, n.client(t, tt.options), "http://a/"); err != nil {
			t.Error(err)
		}
		if want := []string{tt.want}; !slices.Equal(n.dialled, want) {
			t.Errorf("policy %v: dialled %v, want %v", tt.options.Policy, n.dialled, want)
		}
	}
}

func TestTheLibraryClientIsGuardedToo(t *testing.T) {
	n := newNetwork(t, map[string][]string{"internal": {"10.0.0.1"}}, func(http.ResponseWriter, *http.Request) {})
	resp, err := n.client(t, Options{}).HTTP().Get("http://internal/")
	if !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("got %v, %v", fmt.Sprint(resp), err)
	}
}
