// Package archtest holds the house together: who may import whom, as a test that
// gives the reason.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list` tells of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// layer says what a part of the house may import of the house. A part is a path
// below internal/, and stands for everything below it.
type layer struct {
	part string
	may  []string
	why  string
}

var layers = []layer{
	{"problem", nil, "what may be told of an error is known to everybody, so it knows nobody"},
	{"clock", nil, "a leaf"},
	{"trace", []string{"clock"}, "a leaf: whoever does something can say how long it took"},
	{"secret", []string{"problem"}, "secrets are made and checked without knowing what for"},
	{"ui", nil, "nodes and messages are data"},
	{"breach", nil, "a leaf: a file and what is in it"},
	{"jsonnet", []string{"trace"}, "a leaf: it evaluates what it is given"},
	{"geo", nil, "a leaf: where addresses are"},
	{"fetch", []string{"clock", "trace"}, "the one way out knows only the time"},
	{"payload", []string{"problem"}, "reading a body needs no more than a way to complain"},
	{"config", []string{"api"}, "a snapshot is plain data; those who use it come to it"},
	{"captcha", []string{"secret"}, "a leaf: it judges answers, and others decide who has to give one"},
	{"gate", []string{"clock"}, "domain: how often something may be guessed, whatever it is"},
	{"risk", []string{"geo"}, "domain: what is unusual, whoever asks"},
	{"telemetry", []string{"trace"}, "a leaf: it is told, it does not ask"},
	{"identity", []string{"payload", "problem", "secret"}, "domain: no SQL, no HTTP, no configuration"},
	{"jose", nil, "a leaf: keys and tokens"},
	{"apikey", []string{"problem", "secret"}, "domain: no SQL, no HTTP, no configuration"},
	{"session", []string{"identity", "secret", "jose", "problem", "clock"}, "domain: no SQL, no HTTP, no configuration"},
	{"audit", []string{"clock"}, "domain: no SQL, no HTTP, no configuration"},
	{"org", []string{"problem"}, "domain: no SQL, no HTTP, no configuration"},
	{"oauth2", []string{"config", "problem"}, "calls to the OAuth2 server, over the one way out"},
	{"flow", []string{"risk", "audit", "captcha", "gate", "org", "oauth2", "geo", "identity", "session", "ui", "config", "payload", "problem", "secret", "clock", "trace"}, "the engine declares the stores it needs"},
	{"method", []string{"org", "flow", "identity", "session", "ui", "config", "payload", "problem", "secret", "clock", "fetch", "jose", "breach"}, "methods never know each other, the store or the wire"},
	{"errand", []string{"relay", "flow", "config", "secret", "clock"}, "errands are written by journeys and the store, and run without knowing what they say"},
	{"event", []string{"risk", "errand", "flow", "identity", "session", "config", "clock", "fetch"}, "what happened is said by those who know, over the one way out"},
	{"hook", []string{"errand", "flow", "identity", "session", "ui", "config", "payload", "clock", "fetch", "jsonnet", "problem"}, "calls that the engine asks for, over the one way out"},
	{"courier", []string{"relay", "flow", "identity", "config", "ui", "secret", "clock", "fetch", "jsonnet", "problem"}, "messages are written by journeys and sent by nobody else"},
	{"relay", []string{"clock"}, "what waits is handed on without knowing what it is"},
	{"task", []string{"clock"}, "background work is told what to do"},
	{"store", []string{"risk", "audit", "gate", "org", "apikey", "flow", "identity", "session", "ui", "problem", "clock", "trace"}, "rows of the domain, and nobody above it"},
	{"httpapi", []string{"audit", "captcha", "gate", "org", "apikey", "flow", "identity", "session", "ui", "config", "payload", "problem", "secret", "clock", "trace"}, "an edge: never the store, never another edge"},
	{"account", []string{"risk", "flow", "identity", "session", "ui", "config", "problem", "secret", "web"}, "an edge: a client of the journeys like any other"},
	{"cli", []string{"audit", "breach", "org", "apikey", "app", "config", "store", "telemetry", "jsonnet", "fetch", "secret", "identity", "clock", "problem"}, "an edge that builds what it needs through app"},
}

// onlyFrom says which parts may import something that has one home.
var onlyFrom = []struct {
	module string
	homes  []string
	why    string
}{
	{"modernc.org/sqlite", []string{"store"}, "SQL lives in one place"},
	{"modernc.org/libc", []string{"store"}, "memory that SQLite knows is its neighbour's business only"},
	{"github.com/jackc/pgx", []string{"store"}, "SQL lives in one place"},
	{"github.com/go-sql-driver/mysql", []string{"store"}, "SQL lives in one place"},
	{"github.com/pressly/goose", []string{"store"}, "migrations belong to the tables"},
	{"database/sql", []string{"store"}, "SQL lives in one place"},
	{"github.com/santhosh-tekuri/jsonschema", []string{"identity/schema", "config"}, "schemas are compiled where they are owned"},
	{"github.com/prometheus", []string{"telemetry"}, "metrics have one home"},
	{"github.com/knadh/koanf", []string{"config"}, "configuration has one home"},
	{"github.com/spf13/cobra", []string{"cli"}, "the command line has one home"},
	{"github.com/go-crypt/crypt", []string{"secret"}, "hashes have one home"},
	{"golang.org/x/crypto", []string{"secret"}, "cryptography has one home"},
	{"github.com/nyaruka/phonenumbers", []string{"identity"}, "addresses are normalised in one place"},
	{"github.com/evanphx/json-patch", []string{"identity"}, "patches are a rule of identities"},
	{"html/template", []string{"account", "courier"}, "pages and mails are the only HTML there is"},
	{"github.com/go-jose/go-jose", []string{"jose"}, "keys and tokens have one home"},
	{"github.com/google/go-jsonnet", []string{"jsonnet"}, "Jsonnet runs in child processes only"},
	{"github.com/pquerna/otp", []string{"method/totp"}, "authenticator apps have one home"},
	{"rsc.io/qr", []string{"method/totp"}, "authenticator apps have one home"},
	{"github.com/wneessen/go-mail", []string{"courier"}, "mail has one home"},
	{"github.com/coreos/go-oidc", []string{"method/oidc"}, "OpenID Connect has one home"},
	{"golang.org/x/oauth2", []string{"method/oidc"}, "OAuth 2.0 has one home"},
	{"github.com/zitadel/oidc", nil, "a provider for tests"},
	{"github.com/oschwald/maxminddb-golang", []string{"geo"}, "files with places have one home"},
	{"github.com/go-webauthn/webauthn", []string{"method/webauthn"}, "WebAuthn has one home"},
}

