package config_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardea/internal/config"
)

func TestLaterLayersWin(t *testing.T) {
	s := load(t, []string{"SESSION_COOKIE_NAME=from_env"}, minimal,
		"session: {lifespan: 2h, cookie: {name: from_file, domain: a.example}}",
		"session: {cookie: {domain: b.example}}")
	equal(t, "a schema default stays", s.Session.Cookie.Persistent, true)
	equal(t, "a file beats the default", s.Session.Lifespan, 2*time.Hour)
	equal(t, "a later file beats an earlier one", s.Session.Cookie.Domain, "b.example")
	equal(t, "the environment beats files", s.Session.Cookie.Name, "from_env")
}

func TestFilesReplaceLists(t *testing.T) {
	s := load(t, nil, minimal,
		"serve: {public: {cors: {exposed_headers: [A, B, C]}}}",
		"serve: {public: {cors: {exposed_headers: [D]}}}")
	equal(t, "exposed headers", s.Serve.Public.CORS.ExposedHeaders, []string{"D"})
}

func TestEveryFileFormatIsRead(t *testing.T) {
	texts := map[string]string{
		"c.yaml": "version: 2024-01-02\nserve: {public: {port: 1234, socket: {mode: 0700}}}\n" + minimal,
		"c.json": `{"version": "2024-01-02", "serve": {"public": {"port": 1234, "socket": {"mode": 448}}}, "dsn": "memory",
			"secrets": {"default": ["0123456789abcdef"]}, "identity": {"schemas": [{"id": "default", "url": "file:///schema.json"}]},
			"selfservice": {"default_browser_return_url": "https://app.example.com/"}}`,
		"c.toml": "version = 2024-01-02\ndsn = \"memory\"\n[serve.public]\nport = 1234\nsocket = {mode = 0o700}\n[secrets]\ndefault = [\"0123456789abcdef\"]\n" +
			"[[identity.schemas]]\nid = \"default\"\nurl = \"file:///schema.json\"\n[selfservice]\ndefault_browser_return_url = \"https://app.example.com/\"\n",
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			s, err := config.Load(config.Options{Files: []string{write(t, name, text)}})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "port", s.Serve.Public.Port, 1234)
			equal(t, "mode", uint32(s.Serve.Public.Socket.Mode), uint32(0o700))
			equal(t, "schemas", s.Identity.Schemas, []config.SchemaRef{{ID: "default", URL: "file:///schema.json"}})
			equal(t, "a date is text", s.Version, "2024-01-02")
		})
	}
}

func TestFilesThatCannotBeReadAreNamedAllAtOnce(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yml")
	extension := write(t, "c.ini", "")
	broken := write(t, "c.json", `{"dsn": `)
	list := write(t, "c.yml", "- a\n- b\n")
	found := map[string]bool{}
	for _, i := range refused(t, config.Options{Files: []string{missing, extension, broken, list}}) {
		found[i.Source] = true
	}
	equal(t, "sources", found, map[string]bool{missing: true, extension: true, broken: true, list: true})
}

func TestFlagsBeatFilesAndLoseToTheEnvironment(t *testing.T) {
	const key = "dev: true\nwatch-courier: true\n"
	tests := []struct {
		name       string
		flags      config.Flags
		environ    []string
		dev, watch bool
		warned     bool
	}{
		{"a file cannot switch development mode on", config.Flags{}, nil, false, false, true},
		{"flags can", config.Flags{Dev: true, WatchCourier: true}, nil, true, true, false},
		{"the environment can", config.Flags{}, []string{"DEV=true", "WATCH-COURIER=true"}, true, true, true},
		{"the environment can switch it off", config.Flags{Dev: true, WatchCourier: true}, []string{"DEV=false"}, false, true, false},
		{"an underscore does not spell a hyphen", config.Flags{}, []string{"WATCH_COURIER=true"}, false, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := loadWith(t, config.Options{Flags: tt.flags, Environ: tt.environ}, minimal, key)
			equal(t, "dev", s.Dev, tt.dev)
			equal(t, "watch-courier", s.WatchCourier, tt.watch)
			equal(t, "warned about the file", about(s.Warnings, "watch-courier"), tt.warned)
		})
	}
}

func TestVariablesThatTuneLeaveTheDevelopmentMode(t *testing.T) {
	defaults := config.Development("/var/lib/cardea data")
	for _, environ := range [][]string{
		nil, {"LOG_LEVEL=debug", "VERSION=7", "HOME=/root"}, {"CARDEA_ACCOUNT_NAME=Acme"}, {"SERVE_PUBLIC_PORT=80"},
		{"SESSION_LIFESPAN=1h", "SELFSERVICE_METHODS_CODE_ENABLED=true"}, {"COURIER_SMTP_CONNECTION_URI=smtp://127.0.0.1:1025/"}, {"DEV=false"},
	} {
		s, err := config.Load(config.Options{Defaults: defaults, Environ: environ})
		if err != nil {
			t.Fatalf("with %v: %v", environ, err)
		}
		equal(t, "development", s.Development, true)
		equal(t, "dev", s.Dev, !slices.Contains(environ, "DEV=false"))
		equal(t, "reachable from here only", []string{s.Serve.Public.Host, s.Serve.Admin.Host}, []string{"127.0.0.1", "127.0.0.1"})
	}
}

