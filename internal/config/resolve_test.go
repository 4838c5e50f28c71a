package config_test

import (
	"encoding/json"
	"testing"
	"time"

	"cardea/internal/config"
)

func TestBaseURLs(t *testing.T) {
	tests := []struct {
		name          string
		text          string
		dev           bool
		public, admin string
	}{
		{"derived from the machine and loopback", "", false, "https://machine.example:4433/", "https://127.0.0.1:4434/"},
		{"derived in development", "", true, "http://machine.example:4433/", "http://127.0.0.1:4434/"},
		{"derived from a host", "serve: {public: {host: id.example.com, port: 80}}", false, "https://id.example.com:80/", "https://127.0.0.1:4434/"},
		{"derived from IPv6", "serve: {public: {host: '::1'}, admin: {host: '::'}}", false, "https://[::1]:4433/", "https://machine.example:4434/"},
		{"as configured, without a slash", "serve: {public: {base_url: 'https://id.example.com'}}", false, "https://id.example.com", "https://127.0.0.1:4434/"},
		{"as configured, with path and slash", "serve: {public: {base_url: 'https://id.example.com/auth/'}}", false, "https://id.example.com/auth/", "https://127.0.0.1:4434/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := loadWith(t, config.Options{Flags: config.Flags{Dev: tt.dev}}, minimal, tt.text)
			equal(t, "public", s.Serve.Public.BaseURLRaw, tt.public)
			equal(t, "admin", s.Serve.Admin.BaseURLRaw, tt.admin)
			equal(t, "parsed", s.Serve.Public.BaseURL.String(), tt.public)
		})
	}
}

func TestTheAdminPortIsPrivateUnlessOpened(t *testing.T) {
	tests := []struct {
		name, text, host string
		warned           bool
	}{
		{"left out", "", "127.0.0.1", true},
		{"opened", "cardea: {admin: {open: true}}", "0.0.0.0", false},
		{"configured", "serve: {admin: {host: 10.0.0.1}}", "10.0.0.1", false},
		{"configured for all", "serve: {admin: {host: ''}}", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := load(t, nil, minimal, tt.text)
			equal(t, "host", s.Serve.Admin.Host, tt.host)
			equal(t, "said so", about(s.Warnings, "serve.admin.host"), tt.warned)
		})
	}
}

func TestWhoReachesTheAdminPort(t *testing.T) {
	for _, tt := range []struct {
		text    string
		guarded bool
	}{
		{"", false},
		{"serve: {admin: {host: 127.0.0.1}}", false},
		{"serve: {admin: {host: 127.9.9.9}}", false},
		{"serve: {admin: {host: '::1'}}", false},
		{"serve: {admin: {host: localhost}}", false},
		{"serve: {admin: {host: 'unix:/run/admin.sock'}}", false},
		{"serve: {admin: {host: 0.0.0.0}}", true},
		{"serve: {admin: {host: '::'}}", true},
		{"serve: {admin: {host: ''}}", true},
		{"serve: {admin: {host: 10.0.0.1}}", true},
		{"serve: {admin: {host: localhost.example.com}}", true},
		{"cardea: {admin: {open: true}}", false},
		{"serve: {admin: {host: 0.0.0.0}}\ncardea: {admin: {open: true}}", false},
		{"cardea: {admin: {client_ca: /ca.pem}}", true},
		{"cardea: {admin: {client_ca: /ca.pem, open: true}}", true},
	} {
		equal(t, tt.text, load(t, nil, minimal, tt.text).AdminGuarded(), tt.guarded)
	}
}

func TestHalfATLSPairIsNoneAndWarnedAbout(t *testing.T) {
	tests := []struct {
		text        string
		on, warning bool
	}{
		{"", false, false},
		{"{key: {path: k}, cert: {path: c}}", true, false},
		{"{key: {base64: k}, cert: {base64: c}}", true, false},
		{"{key: {path: k}}", false, true},
		{"{key: {path: k}, cert: {base64: c}}", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			text := ""
			if tt.text != "" {
				text = "serve: {public: {tls: " + tt.text + "}}"
			}
			s := load(t, nil, minimal, text)
			equal(t, "on", s.Serve.Public.TLS.Enabled(), tt.on)
			equal(t, "warned", about(s.Warnings, "serve.public.tls"), tt.warning)
		})
	}
}

