package flow

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/netip"
	"net/url"
	"strings"

	"cardea/internal/payload"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// LanguageCookie is the name of the cookie that holds the language which a person
// chose on a page, as a BCP 47 tag.
const LanguageCookie = "cardea_language"

// Visit is everything the engine may know about one request. The edge fills it
// in once; nobody asks the request again.
type Visit struct {
	*Setup // the configuration as it was when the request arrived

	// JSON, AcceptsJSON and Page are the three ways in which the contract asks
	// "is this an application?" (section 3.2 of the HTTP reference: N1, N2, N3).
	// They differ in the media ranges they know and in whether a Content-Type
	// counts.
	JSON        bool // N1: errors, results of submissions
	AcceptsJSON bool // N2: results of a start
	Page        bool // N3: wants text/html, or does not say

	URL    string // absolute, scheme and host as the client saw them
	Query  url.Values
	Read   func() (*payload.Body, error) // reads the body, at most once
	CSRF   *CSRF
	Device session.Device
	// Source is the part of the network that the client is in, as far as that can be
	// trusted; the zero Prefix for unknown.
	Source netip.Prefix

	Session *session.Session // the active session, nil for nobody
	Token   string           // the session token that was presented, "" for none

	Get        bool   // the request is a GET
	Method     string // of the request
	Continuity string // the continuity cookie, "" for none

	Origin string // header Origin
	// Language is what the client prefers, BCP 47; "" when it does not say.
	Language string
	Cookies  []string // names of all cookies that were sent
	// AllCookies gives the values of all cookies by name; the last one of a name
	// counts. Only hooks are told them. Nil for none.
	AllCookies func() map[string]string
	// AllHeaders gives all headers of the request, by canonical name. Nil gives none.
	AllHeaders func() map[string][]string

	// Headers are those of the request that the operator lets hooks and messages
	// see, by canonical name.
	Headers map[string][]string
}

// param is the first value of a query parameter.
func (v *Visit) param(name string) string { return v.Query.Get(name) }

// flag is a query parameter read as Go reads booleans; anything else is false.
func (v *Visit) flag(name string) bool {
	switch v.param(name) {
	case "1", "t", "T", "true", "TRUE", "True":
		return true
	}
	return false
}

// native says why a request cannot come from a native app, or "": browsers send
// Origin and cookies, apps do not. Cookies that a well-known proxy adds on its
// own are forgiven.
func (v *Visit) looksLikeBrowser() string {
	if v.Origin != "" {
		return "The HTTP request header Origin was found, which only browsers send. Native applications must not send it; browsers have to use the browser flows."
	}
	for _, name := range v.Cookies {
		if !strings.HasPrefix(name, "__cf") && !strings.HasPrefix(name, "_cf") && !strings.HasPrefix(name, "cf_") {
			return "The HTTP request carried cookies, which only browsers send. Native applications must not send any; browsers have to use the browser flows."
		}
	}
	return ""
}

// CSRF is the anti-CSRF state of one request: the token of its cookie and, for
// the explanation of a failure, what else was seen. A token is shown masked
// (a fresh one-time pad each time), so that compression cannot leak it.
type CSRF struct {
	real    []byte // 32 bytes; nil when there is no cookie and none was made
	device  []byte // how the token begins from now on; nil as before
	rotated bool

	HasCookies bool // a Cookie header was there
	HasOurs    bool // our cookie was among them
	AJAX       bool // Sec-Fetch-Mode says so
	JSON       bool // the body is JSON, in which nobody looked for the token
	Silent     bool // no token in body or header where one could have been
}

// NewCSRF takes the token of the request's cookie, nil when there is none.
func NewCSRF(real []byte) *CSRF { return &CSRF{real: real} }

// Real is the token as the cookie carries it, nil for none.
func (c *CSRF) Real() []byte { return c.real }

// Changed says that the cookie has to be written.
func (c *CSRF) Changed() bool { return c.rotated }

// Rotate makes a new token, at most once per request. What names the browser stays.
func (c *CSRF) Rotate(rand io.Reader) {
	if c.rotated {
		return
	}
	fresh := secret.NewCSRF(rand)
	if c.device != nil {
		copy(fresh, c.device)
	} else if len(c.real) == len(fresh) {
		copy(fresh, c.real[:deviceName+deviceProof])
	}
	c.real, c.rotated = fresh, true
}

// Name gives the browser another name, which the next token begins with.
func (c *CSRF) Name(device []byte) { c.device = device }

// Masked is the token as a form carries it; "" when there is no token.
func (c *CSRF) Masked(rand io.Reader) string {
	if c.real == nil {
		return ""
	}
	return secret.MaskCSRF(rand, c.real)
}

// Matches compares a submitted token, masked or not, with the cookie.
func (c *CSRF) Matches(submitted string) bool {
	if c.real == nil || submitted == "" {
		return false
	}
	sent, ok := secret.UnmaskCSRF(submitted)
	return ok && secret.EqualCSRF(sent, c.real)
}

// Hash is what a flow remembers of the token it is bound to; nil for no token.
func (c *CSRF) Hash() []byte {
	if c.real == nil {
		return nil
	}
	sum := sha256.Sum256(c.real)
	return sum[:]
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// Owns says whether the request's cookie is the one a flow was bound to.
func (c *CSRF) Owns(hash []byte) bool {
	return c.real != nil && len(hash) > 0 && subtle.ConstantTimeCompare(c.Hash(), hash) == 1
}
