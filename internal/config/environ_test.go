package config_test

import (
	"testing"

	"cardea/internal/config"
)

func TestEnvironmentVariablesAreCastBySchemaType(t *testing.T) {
	s := load(t, []string{
		"SERVE_PUBLIC_BASE_URL=https://id.example.com/auth/",
		"SERVE_PUBLIC_PORT=8080",
		"SERVE_PUBLIC_CORS_ENABLED=1",
		"TRACING_PROVIDERS_OTLP_SAMPLING_SAMPLING_RATIO=0.5",
		"OAUTH2_PROVIDER_HEADERS={\"X-A\":\"b\"}",
		"COOKIES_SECURE=false",
		"SELFSERVICE_METHODS_PASSWORD_CONFIG_HAVEIBEENPWNED_ENABLED=F",
		"serve_admin_port=9090",
		"SERVE_PUBLIC_NOTHING=1",
		"UNRELATED",
		"=",
	}, minimal)
	equal(t, "text", s.Serve.Public.BaseURLRaw, "https://id.example.com/auth/")
	equal(t, "integer", s.Serve.Public.Port, 8080)
	equal(t, "boolean", s.Serve.Public.CORS.Enabled, true)
	equal(t, "number", s.Tracing.Providers.OTLP.Sampling.SamplingRatio, 0.5)
	equal(t, "object", s.OAuth2Provider.Headers, map[string]string{"X-A": "b"})
	equal(t, "text that looks like a boolean", s.Cookies.Secure, false)
	equal(t, "boolean word", s.SelfService.Methods.Password.Config.HaveIBeenPwnedEnabled, false)
	equal(t, "letter case does not matter", s.Serve.Admin.Port, 9090)
}

func TestBooleanThatIsNoneCountsAsFalseWithAWarning(t *testing.T) {
	s := load(t, []string{"SERVE_PUBLIC_CORS_ALLOW_CREDENTIALS=yes"}, minimal)
	equal(t, "value", s.Serve.Public.CORS.AllowCredentials, false)
	equal(t, "warned", about(s.Warnings, "serve.public.cors.allow_credentials"), true)
}

