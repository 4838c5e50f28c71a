package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cardea/cardeatest"
	"cardea/internal/config"
)

// patience is how long building, starting and one visit may take each.
const patience = 5 * time.Minute

func TestPeopleUseTheAccountPages(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	base := serve(t, build(t), "127.0.0.1", everyJourney)
	for visit, what := range map[string]string{
		"journey":  "somebody signs up, signs out and signs in without JavaScript",
		"keyboard": "somebody does so without a mouse",
		"cookies":  "a browser without cookies is told so",
		"screens":  "every screen in every state fits its window, is accessible and speaks the language",
		"narrow":   "every screen fits the narrowest window, and fingers",
		"account":  "people get back in, change their password, take their data and leave, in every look",
		"sessions": "somebody ends a session on another device",
		"budget":   "a first visit is small, loads nothing from elsewhere and does not jump",
		"comfort":  "the script helps with passwords, keeps what was typed and tells local times",
	} {
		t.Run(what, func(t *testing.T) { run(t, browser, base, visit) })
	}
}

// everyJourney turns on recovery and verification with codes.
func everyJourney(tree map[string]any, _ string) {
	selfservice := tree["selfservice"].(map[string]any)
	selfservice["methods"].(map[string]any)["code"] = map[string]any{"enabled": true}
	flows := selfservice["flows"].(map[string]any)
	flows["recovery"] = map[string]any{"enabled": true, "use": "code"}
	flows["verification"] = map[string]any{"enabled": true, "use": "code"}
}

func TestPeopleUsePasskeysAndSecurityKeysOnTheAccountPages(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	// Keys are bound to a name: an address of numbers has none (WebAuthn section 5.1.2).
	base := serve(t, build(t), "localhost", everyKey)
	run(t, browser, base, "keys")
}

func TestPagesMadeForKratosUsePasskeysAndSecurityKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	base := serve(t, build(t), "localhost", everyKey)
	run(t, browser, base, "ownpages")
}

// everyKey turns on passkeys and security keys.
func everyKey(tree map[string]any, base string) {
	selfservice := tree["selfservice"].(map[string]any)
	party := map[string]any{"rp": map[string]any{"id": "localhost", "display_name": "Cardea", "origins": []string{strings.TrimSuffix(base, "/")}}}
	methods := selfservice["methods"].(map[string]any)
	methods["passkey"] = map[string]any{"enabled": true, "config": party}
	methods["webauthn"] = map[string]any{"enabled": true, "config": party}
	registration := selfservice["flows"].(map[string]any)["registration"].(map[string]any)
	registration["after"].(map[string]any)["passkey"] = map[string]any{"hooks": []map[string]any{{"hook": "session"}}}
}

func TestPeopleSetUpAnAuthenticatorAppWhileSigningIn(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	base := serve(t, build(t), "127.0.0.1", func(tree map[string]any, _ string) {
		methods := tree["selfservice"].(map[string]any)["methods"].(map[string]any)
		methods["totp"] = map[string]any{"enabled": true, "config": map[string]any{"issuer": "Cardea"}}
		tree["cardea"] = map[string]any{"assurance": map[string]any{"require_aal2": map[string]any{"everyone": true}}}
	})
	seen := filepath.Join(t.TempDir(), "seen.json")
	run(t, browser, base, "app", "SEEN="+seen)
	raw, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	var shown struct{ Picture, Secret string }
	if err := json.Unmarshal(raw, &shown); err != nil {
		t.Fatal(err)
	}
	text, err := cardeatest.ReadQR(shown.Picture)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(text); err != nil || shown.Secret == "" || u.Query().Get("secret") != shown.Secret {
		t.Errorf("the picture says %q, the page %q", text, shown.Secret)
	}
}

// run makes a visit; more is added to its environment.
func run(t *testing.T, browser, base, visit string, more ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "run.mjs", visit)
	node.Env = append(append(os.Environ(), "BASE_URL="+base, "CHROMIUM="+browser, "SHOTS="+shots(t)), more...)
	if out, err := node.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// shots is where pictures go: CARDEA_E2E_SHOTS, else a folder of the test's.
