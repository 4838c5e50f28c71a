package config_test

import (
	"strings"
	"testing"

	"cardea/internal/config"
)

func TestValidationNamesKeyAndSource(t *testing.T) {
	tests := []struct {
		name string
		text string
		keys []string
	}{
		{"unknown keys, at the top and below", "colour: red\nserve: {public: {colour: red}}", []string{"colour", "serve.public.colour"}},
		{"refused relatives of known keys", "serve: {admin: {cors: {enabled: true}}}", []string{"serve.admin.cors"}},
		{"all errors at once", "log: {level: warn}\nserve: {public: {port: 0}}\nsession: {lifespan: soon}", []string{"log.level", "serve.public.port", "session.lifespan"}},
		{"a boolean where the contract wants text", "cookies: {secure: true}\nsession: {cookie: {secure: false}}", []string{"cookies.secure", "session.cookie.secure"}},
		{"text that is no boolean either", "cookies: {secure: maybe}", []string{"cookies.secure"}},
		{"a section without content", "serve:", []string{"serve"}},
		{"a short secret", "secrets: {default: [short]}", []string{"secrets.default.0"}},
		{"a cipher without its secret", "ciphers: {algorithm: aes}", []string{"secrets.cipher"}},
		{"a duration beyond the clock", "session: {lifespan: 99999999999h}", []string{"session.lifespan"}},
		{"memory beyond argon2", "hashers: {argon2: {memory: 5000GB}}", []string{"hashers.argon2.memory"}},
		{"memory beyond memory", "hashers: {argon2: {dedicated_memory: 99EB}}", []string{"hashers.argon2.dedicated_memory"}},
		{"two exclusive switches", "selfservice: {methods: {code: {passwordless_enabled: true, mfa_enabled: true}}}", []string{"selfservice.methods.code"}},
		{"a method without its settings", "selfservice: {methods: {webauthn: {enabled: true}}}", []string{"selfservice.methods.webauthn.config"}},
		{"both spellings of origins", "selfservice: {methods: {webauthn: {config: {rp: {id: a, display_name: A, origin: 'https://a', origins: ['https://a']}}}}}", []string{"selfservice.methods.webauthn.config.rp"}},
		{"an unknown hook", "selfservice: {flows: {login: {after: {hooks: [{hook: dance}]}}}}", []string{"selfservice.flows.login.after.hooks.0.hook"}},
		{"a hook at the wrong place", "selfservice: {flows: {login: {after: {hooks: [{hook: session}]}}}}", []string{"selfservice.flows.login.after.hooks.0.hook"}},
		{"an incomplete hook, told by its name", "selfservice: {flows: {login: {after: {hooks: [{hook: web_hook, config: {url: 'https://a'}}]}}}}", []string{"selfservice.flows.login.after.hooks.0.config.method"}},
		{"hooks that contradict themselves", "selfservice: {flows: {login: {after: {hooks: [{hook: web_hook, config: {url: 'https://a', method: GET, response: {ignore: true, parse: true}}}]}}}}", []string{"selfservice.flows.login.after.hooks.0.config.response"}},
		{"an ignored answer that interrupts", "selfservice: {flows: {login: {after: {hooks: [{hook: web_hook, config: {url: 'https://a', method: GET, can_interrupt: true, response: {ignore: true}}}]}}}}", []string{"selfservice.flows.login.after.hooks.0.config"}},
		{"incomplete authentication of a hook", "selfservice: {flows: {login: {after: {hooks: [{hook: web_hook, config: {url: 'https://a', method: GET, auth: {type: basic_auth, config: {user: u}}}}]}}}}", []string{"selfservice.flows.login.after.hooks.0.config.auth.config.password"}},
		{"a wrong word inside a hook", "selfservice: {flows: {settings: {after: {profile: {hooks: [{hook: notify_previous_addresses, config: {recipients: some}}]}}}}}", []string{"selfservice.flows.settings.after.profile.hooks.0.config.recipients"}},
		{"a hook twice", "selfservice: {flows: {registration: {after: {password: {hooks: [{hook: session}, {hook: session}]}}}}}", []string{"selfservice.flows.registration.after.password.hooks"}},
		{"a provider without its fields", "selfservice: {methods: {oidc: {config: {providers: [{id: a, provider: microsoft, client_id: c, client_secret: s, mapper_url: 'file:///m'}]}}}}", []string{"selfservice.methods.oidc.config.providers.0.microsoft_tenant"}},
		{"a provider with another's fields", "selfservice: {methods: {oidc: {config: {providers: [{id: a, provider: google, client_id: c, client_secret: s, mapper_url: 'file:///m', microsoft_tenant: t}]}}}}", []string{"selfservice.methods.oidc.config.providers.0"}},
		{"an origin with two wildcards", "serve: {public: {cors: {allowed_origins: ['https://*.*.example.com']}}}", []string{"serve.public.cors.allowed_origins.0"}},
		{"a relative admin address", "serve: {admin: {base_url: /admin}}", []string{"serve.admin.base_url"}},
		{"a redirect target that is no address", "selfservice: {default_browser_return_url: 'http://%zz'}", []string{"selfservice.default_browser_return_url"}},
		{"no schemas", "identity: {schemas: []}", []string{"identity.schemas"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, path := write(t, "base.yml", minimal), write(t, "c.yml", tt.text)
			got := refused(t, config.Options{Files: []string{base, path}})
			var keys []string
			for _, i := range got {
				keys = append(keys, i.Key)
				if i.Source != path && i.Key != "secrets.cipher" {
					t.Errorf("%s: source %q, want %q", i.Key, i.Source, path)
				}
			}
			equal(t, "keys", keys, tt.keys)
		})
	}
}

func TestWhatEveryConfigurationNeedsIsRequired(t *testing.T) {
	got := refused(t, config.Options{Files: []string{write(t, "c.yml", "")}})
	var keys []string
	for _, i := range got {
		keys = append(keys, i.Key)
	}
	equal(t, "keys", keys, []string{"dsn", "identity.schemas", "selfservice.default_browser_return_url"})
}

func TestNoErrorShowsAValue(t *testing.T) {
	const canary = "CANARY"
	texts := map[string]string{
		"pattern": "courier: {smtp: {connection_uri: 'imap://user:CANARY@host'}}",
		"format":  "oauth2_provider: {url: 'CANARY'}",
		"length":  "secrets: {cipher: [CANARY]}",
		"enum":    "ciphers: {algorithm: CANARY}",
		"type":    "serve: CANARY",
		"const":   "selfservice: {methods: {password: {config: {migrate_hook: {config: {method: CANARY}}}}}}",
		"syntax":  "dsn: [CANARY",
		"double":  "secrets: {cookie: [CANARYCANARYCANARY, CANARYCANARYCANARY]}",
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.Options{Files: []string{write(t, "base.yml", minimal), write(t, "c.yml", text)}})
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestUnknownKeysInTolerantObjectsAreWarnedAbout(t *testing.T) {
	s := load(t, nil, minimal, "security: {colour: red}\nidentity: {schemas: [{id: default, url: 'file:///s', colour: red}]}\nsession: {whoami: {tokenizer: {templates: {a.b: {jwks_url: 'file:///k', ttl: 1m}}}}}")
	equal(t, "top", about(s.Warnings, "security.colour"), true)
	equal(t, "list element", about(s.Warnings, "identity.schemas.0.colour"), true)
	equal(t, "names of one's own are fine", about(s.Warnings, "session.whoami.tokenizer.templates.a.b"), false)
}
