package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/cli/doctor"
	"cardea/internal/config"
)

// goodSecret is one that nobody finds fault with.
const goodSecret = "7f3e9a1c5b2d8e4f6a0c9b7d3e1f5a2c"

// healthy is a configuration without any finding; a case lays its own over it.
const healthy = `
dsn: sqlite:///var/lib/cardea.db?_fk=true
serve: {public: {base_url: "https://id.cardea.test/"}, admin: {host: 127.0.0.1}}
secrets: {default: [` + goodSecret + `]}
courier: {smtp: {connection_uri: "smtps://user:mail-password@mail.cardea.test/", from_address: "no-reply@cardea.test"}}
identity: {default_schema_id: default, schemas: [{id: default, url: "base64://e30="}]}
selfservice: {default_browser_return_url: "https://id.cardea.test/"}
`

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// patient is healthy but for what config says; change can do the rest.
func patient(t *testing.T, text string, change func(*doctor.Patient)) *doctor.Patient {
	t.Helper()
	var files []string
	for n, content := range []string{healthy, text} {
		if content == "" {
			continue
		}
		file := filepath.Join(t.TempDir(), string(rune('a'+n))+".yml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	dev := strings.Contains(text, "# dev")
	snapshot, err := config.Load(config.Options{Files: files, Hostname: "machine.cardea.test", Flags: config.Flags{Dev: dev}})
	if err != nil {
		t.Fatal(err)
	}
	p := &doctor.Patient{
		Config: snapshot, Now: now, Built: now.AddDate(0, -1, 0), DeliversMail: snapshot.Courier.SMTP.ConnectionURI != "",
		Database: func(context.Context) (doctor.Database, error) {
			return doctor.Database{NewestApplied: now.AddDate(0, 0, -1)}, nil
		},
		Documents:  func(context.Context) ([]string, error) { return nil, nil },
		Mail:       func(context.Context) error { return nil },
		ServerTime: func(context.Context) (time.Time, error) { return now.Add(time.Second), nil },
	}
	if change != nil {
		change(p)
	}
	return p
}

// found is the examination in short: "check severity key".
func found(t *testing.T, p *doctor.Patient) (short []string) {
	t.Helper()
	for _, c := range doctor.Checks() {
		for _, f := range c.Examine(t.Context(), p) {
			if f.What == "" || f.Remedy == "" {
				t.Errorf("%s %s: a finding says what it is and how to mend it", f.Check, f.Key)
			}
			for _, private := range []string{goodSecret, "mail-password"} {
				if strings.Contains(f.What+f.Remedy, private) {
					t.Errorf("%s %s shows a secret", f.Check, f.Key)
				}
			}
			short = append(short, strings.TrimSpace(strings.Join([]string{f.Check, string(f.Severity), f.Key}, " ")))
		}
	}
	slices.Sort(short)
	return short
}

func TestFindings(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		config string
		change func(*doctor.Patient)
		want   []string
	}{
		{name: "a healthy installation has none"},
		{"a key that has no effect yet", "", func(p *doctor.Patient) {
			c := *p.Config
			c.Unsupported = []config.Issue{{Key: "tracing", Source: "x.yml", Reason: "traces are not sent"}}
			p.Config = &c
		}, []string{"configuration warning tracing"}},
		{"a warning of loading is passed on", "log: {level: info}\nhashers: {bcrypt: {cost: 4}}", nil, []string{"configuration warning hashers.bcrypt.cost"}},
		{"a document that cannot be read", "", func(p *doctor.Patient) {
			p.Documents = func(context.Context) ([]string, error) { return nil, broken }
		}, []string{"documents problem"}},
		{"a template that warns", "", func(p *doctor.Patient) {
			p.Documents = func(context.Context) ([]string, error) { return []string{"a body is empty"}, nil }
		}, []string{"documents warning courier.templates"}},
		{"a file with places that cannot be read", "", func(p *doctor.Patient) { p.Places = func() error { return broken } }, []string{"places problem cardea.geoip.file"}},
		{"a file with places", "", func(p *doctor.Patient) { p.Places = func() error { return nil } }, nil},

		{"a sample secret", "secrets: {default: [PLEASE-CHANGE-ME-I-AM-VERY-INSECURE]}", nil, []string{"secrets problem secrets.default.0"}},
		{"a secret of one letter", "secrets: {cookie: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]}", nil, []string{"secrets problem secrets.cookie.0"}},
		{"a short secret behind a good one", "secrets: {default: [" + goodSecret + ", 4f6a0c9b7d3e1f5a2c]}", nil, []string{"secrets warning secrets.default.1"}},
		{"generated secrets", "", func(p *doctor.Patient) { p.GeneratedSecrets = true }, []string{"secrets warning secrets.default"}},
		{"samples do in development", "secrets: {default: [PLEASE-CHANGE-ME-I-AM-VERY-INSECURE]} # dev\nserve: {public: {base_url: 'http://127.0.0.1:4433/'}}", nil, nil},

		{"a database that does not open", "", func(p *doctor.Patient) {
			p.Database = func(context.Context) (doctor.Database, error) { return doctor.Database{}, broken }
		}, []string{"database problem dsn"}},
		{"pending migrations", "", func(p *doctor.Patient) {
			p.Database = func(context.Context) (doctor.Database, error) { return doctor.Database{Pending: 2}, nil }
		}, []string{"database problem dsn"}},
		{"parameters of the DSN that nobody knows", "", func(p *doctor.Patient) {
			p.Database = func(context.Context) (doctor.Database, error) {
				return doctor.Database{Warnings: []string{"x is not known"}}, nil
			}
		}, []string{"database warning dsn"}},
		{"a database in memory", "dsn: memory", nil, []string{"database warning dsn"}},

		{"a clock before the program was made", "", func(p *doctor.Patient) { p.Built = now.Add(25 * time.Hour) }, []string{"clock problem"}},
		{"a clock behind the database's", "", func(p *doctor.Patient) {
			p.Database = func(context.Context) (doctor.Database, error) {
				return doctor.Database{NewestApplied: now.Add(time.Hour)}, nil
			}
		}, []string{"clock problem"}},
		{"a clock apart from the server's", "", func(p *doctor.Patient) {
			p.ServerTime = func(context.Context) (time.Time, error) { return now.Add(-11 * time.Second), nil }
		}, []string{"clock problem"}},
		{"a server that is not running", "", func(p *doctor.Patient) {
			p.ServerTime = func(context.Context) (time.Time, error) { return time.Time{}, broken }
		}, nil},

		{"a mail server that refuses", "", func(p *doctor.Patient) { p.Mail = func(context.Context) error { return broken } }, []string{"mail problem courier.smtp.connection_uri"}},
		{"recovery without a way to send mail", "selfservice: {flows: {recovery: {enabled: true}}, methods: {code: {enabled: true}}}", func(p *doctor.Patient) { p.DeliversMail = false },
			[]string{"mail problem courier.smtp.connection_uri"}},
		{"no mail and no need of any", "", func(p *doctor.Patient) { p.DeliversMail = false }, nil},
		{"mail without encryption", "courier: {smtp: {connection_uri: 'smtp://mail.cardea.test/?disable_starttls=true'}}", nil, []string{"mail warning courier.smtp.connection_uri"}},
		{"mail to whoever answers", "courier: {smtp: {connection_uri: 'smtps://mail.cardea.test/?skip_ssl_verify=true'}}", nil, []string{"mail warning courier.smtp.connection_uri"}},
		{"a sender at localhost", "courier: {smtp: {from_address: no-reply@localhost}}", nil, []string{"mail problem courier.smtp.from_address"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, found(t, patient(t, tt.config, tt.change))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindingsOfCookies(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string
	}{
		{"http outside of this machine", "serve: {public: {base_url: 'http://id.cardea.test/'}}",
			[]string{"cookies problem cookies.secure", "cookies problem session.cookie.secure"}},
		{"http on this machine", "serve: {public: {base_url: 'http://localhost:4433/'}}", nil},
		{"a session cookie without Secure", "session: {cookie: {secure: 'false'}}", []string{"cookies warning session.cookie.secure"}},
		{"SameSite None without Secure", "cookies: {secure: 'false', same_site: None}\nserve: {public: {base_url: 'http://localhost:4433/'}}\nsession: {cookie: {same_site: Lax}}",
			[]string{"cookies problem cookies.same_site"}},
		{"a domain of somebody else", "session: {cookie: {domain: other.test}}", []string{"cookies problem session.cookie.domain"}},
		{"a domain below", "session: {cookie: {domain: a.id.cardea.test}}", []string{"cookies problem session.cookie.domain"}},
		{"a domain that only ends alike", "session: {cookie: {domain: area.test}}", []string{"cookies problem session.cookie.domain"}},
		{"a domain above", "cookies: {domain: cardea.test}", nil},
		{"the domain of a whole country", "session: {cookie: {domain: co.uk}}\nserve: {public: {base_url: 'https://id.cardea.co.uk/'}}", []string{"cookies problem session.cookie.domain"}},
		{"an address for a domain", "session: {cookie: {domain: 127.0.0.1}}\nserve: {public: {base_url: 'http://127.0.0.1:4433/'}}", []string{"cookies problem session.cookie.domain"}},
		{"a path beside", "session: {cookie: {path: /auth}}", []string{"cookies problem session.cookie.path"}},
		{"the path of the base URL", "cookies: {path: /auth}\nserve: {public: {base_url: 'https://id.cardea.test/auth/'}}", nil},
		{"a path that only begins alike", "session: {cookie: {path: /auth}}\nserve: {public: {base_url: 'https://id.cardea.test/authors/'}}", []string{"cookies problem session.cookie.path"}},

		{"pages on another site", "selfservice: {flows: {login: {ui_url: 'https://app.elsewhere.test/login'}}}", []string{"cookies problem selfservice.flows.login.ui_url"}},
		{"pages on a sibling", "selfservice: {flows: {login: {ui_url: 'https://app.cardea.test/login'}}}", []string{"cookies warning selfservice.flows.login.ui_url"}},
		{"pages on a sibling of one domain", "session: {cookie: {domain: cardea.test}}\nselfservice: {flows: {login: {ui_url: 'https://app.cardea.test/login'}}}", nil},
		{"pages on another port", "selfservice: {flows: {login: {ui_url: 'https://id.cardea.test:8443/login'}}}", nil},
		{"pages without TLS", "selfservice: {flows: {login: {ui_url: 'http://id.cardea.test/login'}}}", []string{"cookies problem selfservice.flows.login.ui_url"}},
		{"pages whose origin may not fetch", "serve: {public: {cors: {enabled: true, allowed_origins: ['https://*.cardea.test']}}}\nselfservice: {flows: {login: {ui_url: 'https://id.cardea.test:8443/login'}}}",
			[]string{"cookies warning serve.public.cors.allowed_origins"}},
		{"pages whose origin may fetch", "serve: {public: {cors: {enabled: true, allowed_origins: ['https://id.cardea.test:8443']}}}\nselfservice: {flows: {login: {ui_url: 'https://id.cardea.test:8443/login'}}}", nil},
		{"fetching without cookies", "serve: {public: {cors: {enabled: true, allow_credentials: false}}}\nselfservice: {flows: {login: {ui_url: 'https://id.cardea.test:8443/login'}}}",
			[]string{"cookies warning serve.public.cors.allow_credentials"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, found(t, patient(t, tt.config, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAConfigurationThatDoesNotLoadHasAFindingForEveryKey(t *testing.T) {
	got := doctor.Invalid(&config.InvalidError{Issues: []config.Issue{{Key: "a", Source: "x.yml", Reason: "wrong"}, {Key: "b", Reason: "missing"}}})
	if len(got) != 2 || got[0].Key != "a" || got[1].Key != "b" || got[0].Severity != doctor.Problem || !strings.Contains(got[0].Remedy, "x.yml") {
		t.Errorf("got %+v", got)
	}
}
