package packaging_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"cardea/internal/cli"
	"cardea/internal/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// instruction is one line of a Dockerfile.
type instruction struct{ name, rest string }

// stages are the instructions of a Dockerfile by stage; each begins with its FROM.
func stages(text string) (all [][]instruction) {
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "" || strings.HasPrefix(name, "#"):
		case name == "FROM":
			all = append(all, []instruction{{name, rest}})
		case len(all) > 0:
			all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.TrimSpace(rest)})
		}
	}
	return all
}

func TestTheImageHoldsTheProgramAndNothingElse(t *testing.T) {
	all := stages(read(t, "Dockerfile"))
	last := all[len(all)-1]
	find := func(name string) (found []string) {
		for _, i := range last {
			if i.name == name {
				found = append(found, i.rest)
			}
		}
		return found
	}
	if last[0].rest != "scratch" {
		t.Errorf("the image is made from %s", last[0].rest)
	}
	if user := find("USER"); len(user) != 1 || !regexp.MustCompile(`^[1-9][0-9]{3,}:[1-9][0-9]{3,}$`).MatchString(user[0]) {
		t.Errorf("the program runs as %v, want one that is not root and has a number: the image has no names", user)
	}
	if i := slices.IndexFunc(last, func(i instruction) bool { return i.name == "USER" }); i < 0 || i > slices.IndexFunc(last, func(i instruction) bool { return i.name == "ENTRYPOINT" }) {
		t.Error("the user is changed too late")
	}
	if len(find("RUN"))+len(find("ADD")) > 0 {
		t.Error("an image without a shell runs something, or fetches something")
	}
	copied := strings.Join(find("COPY"), "\n")
	for _, needed := range []string{"/etc/ssl/certs/ca-certificates.crt", "/cardea", "/var/lib/cardea", "/tmp"} {
		if !regexp.MustCompile(`(?m)\s` + regexp.QuoteMeta(needed) + `$`).MatchString(copied) {
			t.Errorf("the image has no %s", needed)
		}
	}
	for _, name := range []string{"ENTRYPOINT", "CMD", "HEALTHCHECK", "VOLUME"} {
		found := find(name)
		if len(found) != 1 {
			t.Errorf("%s stands there %d times", name, len(found))
			continue
		}
		_, form, ok := strings.Cut(found[0], "[")
		var words []string
		if !ok || json.Unmarshal([]byte("["+form), &words) != nil || len(words) == 0 {
			t.Errorf("%s is in the form for a shell, and there is none: %s", name, found[0])
		}
	}
}

// A default of a predefined argument wins over what the builder knows, and an image for
// arm64 would hold a program for amd64
// (https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope).
func TestTheProgramIsForTheSystemOfTheImage(t *testing.T) {
	build := stages(read(t, "Dockerfile"))[0]
	for _, name := range []string{"TARGETOS", "TARGETARCH"} {
		if !slices.Contains(build, instruction{"ARG", name}) {
			t.Errorf("%s is not taken from who builds: %v", name, build)
		}
	}
	if !strings.Contains(build[0].rest, "--platform=$BUILDPLATFORM ") {
		t.Errorf("the compiler is emulated for images of other systems: FROM %s", build[0].rest)
	}
}

func TestTheCommandsOfTheImageExist(t *testing.T) {
	_, health, _ := strings.Cut(read(t, "Dockerfile"), "HEALTHCHECK")
	health, _, _ = strings.Cut(health, "\n")
	var words []string
	if err := json.Unmarshal([]byte(health[strings.Index(health, "["):]), &words); err != nil || words[0] != "/cardea" {
		t.Fatalf("the health check is %s (%v)", health, err)
	}
	commands := [][]string{words[1:], {"serve", "-c", "x"}}
	for _, line := range regexp.MustCompile(`(?m)^Exec\w+=/usr/local/bin/cardea (.*)$`).FindAllStringSubmatch(read(t, "cardea.service"), -1) {
		commands = append(commands, strings.Fields(line[1]))
	}
	for _, service := range composed(t).Services {
		if len(service.Command) > 0 {
			commands = append(commands, service.Command)
		}
	}
	if len(commands) < 5 {
		t.Fatalf("only %v were found", commands)
	}
	for _, args := range commands {
		var said bytes.Buffer
		if code := cli.Run(t.Context(), cli.Env{Args: append(slices.Clip(args), "--help"), Out: &said, Err: &said}); code != 0 {
			t.Errorf("cardea %s: %s", strings.Join(args, " "), &said)
		}
	}
}

