package config

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// minBcryptCost is the least cost that is honoured outside of development mode.
const minBcryptCost = 12

// resolver fills in what is derived from other keys or from the machine.
type resolver struct {
	*Snapshot
}

func (r resolver) resolve() error {
	if err := r.endpoints(); err != nil {
		return err
	}
	if err := r.secrets(); err != nil {
		return err
	}
	r.hashers()
	r.cookies()
	if err := r.sessions(); err != nil {
		return err
	}
	r.flows()
	if err := r.events(); err != nil {
		return err
	}
	r.enumeration()
	if err := r.proxies(); err != nil {
		return err
	}
	r.barrier()
	if err := r.captcha(); err != nil {
		return err
	}
	r.assurance()
	r.risk()
	r.methods()
	if err := r.providers(); err != nil {
		return err
	}
	r.SelfService.AllowedReturnURLs = r.returnURLs()
	r.Serve.Public.CORS.AllowedOrigins = r.origins()
	r.tracing()
	r.rest()
	return nil
}

// warn remarks on a key.
func (r resolver) warn(key, reason string) {
	r.Warnings = append(r.Warnings, Issue{Key: key, Source: r.layers.source(key), Reason: reason})
}

func (r resolver) endpoints() error {
	if _, ok := r.layers.lookup("serve.admin.host"); !ok {
		r.Serve.Admin.Host = "127.0.0.1"
		if r.Cardea.Admin.Open {
			r.Serve.Admin.Host = "0.0.0.0"
		} else {
			r.warn("serve.admin.host", "is not set: the admin port listens on 127.0.0.1 only, cardea.admin.open opens it")
		}
	}
	if a := r.Cardea.Admin; a.Open && a.ClientCA != "" {
		r.warn("cardea.admin.open", "does not take effect: cardea.admin.client_ca guards the admin port")
	}
	for name, e := range map[string]*Endpoint{"public": &r.Serve.Public.Endpoint, "admin": &r.Serve.Admin} {
		if !e.TLS.Enabled() && e.TLS != (TLS{}) {
			r.warn("serve."+name+".tls", "is not a complete pair of key and certificate: this port does not speak TLS")
		}
		e.BaseURLRaw = r.layers.text("serve." + name + ".base_url")
		if e.BaseURLRaw != "" && e.BaseURL != nil {
			continue
		}
		if strings.HasPrefix(e.Host, "unix:") {
			r.warn("serve."+name+".base_url", "has to be set when serving on a socket: nothing sensible can be derived")
		}
		if err := r.deriveBaseURL(e); err != nil {
			return err
		}
	}
	return nil
}

func (r resolver) deriveBaseURL(e *Endpoint) error {
	scheme := "https"
	if r.Dev {
		scheme = "http"
	}
	host := e.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() || strings.HasPrefix(host, "unix:") {
		host = r.opts.Hostname
		if host == "" {
			name, err := os.Hostname()
			if err != nil {
				return fmt.Errorf("name of this machine, for the base URL: %w", err)
			}
			host = name
		}
	}
	e.BaseURL = &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(e.Port)), Path: "/"}
	e.BaseURLRaw = e.BaseURL.String()
	return nil
}

func (r resolver) secrets() error {
	if len(r.Secrets.Default) == 0 && r.opts.PersistedSecrets != nil {
		kept, err := r.opts.PersistedSecrets(r.Cardea.DataDir)
		if err != nil {
			return fmt.Errorf("secrets of this installation: %w", err)
		}
		r.Secrets.Default = kept
	}
	if len(r.Secrets.Default) == 0 {
		r.warn("secrets.default", "is not set: cookies and codes have no key to last longer than this process")
	}
	if len(r.Secrets.Cookie) == 0 {
		r.Secrets.Cookie = r.Secrets.Default
	}
	if len(r.Cardea.Audit.Secrets) == 0 {
		r.Cardea.Audit.Secrets = r.Secrets.Default
	}
	if len(r.Secrets.Pagination) == 0 {
		r.Secrets.Pagination = r.Secrets.Default
	}
	return nil
}