func TestCookiesAreSecureOutsideOfDevelopment(t *testing.T) {
	tests := []struct {
		name, text      string
		dev             bool
		all, ofSessions bool
	}{
		{"by default", "", false, true, true},
		{"not in development", "", true, false, false},
		{"on demand in development", "cookies: {secure: 'true'}", true, true, false},
		{"one of them", "session: {cookie: {secure: 'false'}}", false, true, false},
		{"no word is no answer", "cookies: {secure: ''}", false, true, true},
		{"development mode in a file is none", "dev: true", false, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := loadWith(t, config.Options{Flags: config.Flags{Dev: tt.dev}}, minimal, tt.text)
			equal(t, "cookies", s.Cookies.Secure, tt.all)
			equal(t, "session cookie", s.Session.Cookie.Secure, tt.ofSessions)
		})
	}
}

func TestSessionSettingsFallBack(t *testing.T) {
	s := load(t, nil, minimal, "cookies: {domain: example.com, same_site: Strict}\nsession: {lifespan: 3h}")
	equal(t, "domain", s.Session.Cookie.Domain, "example.com")
	equal(t, "path", s.Session.Cookie.Path, "/")
	equal(t, "same site", s.Session.Cookie.SameSite, "Strict")
	equal(t, "extension", s.Session.EarliestPossibleExtend, 3*time.Hour)
}

func TestATokenizerTemplateNeedsNoTTL(t *testing.T) {
	s := load(t, nil, minimal, "session: {whoami: {tokenizer: {templates: {jwt: {jwks_url: 'file:///k'}}}}}")
	equal(t, "template", s.Session.WhoAmI.Tokenizer.Templates["jwt"], config.TokenizerTemplate{JWKSURL: "file:///k", SubjectSource: "id"})
	equal(t, "warned", about(s.Warnings, "session.whoami.tokenizer.templates.jwt.ttl"), false)
}

func TestASessionThatIsNotRememberedLivesNoLongerThanOthers(t *testing.T) {
	s := load(t, nil, minimal, "{session: {lifespan: 1h}, cardea: {session: {remember_me: {enabled: true}}}}")
	equal(t, "lifespan", s.Cardea.Session.RememberMe.Lifespan, time.Hour)
	equal(t, "warned", about(s.Warnings, "cardea.session.remember_me.lifespan"), true)
	s = load(t, nil, minimal, "{cardea: {session: {remember_me: {enabled: true, lifespan: 10m}, idle_timeout: 1m, absolute_timeout: 720h}}}")
	equal(t, "lifespan", s.Cardea.Session.RememberMe.Lifespan, 10*time.Minute)
	equal(t, "idle", s.Cardea.Session.IdleTimeout, time.Minute)
	equal(t, "absolute", s.Cardea.Session.AbsoluteTimeout, 720*time.Hour)
}

func TestAnIdleTimeoutBelowAMinuteIsRefused(t *testing.T) {
	if _, err := config.Load(config.Options{Files: []string{write(t, "c.yml", minimal+"\ncardea: {session: {idle_timeout: 59s}}\n")}}); err == nil {
		t.Error("sessions end between two requests")
	}
}

func TestBcryptCostIsRaisedOutsideOfDevelopment(t *testing.T) {
	const text = "hashers: {bcrypt: {cost: 4}}"
	s := load(t, nil, minimal, text)
	equal(t, "cost", s.Hashers.Bcrypt, config.Bcrypt{Cost: 12, ConfiguredCost: 4})
	equal(t, "warned", about(s.Warnings, "hashers.bcrypt.cost"), true)
	s = load(t, []string{"DEV=true"}, minimal, text)
	equal(t, "cost in development", s.Hashers.Bcrypt, config.Bcrypt{Cost: 4, ConfiguredCost: 4})
	s = load(t, nil, minimal)
	equal(t, "default algorithm", s.Hashers.Algorithm, "bcrypt")
	equal(t, "default cost", s.Hashers.Bcrypt.Cost, 12)
}