// refused are imports that a part must not have at all.
var refused = []struct {
	parts  []string
	module string
	why    string
}{
	{[]string{"flow", "method", "identity", "session", "ui", "payload", "problem", "secret", "config"}, "net/http/httptest", "not even by accident"},
	{[]string{"flow", "identity", "session", "ui", "config", "secret", "problem"}, "net/http", "journeys and the domain do not know the wire"},
	{[]string{"method", "flow", "identity", "session"}, "os", "nothing below the edges reads the machine"},
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "cardea/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// part is a package's place below internal/, "" for what stands outside.
func part(importPath string) string {
	rest, ok := strings.CutPrefix(importPath, "cardea/internal/")
	if !ok {
		return ""
	}
	return rest
}

func within(p, of string) bool { return p == of || strings.HasPrefix(p, of+"/") }

func TestImportsFollowTheDirectionOfTheHouse(t *testing.T) {
	for _, p := range packages(t) {
		i := slices.IndexFunc(layers, func(l layer) bool { return within(part(p.ImportPath), l.part) })
		if i < 0 {
			continue
		}
		l := layers[i]
		for _, imported := range p.Imports {
			target := part(imported)
			if target == "" {
				if !strings.HasPrefix(imported, "cardea/") {
					continue
				}
				target = strings.TrimPrefix(imported, "cardea/")
			}
			if within(target, l.part) || slices.ContainsFunc(l.may, func(m string) bool { return within(target, m) }) {
				continue
			}
			t.Errorf("%s imports %s: %s", p.ImportPath, imported, l.why)
		}
	}
}

func TestEveryPackageHasAPlaceInTheHouse(t *testing.T) {
	known := []string{"app", "archtest"}
	for _, l := range layers {
		known = append(known, l.part)
	}
	for _, p := range packages(t) {
		at := part(p.ImportPath)
		if at == "" || slices.ContainsFunc(known, func(k string) bool { return within(at, k) }) {
			continue
		}
		t.Errorf("%s has no place in the table of layers: say what it may import, and why", p.ImportPath)
	}
}

func TestMethodsDoNotKnowEachOther(t *testing.T) {
	for _, p := range packages(t) {
		at := part(p.ImportPath)
		if !strings.HasPrefix(at, "method/") {
			continue
		}
		for _, imported := range p.Imports {
			other := part(imported)
			if strings.HasPrefix(other, "method/") && path.Dir(other) != path.Dir(at) || strings.HasPrefix(other, "method/") && other != at && !within(other, at) {
				t.Errorf("%s imports %s: what two methods share belongs to the engine", p.ImportPath, imported)
			}
		}
	}
}

func TestModulesHaveOneHome(t *testing.T) {
	for _, p := range packages(t) {
		for _, rule := range onlyFrom {
			for _, imported := range p.Imports {
				if !within(imported, rule.module) {
					continue
				}
				at := part(p.ImportPath)
				if at == "" && strings.HasPrefix(p.ImportPath, "cardea/bench") {
					continue // a program of its own
				}
				if !slices.ContainsFunc(rule.homes, func(h string) bool { return within(at, h) }) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
				}
			}
		}
	}
}

func TestNobodyImportsWhatItMustNotKnow(t *testing.T) {
	for _, p := range packages(t) {
		for _, rule := range refused {
			if !slices.ContainsFunc(rule.parts, func(r string) bool { return within(part(p.ImportPath), r) }) {
				continue
			}
			if slices.Contains(p.Imports, rule.module) {
				t.Errorf("%s imports %s: %s", p.ImportPath, rule.module, rule.why)
			}
		}
	}
}

func TestOnlyTheRootKnowsEveryone(t *testing.T) {
	mayKnowApp := []string{"cardea", "cardea/cmd/cardea", "cardea/cardeatest", "cardea/internal/cli"}
	for _, p := range packages(t) {
		if within(part(p.ImportPath), "app") {
			continue
		}
		if slices.Contains(p.Imports, "cardea/internal/app") && !slices.Contains(mayKnowApp, p.ImportPath) {
			t.Errorf("%s imports the composition root", p.ImportPath)
		}
		if slices.Contains(p.Imports, "cardea/internal/store") && !slices.Contains([]string{"cardea/internal/app", "cardea/internal/cli", "cardea/cardeatest"}, p.ImportPath) &&
			!within(part(p.ImportPath), "store") && !within(part(p.ImportPath), "app") {
			t.Errorf("%s imports the store: only app does", p.ImportPath)
		}
	}
}