func (r resolver) hashers() {
	b := &r.Hashers.Bcrypt
	b.ConfiguredCost = b.Cost
	if b.Cost < minBcryptCost && !r.Dev {
		b.Cost = minBcryptCost
		r.warn("hashers.bcrypt.cost", fmt.Sprintf("is raised to %d outside of development mode", minBcryptCost))
	}
	a := &r.Hashers.Argon2
	a.MemoryKiB = uint32(min(a.Memory.KiB(), math.MaxUint32))
	if a.Parallelism == 0 {
		a.Parallelism = uint8(min(2*runtime.NumCPU(), math.MaxUint8))
	}
}

func (r resolver) cookies() {
	r.Cookies.Secure = r.secure("cookies.secure")
	c := &r.Session.Cookie
	c.Secure = r.secure("session.cookie.secure")
	c.Domain = cmp.Or(c.Domain, r.Cookies.Domain)
	c.Path = cmp.Or(c.Path, r.Cookies.Path)
	c.SameSite = cmp.Or(c.SameSite, r.Cookies.SameSite)
}

// secure reads one of the two switches that the contract writes as text.
func (r resolver) secure(key string) bool {
	on, err := strconv.ParseBool(r.layers.text(key))
	if err != nil {
		return !r.Dev
	}
	return on
}

// flows switches on what cannot be switched off and finds the pages.
func (r resolver) flows() {
	f := &r.SelfService.Flows
	f.Login.Enabled, f.Settings.Enabled = true, true
	if f.Registration.EnableLegacyOneStep {
		f.Registration.Style = "unified"
	}
	for _, name := range kinds() {
		flow := f.ByKind(name)
		flow.UIURL, flow.UIBuiltIn = r.page(name, flow.UIURL)
		if flow.UIURL == "" && flow.Enabled {
			r.warn("selfservice.flows."+name+".ui_url", "is not set and the account pages are off: browsers have no page to go to")
		}
	}
	f.Error.UIURL, f.Error.UIBuiltIn = r.page("error", f.Error.UIURL)
	if after := &f.Logout.After; f.Login.UIBuiltIn && after.DefaultBrowserReturnURL == "" {
		after.DefaultBrowserReturnURL, _ = r.page("signed-out", "")
	}
	r.ownAccount()
}

// ownAccount decides what people may do with their account: whoever brings a
// settings page says so, ours can do everything.
func (r resolver) ownAccount() {
	for key, allow := range map[string]*bool{"allow_export": &r.Cardea.Account.AllowExport, "allow_deletion": &r.Cardea.Account.AllowDeletion} {
		if _, ok := r.layers.lookup("cardea.account." + key); !ok {
			*allow = r.SelfService.Flows.Settings.UIBuiltIn
		}
	}
}

// page is where browsers are sent: the configured page, else the built-in one.
func (r resolver) page(name, configured string) (address string, builtIn bool) {
	if configured != "" || !r.Cardea.Account.Enabled {
		return configured, false
	}
	return strings.TrimSuffix(r.Serve.Public.BaseURLRaw, "/") + "/" + name, true
}

func (r resolver) methods() {
	m := &r.SelfService.Methods
	m.Code.Enabled = m.Code.Enabled || m.Code.PasswordlessEnabled
	base := r.Serve.Public.BaseURL
	m.TOTP.Config.Issuer = cmp.Or(m.TOTP.Config.Issuer, base.Hostname())
	for _, rp := range []*RelyingParty{&m.WebAuthn.Config.RP, &m.Passkey.Config.RP} {
		switch {
		case len(rp.Origins) > 0 || rp.ID == "":
		case rp.Origin != "":
			rp.Origins = []string{rp.Origin}
		default:
			rp.Origins = []string{base.Scheme + "://" + rp.ID}
		}
	}
}

func (r resolver) rest() {
	r.Log.Format = cmp.Or(r.Log.Format, "text")
	if r.Courier.SMTP.FromAddress == "" {
		host := r.Serve.Public.BaseURL.Hostname()
		if host == "" || net.ParseIP(host) != nil {
			host = "localhost"
		}
		r.Courier.SMTP.FromAddress = "no-reply@" + host
	}
	if r.Cardea.Development.Mailbox && !r.Dev {
		r.Cardea.Development.Mailbox = false
		r.warn("cardea.development.mailbox", "has no effect outside of development mode")
	}
	for _, schema := range r.Identity.Schemas {
		if schema.ID == r.Identity.DefaultSchemaID {
			return
		}
	}
	r.warn("identity.default_schema_id", "names no entry of identity.schemas")
}