func TestArgon2Sizes(t *testing.T) {
	s := load(t, nil, minimal)
	equal(t, "default", s.Hashers.Argon2.MemoryKiB, uint32(128*1024))
	if s.Hashers.Argon2.Parallelism < 2 {
		t.Errorf("parallelism %d, want twice the processors", s.Hashers.Argon2.Parallelism)
	}
	equal(t, "dedicated", s.Hashers.Argon2.DedicatedMemory, config.ByteSize(1<<30))
	s = load(t, nil, minimal, "hashers: {argon2: {memory: 1025B}}")
	equal(t, "rounded up", s.Hashers.Argon2.MemoryKiB, uint32(2))
}

func TestPagesAreBuiltInUnlessConfigured(t *testing.T) {
	const base = "serve: {public: {base_url: 'https://id.example.com/auth/'}}\n"
	s := load(t, nil, minimal, base+"selfservice: {flows: {login: {ui_url: 'https://app.example.com/login'}}}")
	f := s.SelfService.Flows
	equal(t, "configured", []any{f.Login.UIURL, f.Login.UIBuiltIn}, []any{"https://app.example.com/login", false})
	for name, flow := range map[string]config.Flow{"registration": f.Registration, "settings": f.Settings, "recovery": f.Recovery, "verification": f.Verification} {
		equal(t, name, []any{flow.UIURL, flow.UIBuiltIn}, []any{"https://id.example.com/auth/" + name, true})
	}
	equal(t, "error", []any{f.Error.UIURL, f.Error.UIBuiltIn}, []any{"https://id.example.com/auth/error", true})

	s = load(t, nil, minimal, base+"cardea: {account: {enabled: false}}")
	equal(t, "nowhere without the pages", []any{s.SelfService.Flows.Login.UIURL, s.SelfService.Flows.Login.UIBuiltIn}, []any{"", false})
	equal(t, "warned", about(s.Warnings, "selfservice.flows.login.ui_url"), true)
	equal(t, "but not about what is switched off", about(s.Warnings, "selfservice.flows.recovery.ui_url"), false)
}

func TestTheBarrierStandsByDefaultWhereThePageIsBuiltIn(t *testing.T) {
	const own = "selfservice: {flows: {login: {ui_url: 'https://app.example.com/login'}, settings: {ui_url: 'https://app.example.com/settings'}}}\n"
	for captcha, want := range map[string][3]string{ // a page of one's own, another one, a built-in page
		"": {config.CaptchaNever, config.CaptchaNever, config.CaptchaRisk},
		"cardea: {captcha: {provider: turnstile, service: {site_key: a, secret: b}}}":                  {config.CaptchaNever, config.CaptchaNever, config.CaptchaRisk},
		"cardea: {captcha: {when: risk}}":                                                              {config.CaptchaRisk, config.CaptchaRisk, config.CaptchaRisk},
		"cardea: {captcha: {when: never}}":                                                             {config.CaptchaNever, config.CaptchaNever, config.CaptchaNever},
		"cardea: {captcha: {when: always}}":                                                            {config.CaptchaAlways, config.CaptchaAlways, config.CaptchaAlways},
		"cardea: {captcha: {flows: {login: risk, registration: always}}}":                              {config.CaptchaRisk, config.CaptchaNever, config.CaptchaAlways},
		"cardea: {captcha: {when: always, flows: {login: never, registration: risk, settings: risk}}}": {config.CaptchaNever, config.CaptchaRisk, config.CaptchaRisk},
	} {
		c := &load(t, nil, minimal, own, captcha).Cardea.Captcha
		equal(t, captcha, [3]string{c.For("login"), c.For("settings"), c.For("registration")}, want)
	}
	c := &load(t, nil, minimal, "cardea: {account: {enabled: false}}").Cardea.Captcha
	equal(t, "without any pages", c.For("login"), config.CaptchaNever)
}