func TestEnvironmentLists(t *testing.T) {
	const file = "serve: {public: {cors: {exposed_headers: [A, B, C]}}}"
	tests := []struct {
		name    string
		environ []string
		want    []string
	}{
		{"comma separated values lie over the file's elements", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS=X,Y"}, []string{"X", "Y", "C"}},
		{"quotes are honoured", []string{`SERVE_PUBLIC_CORS_EXPOSED_HEADERS="X,Y",Z`}, []string{"X,Y", "Z", "C"}},
		{"a JSON array does the same", []string{`SERVE_PUBLIC_CORS_EXPOSED_HEADERS=["X"]`}, []string{"X", "B", "C"}},
		{"a longer list grows it", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS=V,W,X,Y"}, []string{"V", "W", "X", "Y"}},
		{"single elements", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS_0=X"}, []string{"X", "B", "C"}},
		{"a single element beats the whole list", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS_1=Z", "SERVE_PUBLIC_CORS_EXPOSED_HEADERS=X,Y"}, []string{"X", "Z", "C"}},
		{"an empty list changes nothing", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS="}, []string{"A", "B", "C"}},
		{"an index out of all proportion is no index", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS_1000000000=X"}, []string{"A", "B", "C"}},
		{"an index has one spelling", []string{"SERVE_PUBLIC_CORS_EXPOSED_HEADERS_00=X"}, []string{"A", "B", "C"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			equal(t, "exposed headers", load(t, tt.environ, minimal, file).Serve.Public.CORS.ExposedHeaders, tt.want)
		})
	}
}

func TestEnvironmentFieldsOfListElementsJoinTheFileElement(t *testing.T) {
	s := load(t, []string{"IDENTITY_SCHEMAS_0_SELFSERVICE_SELECTABLE=true", "IDENTITY_SCHEMAS_1_ID=second", "IDENTITY_SCHEMAS_1_URL=file:///second.json"}, minimal)
	equal(t, "schemas", s.Identity.Schemas, []config.SchemaRef{
		{ID: "default", URL: "file:///schema.json", SelfserviceSelectable: true},
		{ID: "second", URL: "file:///second.json"},
	})
}

func TestEnvironmentTrapsAreRefusedByName(t *testing.T) {
	variable := func(key, name string) config.Issue {
		return config.Issue{Key: key, Source: "environment variable " + name}
	}
	tests := []struct {
		name    string
		environ string
		want    config.Issue
	}{
		{"digits alone are no list", "SECRETS_DEFAULT=1234567890123456", variable("secrets.default", "SECRETS_DEFAULT")},
		{"a JSON word is no list", "SECRETS_DEFAULT=true", variable("secrets.default", "SECRETS_DEFAULT")},
		{"a gap is null", "IDENTITY_SCHEMAS_1_ID=second", variable("identity.schemas.0", "IDENTITY_SCHEMAS_1_ID")},
		{"an object list is JSON only", "IDENTITY_SCHEMAS=a,b", variable("identity.schemas", "IDENTITY_SCHEMAS")},
		{"an object is JSON only", "SERVE=0.0.0.0", variable("serve", "SERVE")},
		{"a number is a number", "SERVE_PUBLIC_PORT=http", variable("serve.public.port", "SERVE_PUBLIC_PORT")},
		{"a broken quote is no list", `SECRETS_DEFAULT="abc`, variable("secrets.default", "SECRETS_DEFAULT")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := refused(t, config.Options{Files: []string{write(t, "c.yml", minimal)}, Environ: []string{tt.environ}})
			equal(t, "first issue", got[0], tt.want)
		})
	}
}

func TestTheEnvironmentAloneCanConfigureEverything(t *testing.T) {
	s := load(t, []string{
		"DSN=memory", "SECRETS_DEFAULT_0=0123456789abcdef",
		`IDENTITY_SCHEMAS=[{"id":"default","url":"file:///schema.json"}]`,
		"SELFSERVICE_DEFAULT_BROWSER_RETURN_URL=/home",
	})
	equal(t, "dsn", s.DSN, "memory")
	equal(t, "secrets", s.Secrets.Default, []string{"0123456789abcdef"})
	equal(t, "return URL", s.SelfService.DefaultBrowserReturnURL, "/home")
	equal(t, "development", s.Development, false)
}

// FuzzEnvironment feeds any text to keys of every type: loading ends with a
// snapshot or with issues, and never blames another key's source.
func FuzzEnvironment(f *testing.F) {
	names := []string{"SERVE_PUBLIC_PORT", "DEV", "SECRETS_DEFAULT", "SECRETS_DEFAULT_1", "IDENTITY_SCHEMAS", "SERVE",
		"SESSION_LIFESPAN", "TRACING_PROVIDERS_OTLP_SAMPLING_SAMPLING_RATIO", "HASHERS_ARGON2_MEMORY", "SERVE_PUBLIC_BASE_URL",
		"SELFSERVICE_METHODS_OIDC_CONFIG_PROVIDERS_0", "SELFSERVICE_FLOWS_LOGIN_AFTER_HOOKS", "SESSION_WHOAMI_TOKENIZER_TEMPLATES"}
	for i, text := range []string{"", "1", "true", "a,b", `"a`, "[1]", `[{"id":"x"}]`, "{}", "null", "1e999", "9999999999999999999h", "[[[]]]", `{"a":{"b":[1]}}`, "\x00", "%zz"} {
		f.Add(uint8(i), text)
	}
	file := f.TempDir() + "/c.json"
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		overwrite(t, file, `{"dsn":"memory","identity":{"schemas":[{"id":"default","url":"file:///s.json"}]},"selfservice":{"default_browser_return_url":"/"}}`)
		name := names[int(which)%len(names)]
		s, err := config.Load(config.Options{Files: []string{file}, Environ: []string{name + "=" + text}, Hostname: "h"})
		if err == nil {
			if s.Serve.Public.BaseURL == nil {
				t.Error("a snapshot without a base URL")
			}
			return
		}
		for _, i := range refused(t, config.Options{Files: []string{file}, Environ: []string{name + "=" + text}}) {
			if i.Source != "environment variable "+name && i.Source != file {
				t.Errorf("the issue about %q blames %q", i.Key, i.Source)
			}
		}
	})
}