func TestVariablesThatInstallEndTheDevelopmentMode(t *testing.T) {
	defaults := config.Development("/var/lib/cardea data")
	for key, variable := range map[string]string{
		"dsn": "DSN=memory", "secrets.default": "SECRETS_DEFAULT=0123456789abcdef", "secrets.cipher.0": "SECRETS_CIPHER_0=0123456789abcdef0123456789abcdef",
		"identity.schemas": `IDENTITY_SCHEMAS=[{"id":"a","url":"file:///a"}]`, "serve.public.host": "SERVE_PUBLIC_HOST=0.0.0.0",
		"serve.admin.host": "SERVE_ADMIN_HOST=0.0.0.0", "serve.public.base_url": "SERVE_PUBLIC_BASE_URL=https://id.example.org/",
		"serve.public.tls.key.path": "SERVE_PUBLIC_TLS_KEY_PATH=/k", "serve.admin.socket.mode": "SERVE_ADMIN_SOCKET_MODE=493",
		"serve": `SERVE={"public":{"host":"::"}}`, "selfservice.default_browser_return_url": "SELFSERVICE_DEFAULT_BROWSER_RETURN_URL=/",
	} {
		name, _, _ := strings.Cut(variable, "=")
		issues := refused(t, config.Options{Defaults: defaults, Environ: []string{variable}})
		named := slices.ContainsFunc(issues, func(i config.Issue) bool { return i.Key == key && i.Source == "environment variable "+name })
		equal(t, variable+" is named as what ended it", named, true)
	}
	s := loadWith(t, config.Options{Defaults: defaults}, minimal)
	equal(t, "development with a file", s.Development || s.Dev, false)
}

func TestDevelopmentAddressesFollowThePorts(t *testing.T) {
	s, err := config.Load(config.Options{Defaults: config.Development("/d"), Environ: []string{"SERVE_PUBLIC_PORT=5000", "SERVE_ADMIN_PORT=5001"}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "public base URL", s.Serve.Public.BaseURLRaw, "http://127.0.0.1:5000/")
	equal(t, "admin base URL", s.Serve.Admin.BaseURLRaw, "http://127.0.0.1:5001/")
	equal(t, "return URL", s.SelfService.DefaultBrowserReturnURL, "http://127.0.0.1:5000/")
	equal(t, "login page", s.SelfService.Flows.Login.UIURL, "http://127.0.0.1:5000/login")
}

func TestDevelopmentDefaultsAreCompleteAndPrivate(t *testing.T) {
	kept := func(dir string) ([]string, error) { return []string{dir + " secret secret"}, nil }
	s, err := config.Load(config.Options{Defaults: config.Development("/data dir"), PersistedSecrets: kept})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "public host", s.Serve.Public.Host, "127.0.0.1")
	equal(t, "admin host", s.Serve.Admin.Host, "127.0.0.1")
	equal(t, "public base URL", s.Serve.Public.BaseURLRaw, "http://127.0.0.1:4433/")
	equal(t, "return URL", s.SelfService.DefaultBrowserReturnURL, "http://127.0.0.1:4433/")
	equal(t, "login page", s.SelfService.Flows.Login.UIURL, "http://127.0.0.1:4433/login")
	equal(t, "dsn", s.DSN, "sqlite:///data%20dir/cardea.db?_fk=true&mode=rwc")
	equal(t, "mailbox", s.Cardea.Development.Mailbox, true)
	equal(t, "breach check", s.SelfService.Methods.Password.Config.HaveIBeenPwnedEnabled, true)
	equal(t, "session after registration", s.SelfService.Flows.Registration.After.Methods["password"].Hooks, []config.Hook{{Name: "session"}})
	equal(t, "cookie secrets", s.Secrets.Cookie, []string{"/data dir secret secret"})
	equal(t, "warnings", len(s.Warnings), 0)
	equal(t, "unsupported", len(s.Unsupported), 0)
	text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Identity.Schemas[0].URL, "base64://"))
	if err != nil || !json.Valid(text) {
		t.Errorf("the identity schema is not JSON in base64: %v", err)
	}
}

func TestPersistedSecretsOnlyFillInForMissingOnes(t *testing.T) {
	const none = `
dsn: memory
identity: {schemas: [{id: default, url: "file:///schema.json"}]}
selfservice: {default_browser_return_url: "https://app.example.com/"}
cardea: {data_dir: /data}
`
	kept := config.Options{PersistedSecrets: func(dir string) ([]string, error) { return []string{"kept in " + dir}, nil }}
	s := loadWith(t, kept, none)
	equal(t, "default", s.Secrets.Default, []string{"kept in /data"})
	equal(t, "cookie", s.Secrets.Cookie, []string{"kept in /data"})
	equal(t, "pagination", s.Secrets.Pagination, []string{"kept in /data"})
	equal(t, "configured secrets", loadWith(t, kept, minimal).Secrets.Default, []string{"0123456789abcdef"})
	equal(t, "without them there is a warning", about(load(t, nil, none).Warnings, "secrets.default"), true)

	broken := errors.New("disk")
	_, err := config.Load(config.Options{Files: []string{write(t, "c.yml", none)},
		PersistedSecrets: func(string) ([]string, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("Load: got %v, want the error of PersistedSecrets", err)
	}
}

func TestSkippingValidationKeepsWhatCanBeRead(t *testing.T) {
	s, err := config.Load(config.Options{SkipValidation: true, Files: []string{
		write(t, "c.yml", "dsn: memory\nsession: {lifespan: soon}\nserve: {public: {port: many, base_url: 'http://%zz'}}\nsecrets:\n")}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "dsn", s.DSN, "memory")
	equal(t, "the errors are warnings", about(s.Warnings, "session.lifespan"), true)
}

func TestASnapshotPrintsNothingOfItself(t *testing.T) {
	s := load(t, nil, minimal)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "config", s)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), log.String()} {
		if strings.Contains(text, "0123456789abcdef") {
			t.Errorf("a secret was printed: %s", text)
		}
	}
}