func TestFlowsOfAllKindsHaveOneShape(t *testing.T) {
	s := load(t, nil, minimal, `selfservice: {flows: {
  login: {lifespan: 5m, after: {default_browser_return_url: /all, hooks: [{hook: require_verified_address}], password: {default_browser_return_url: /password}}},
  registration: {enable_legacy_one_step: true, after: {password: {hooks: [{hook: session}, {hook: organization, config: 1, x: 2}, {hook: b2b_sso, x: 3}]}}},
  settings: {before: {hooks: [{hook: web_hook, config: {url: 'https://a', method: GET}}]}}}}`)
	f := &s.SelfService.Flows
	for _, name := range []string{"login", "registration", "settings", "recovery", "verification"} {
		if f.ByKind(name) == nil {
			t.Fatalf("no settings for %s", name)
		}
	}
	equal(t, "an unknown kind", f.ByKind("logout") == nil, true)
	equal(t, "login is always on", f.Login.Enabled && f.Settings.Enabled && f.Registration.Enabled, true)
	equal(t, "recovery is off", f.Recovery.Enabled || f.Verification.Enabled, false)
	equal(t, "lifespan", []time.Duration{f.Login.Lifespan, f.Recovery.Lifespan}, []time.Duration{5 * time.Minute, time.Hour})
	equal(t, "method's return URL", f.Login.After.ReturnURL("password"), "/password")
	equal(t, "flow's return URL", f.Login.After.ReturnURL("code"), "/all")
	equal(t, "hooks of the flow", f.Login.After.Hooks, []config.Hook{{Name: "require_verified_address"}})
	equal(t, "hooks of a method", f.Registration.After.Methods["password"].Hooks, []config.Hook{
		{Name: "session"}, {Name: "organization", Config: json.RawMessage("1")}, {Name: "b2b_sso", Config: json.RawMessage(`{"x":3}`)}})
	equal(t, "a hook's settings", string(f.Settings.Before.Hooks[0].Config), `{"method":"GET","url":"https://a"}`)
	equal(t, "legacy one step", f.Registration.Style, "unified")
}

func TestMethodsFillInWhatIsDerived(t *testing.T) {
	s := load(t, nil, minimal, `
serve: {public: {base_url: 'https://id.example.com/'}}
selfservice: {methods: {
  code: {enabled: false, passwordless_enabled: true},
  webauthn: {enabled: true, config: {rp: {id: example.com, display_name: E}}},
  passkey: {config: {rp: {id: example.com, display_name: E, origins: ['https://a.example.com']}}},
  oidc: {config: {providers: [{id: acme, provider: generic, client_id: c, client_secret: s, mapper_url: 'file:///m', requested_claims: {id_token: {email: null}}}]}}}}`)
	m := s.SelfService.Methods
	equal(t, "passwordless codes need codes", m.Code.Enabled, true)
	equal(t, "issuer", m.TOTP.Config.Issuer, "id.example.com")
	equal(t, "webauthn origins", m.WebAuthn.Config.RP.Origins, []string{"https://example.com"})
	equal(t, "passkey origins", m.Passkey.Config.RP.Origins, []string{"https://a.example.com"})
	equal(t, "redirects", m.OIDC.Config.BaseRedirectURI, "https://id.example.com/")
	equal(t, "provider", m.OIDC.Config.Providers, []config.OIDCProvider{{
		ID: "acme", Provider: "generic", Label: "acme", ClientID: "c", ClientSecret: "s", MapperURL: "file:///m",
		RequestedClaims: json.RawMessage(`{"id_token":{"email":null}}`), SubjectSource: "userinfo", ClaimsSource: "id_token",
		PKCE: "auto", AccountLinkingMode: "confirm_with_existing_credential", UpdateIdentityOnLogin: "never"}})
	equal(t, "sender", s.Courier.SMTP.FromAddress, "no-reply@id.example.com")
}

func TestReturnURLsAndOriginsThatOpenRedirectsAreDropped(t *testing.T) {
	tests := []struct {
		entry        string
		kept, legacy bool
	}{
		{"https://app.example.com/", true, true},
		{"https://*.example.com/x", true, true},
		{"https://*.example.co.uk", true, true},
		{"myapp://callback", true, true},
		{"/dashboard", true, true},
		{"dashboard", false, false},
		{"//evil.example", false, false},
		{"*", false, false},
		{"https://*", false, true},
		{"https://*.com", false, true},
		{"https://*.CO.UK", false, true},
		{"https://*.github.io", false, true},
		{"https://*foo.com", false, true},
		{"https://foo.*.com", false, true},
		{"https://a.*.example.com", false, true},
		{"https://*.*.example.com", false, true},
		{"https://example.*", false, true},
		{"https://*.localhost", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.entry, func(t *testing.T) {
			text, err := json.Marshal(map[string]any{"selfservice": map[string]any{"allowed_return_urls": []string{tt.entry}}})
			if err != nil {
				t.Fatal(err)
			}
			s := load(t, nil, minimal, string(text))
			equal(t, "kept", len(s.SelfService.AllowedReturnURLs) == 1, tt.kept)
			equal(t, "warned", about(s.Warnings, "selfservice.allowed_return_urls.0"), !tt.kept)
			s = load(t, nil, minimal, string(text), "feature_flags: {legacy_allow_insecure_origins: true}")
			equal(t, "kept with the legacy switch", len(s.SelfService.AllowedReturnURLs) == 1, tt.legacy)
		})
	}
	s := load(t, nil, minimal, "serve: {public: {cors: {allowed_origins: ['*', 'https://*.com', 'https://*.example.com', 'https://a.test']}}}")
	equal(t, "origins", s.Serve.Public.CORS.AllowedOrigins, []string{"*", "https://*.example.com", "https://a.test"})
	equal(t, "warned", about(s.Warnings, "serve.public.cors.allowed_origins.1"), true)
}

