package fetch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"cardea/internal/clock"
)

// What a zero option means.
const (
	DefaultTimeout    = 30 * time.Second
	DefaultMaxBody    = 1 << 20 // bytes
	DefaultMinBackoff = time.Second
	DefaultMaxBackoff = 30 * time.Second
	// DefaultRetries is not the zero value's meaning but what most callers want.
	DefaultRetries = 2

	maxRedirects = 5
	maxHeader    = 64 << 10 // bytes
)

// Policy says how far a URL is trusted.
type Policy int

const (
	// Untrusted URLs came from data: they may reach public addresses only.
	Untrusted Policy = iota
	// Trusted URLs were written by the operator: they may reach what they name.
	// A redirect to another origin is untrusted.
	Trusted
)

// Options configure a client. The zero value is the strictest client: untrusted
// URLs, no retries, no proxy.
type Options struct {
	Policy Policy
	// DisallowPrivate takes the operator's own URLs under the rule for untrusted ones.
	DisallowPrivate bool
	// Exceptions are globs of URLs (scheme, host, path) that may reach private
	// addresses whatever the policy: the operator named them.
	Exceptions []string

	Timeout    time.Duration // of one attempt, body included
	Retries    int           // attempts after the first one
	MinBackoff time.Duration // before the first retry; doubles with every further one
	MaxBackoff time.Duration
	MaxBody    int64 // bytes of an answer's decoded body

	// Proxy chooses a proxy for requests that may go anywhere, for instance
	// http.ProxyFromEnvironment; nil is none. A request that may only reach public
	// addresses never uses it, because the proxy would resolve the name again.
	Proxy func(*http.Request) (*url.URL, error)

	Clock    clock.Clock    // reads Retry-After dates; nil is the system's
	Jitter   func() float64 // in [0, 1), spreads retries; nil is random
	Resolver Resolver       // nil is the system's
	Dial     DialFunc       // nil is the network
}

// Client is the guarded client. Safe for concurrent use.
type Client struct {
	http *http.Client
}

// New makes a client; it fails on an exception that is not a glob.
func New(o Options) (*Client, error) {
	exceptions, err := compileGlobs(o.Exceptions)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	g := newGuard()
	t := &transport{
		options:    o,
		exceptions: exceptions,
		open:       o.roundTripper(func(netip.Addr) bool { return true }, o.Proxy),
		guarded:    o.roundTripper(g.public, nil),
	}
	return &Client{http: &http.Client{Transport: t, CheckRedirect: checkRedirect}}, nil
}

// Do sends a request and follows its redirects. The answer's body is complete
// in memory; closing it is allowed and not needed. Answers with status 429 and
// 5xx are returned like any other once the retries are used up. A request whose
// body cannot be read again (no GetBody) is sent once.
//
// Errors carry method, scheme and host and nothing else of the URL:
// ErrForbiddenAddress, ErrBodyTooLarge, the context's errors, and those of the
// network.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err == nil {
		return resp, nil
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // what http.Client adds is the whole URL
	}
	return nil, fmt.Errorf("%s %s://%s: %w", req.Method, req.URL.Scheme, req.URL.Host, err)
}

// HTTP is the same client for libraries that ask for an *http.Client. Its own
// errors carry whole URLs: they are private causes and belong into no log where
// a URL of the caller can hold a secret.
func (c *Client) HTTP() *http.Client {
	client := *c.http
	return &client
}

// CloseIdle closes the connections that are kept for reuse.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

func (o Options) withDefaults() Options {
	setDefault(&o.Timeout, DefaultTimeout)
	setDefault(&o.MinBackoff, DefaultMinBackoff)
	setDefault(&o.MaxBackoff, DefaultMaxBackoff)
	setDefault(&o.MaxBody, DefaultMaxBody)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return o
}

func setDefault[T ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// roundTripper makes the connections of one rule. Every rule has its own, so
// that no idle connection crosses from one to the other.
func (o Options) roundTripper(allow func(netip.Addr) bool, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	d := &dialer{resolver: o.Resolver, dial: o.Dial, allow: allow}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		MaxIdleConns:           128,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}