// compose is what matters of a compose file.
type compose struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Command     []string
		Environment map[string]string
		Volumes     []string
		Ports       []string
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Healthcheck struct{ Test []string }
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	}
}

func composed(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheCompositionIsAnInstallation(t *testing.T) {
	c := composed(t)
	server, migrate, database := c.Services["cardea"], c.Services["migrate"], c.Services["database"]
	if !strings.HasPrefix(database.Image, "postgres:") || len(database.Healthcheck.Test) == 0 || database.Healthcheck.Test[0] != "CMD" {
		t.Errorf("the database is %+v", database)
	}
	if !slices.Contains(database.Healthcheck.Test, "-h") {
		t.Error("the database is healthy before it listens for others")
	}
	if migrate.DependsOn["database"].Condition != "service_healthy" || server.DependsOn["migrate"].Condition != "service_completed_successfully" {
		t.Error("the server does not wait for its tables, or they not for their database")
	}
	if !server.ReadOnly || !slices.Contains(server.CapDrop, "ALL") || !slices.Contains(server.SecurityOpt, "no-new-privileges:true") {
		t.Error("the server may do more than it needs")
	}
	for _, port := range server.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") || strings.Contains(port, "4434") {
			t.Errorf("port %s is open to others, or is the admin port", port)
		}
	}
	for _, v := range server.Volumes {
		from, _, _ := strings.Cut(v, ":")
		if _, err := os.Stat(from); err != nil {
			t.Errorf("%s is mounted and not there", from)
		}
	}
	if _, err := os.Stat(filepath.Join(server.Build.Context, server.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for _, text := range server.Environment {
		for _, m := range regexp.MustCompile(`\$\{[^}]*\}`).FindAllString(text, -1) {
			if !strings.Contains(m, ":?") {
				t.Errorf("%s has a default, or may be empty", m)
			}
		}
	}
}

func TestTheConfigurationOfTheCompositionIsUsable(t *testing.T) {
	var environ []string
	for name, text := range composed(t).Services["cardea"].Environment {
		environ = append(environ, name+"="+regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(text, "a-secret-for-tests-only-0123456789"))
	}
	s, err := config.Load(config.Options{Files: []string{"cardea.yml"}, Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.DSN, "postgres://") || len(s.Secrets.Default) != 1 || s.AdminGuarded() || s.Log.Format != "json" {
		t.Errorf("dsn, secrets, admin or log are not what the files say: guarded %v, %d secrets", s.AdminGuarded(), len(s.Secrets.Default))
	}
	if len(s.Unsupported) > 0 {
		t.Errorf("it asks for what has no effect: %v", s.Unsupported)
	}
	if !json.Valid([]byte(read(t, "identity.schema.json"))) {
		t.Error("the identity schema is no JSON")
	}
}

func TestTheServiceIsLockedIn(t *testing.T) {
	text := read(t, "cardea.service")
	for _, want := range []string{
		"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
		"CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes", "SystemCallFilter=@system-service", "StateDirectory=cardea",
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(want) + `$`).MatchString(text) {
			t.Errorf("%s is missing", want)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here")
	}
	// The program of the unit has to exist to be verified.
	unit := filepath.Join(t.TempDir(), "cardea.service")
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "/usr/local/bin/cardea", program)), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil {
		t.Errorf("the unit: %v: %s", err, said)
	}
	// 0 is locked in wholly, 100 not at all.
	if said, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", unit).CombinedOutput(); err != nil {
		t.Errorf("the unit leaves too much open: %v: %.2000s", err, said)
	}
}
