package oidc

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"cardea/internal/config"
)

const (
	keptFor  = time.Hour   // how long a provider's description is believed
	retryAll = time.Minute // how long one that cannot be renewed goes on counting
	maxBody  = 1 << 20     // bytes
)

// discovery is a provider's description of itself (OpenID Connect Discovery,
// section 4) and its keys.
type discovery struct {
	provider    *oidc.Provider
	Challenges  []string `json:"code_challenge_methods_supported"`
	UserInfo    string   `json:"userinfo_endpoint"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207, section 3
	until       time.Time
}

// discoveries keeps descriptions by their issuers.
type discoveries struct {
	mu    sync.Mutex
	known map[string]*discovery
	keys  map[string]oidc.KeySet // of providers that give ID tokens to apps, by address
}

func newDiscoveries() *discoveries {
	return &discoveries{known: map[string]*discovery{}, keys: map[string]oidc.KeySet{}}
}

// keysAt are the keys at an address; they are fetched when they are needed.
func (d *discoveries) keysAt(ctx context.Context, address string, client *http.Client) oidc.KeySet {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys[address] == nil {
		d.keys[address] = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), client), address)
	}
	return d.keys[address]
}

// of reads an issuer's description, or remembers it. One that cannot be read again
// goes on counting: a provider that is down for a moment has not changed.
func (d *discoveries) of(ctx context.Context, issuer string, client *http.Client, now time.Time) (*discovery, error) {
	d.mu.Lock()
	kept := d.known[issuer]
	d.mu.Unlock()
	if kept != nil && now.Before(kept.until) {
		return kept, nil
	}
	// Keys are fetched with this context later on, so it must not end with the request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), issuer)
	fresh := &discovery{provider: provider, until: now.Add(keptFor)}
	if err == nil {
		err = provider.Claims(fresh)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.known[issuer] = fresh
		return fresh, nil
	case kept != nil:
		older := *kept
		older.until = now.Add(retryAll)
		d.known[issuer] = &older
		return &older, nil
	}
	return nil, err
}

// gate lets requests to the origins that the operator wrote go where they lead, and
// all others only to public addresses: what a provider names in its description is
// data.
type gate struct {
	written         []string // origins
	trusted, public http.RoundTripper
}

// RoundTrip sends one request.
func (g gate) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, origin := range g.written {
		if origin == originOf(req.URL) {
			return g.trusted.RoundTrip(req)
		}
	}
	return g.public.RoundTrip(req)
}

func originOf(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// client is the way to a provider.
func (m *Method) client(p config.OIDCProvider) *http.Client {
	g := gate{trusted: m.Trusted.Transport, public: m.Public.Transport}
	for _, address := range []string{p.IssuerURL, p.AuthURL, p.TokenURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			g.written = append(g.written, originOf(u))
		}
	}
	return &http.Client{Transport: g, CheckRedirect: m.Trusted.CheckRedirect}
}

func readBody(res *http.Response) ([]byte, error) {
	return io.ReadAll(io.LimitReader(res.Body, maxBody))
}