func TestAMissingDefaultSchemaIsWarnedAbout(t *testing.T) {
	equal(t, "present", about(load(t, nil, minimal).Warnings, "identity.default_schema_id"), false)
	equal(t, "missing", about(load(t, nil, minimal, "identity: {default_schema_id: other}").Warnings, "identity.default_schema_id"), true)
}

func TestTheMailboxIsForDevelopmentOnly(t *testing.T) {
	const text = "cardea: {development: {mailbox: true}}"
	equal(t, "in production", load(t, nil, minimal, text).Cardea.Development.Mailbox, false)
	equal(t, "in development", load(t, []string{"DEV=1"}, minimal, text).Cardea.Development.Mailbox, true)
}

func TestUnsupportedKeysAreReportedWithTheirSource(t *testing.T) {
	path := write(t, "c.yml", minimal+`
oauth2_provider: {url: 'https://hydra.example.com'}
session: {lifespan: 1h}
feature_flags: {cacheable_sessions: false, faster_session_extend: true}
log: {level: info}
`)
	flows := write(t, "f.yml", `
selfservice:
  default_browser_return_url: /
  methods: {link: {enabled: false, config: {lifespan: 1h}}}
  flows: {registration: {after: {password: {hooks: [{hook: session}, {hook: web_hook, config: {url: 'https://a', method: GET}}]}}}}
`)
	s, err := config.Load(config.Options{Files: []string{path, flows}, Environ: []string{"OAUTH2_PROVIDER_OVERRIDE_RETURN_TO=true"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[config.Issue]bool{}
	for _, i := range places(t, s.Unsupported) {
		got[i] = true
	}
	for _, key := range []string{"session", "log", "session.lifespan", "selfservice.methods.link", "feature_flags.cacheable_sessions", "selfservice.flows.registration.after.password.hooks.0.hook"} {
		equal(t, key+" is not reported", about(s.Unsupported, key), false)
	}
	if about(s.Unsupported, "oauth2_provider") {
		equal(t, "each source that sets a part of it", got[config.Issue{Key: "oauth2_provider", Source: path}] &&
			got[config.Issue{Key: "oauth2_provider", Source: "environment variable OAUTH2_PROVIDER_OVERRIDE_RETURN_TO"}], true)
	}
	if about(s.Unsupported, "selfservice.flows.registration.after.password.hooks.1.hook") {
		equal(t, "the file of the hook", got[config.Issue{Key: "selfservice.flows.registration.after.password.hooks.1.hook", Source: flows}], true)
	}
}

func TestProvidersWhosePeopleCouldBeMistakenAreRefused(t *testing.T) {
	provider := func(id string) string {
		return "{id: '" + id + "', provider: github, client_id: c, client_secret: s, mapper_url: 'base64://e30='}"
	}
	for ids, good := range map[[2]string]bool{
		{"a", "b"}: true, {"a", "ab"}: true, {"a:b", "c"}: true, {"a", "a"}: false, {"a", "a:b"}: false, {"a:b:c", "a:b"}: false,
	} {
		list := "selfservice: {methods: {oidc: {enabled: true, config: {providers: [" + provider(ids[0]) + ", " + provider(ids[1]) + "]}}}}"
		_, err := config.Load(config.Options{Files: []string{write(t, "a.yml", minimal), write(t, "b.yml", list)}, Hostname: "machine.example"})
		if (err == nil) != good {
			t.Errorf("%q beside %q: %v", ids[0], ids[1], err)
		}
	}
}