func shots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CARDEA_E2E_SHOTS")
	if dir == "" {
		return t.ArtifactDir()
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// needs gives the browser, and skips the test where something is missing.
func needs(t *testing.T) (browser string) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			browser = found
			break
		}
	}
	var missing []string
	if browser == "" {
		missing = append(missing, "chromium")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing = append(missing, "node")
	}
	for _, module := range []string{"playwright-core", "axe-core"} {
		if _, err := os.Stat(filepath.Join("node_modules", module)); err != nil {
			missing = append(missing, module+" (run: npm ci --prefix e2e)")
		}
	}
	if len(missing) > 0 {
		t.Skip("visits with a real browser need " + strings.Join(missing, ", "))
	}
	return browser
}

// TestMain makes a place for the server that all tests share: linking it takes longer
// than many a visit.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cardea-e2e-")
	if err != nil {
		panic(err)
	}
	compile = sync.OnceValues(func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		binary := filepath.Join(dir, "cardea")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "cardea/cmd/cardea").CombinedOutput()
		return binary, errors.Join(err, errorOf(out, err))
	})
	status := m.Run()
	_ = os.RemoveAll(dir) // of the system's temporary files
	os.Exit(status)
}

// compile builds the server the first time it is asked for it.
var compile func() (string, error)

// errorOf is what a command said when it failed.
func errorOf(out []byte, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(string(out))
}

// build gives the server.
func build(t *testing.T) string {
	t.Helper()
	binary, err := compile()
	if err != nil {
		t.Fatalf("build the server: %v", err)
	}
	return binary
}

// serve starts the server with the development settings on ports of its own and
// gives its public URL, without a slash at its end. change edits the
// configuration; nil changes nothing.
func serve(t *testing.T, binary, host string, change func(tree map[string]any, base string)) string {
	t.Helper()
	home := t.TempDir()
	ports := freePorts(t, 2)
	base := fmt.Sprintf("http://%s:%d", host, ports[0])
	file := filepath.Join(home, "cardea.json")
	writeConfig(t, file, home, base+"/", ports, change)

	server := exec.Command(binary, "serve", "--dev", "-c", file)
	server.Dir = home
	server.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	// The log is passed on as it comes; its end is the server's.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			t.Log(lines.Text())
		}
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended badly: %v", err)
		}
	}()
	t.Cleanup(func() {
		// The server may have ended by itself: the visits have said so.
		_ = server.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = server.Process.Kill()
			<-ended
		}
	})
	awaitReady(t, base, ended)
	return base
}

// writeConfig is the development configuration on other ports, kept in memory.
func writeConfig(t *testing.T, file, home, base string, ports []int, change func(tree map[string]any, base string)) {
	t.Helper()
	tree := config.Development(home)(config.Ports{Public: ports[0], Admin: ports[1]})
	delete(tree, "dev") // an option of the command
	tree["dsn"] = "memory"
	tree["serve"] = map[string]any{
		"public": map[string]any{"host": "127.0.0.1", "port": ports[0], "base_url": base},
		"admin":  map[string]any{"host": "127.0.0.1", "port": ports[1]},
	}
	selfservice := tree["selfservice"].(map[string]any)
	selfservice["default_browser_return_url"] = base
	selfservice["methods"] = map[string]any{"password": map[string]any{
		"enabled": true,
		"config":  map[string]any{"haveibeenpwned_enabled": false}, // nothing leaves this machine
	}}
	if change != nil {
		change(tree, base)
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePorts gives ports that nobody listens on at the moment.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// awaitReady asks the server until it is ready.
func awaitReady(t *testing.T, base string, ended <-chan struct{}) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	client := &http.Client{Timeout: 5 * time.Second}
	for {
		select {
		case <-ended:
			t.Fatal("the server ended before it was ready")
		case <-deadline.C:
			t.Fatal("the server does not get ready")
		case <-again.C:
		}
		answer, err := client.Get(base + "/health/ready")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
}
