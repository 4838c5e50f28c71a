package cardea_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardea"
	"cardea/cardeatest"
)

// embedded starts a server the way another program does. Nobody has to close it.
func embedded(t *testing.T, o cardea.Options) *cardea.App {
	t.Helper()
	app, err := cardea.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Close() })
	return app
}

func call(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func field(t *testing.T, w *httptest.ResponseRecorder, name string) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("answered %d %s: %v", w.Code, w.Body, err)
	}
	text, _ := body[name].(string)
	return text
}

func TestAServerNeedsNothingToStartWith(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("DSN", "sqlite:///nowhere/at/all.db") // belongs to the program, not to the server
	app := embedded(t, cardea.Options{})
	for name, h := range map[string]http.Handler{"public": app.Public, "admin": app.Admin} {
		if w := call(h, "GET", "/health/ready", ""); w.Code != 200 {
			t.Errorf("the %s port answers %d %s", name, w.Code, w.Body)
		}
	}
	for path, want := range map[string]os.FileMode{"cardea-data": 0o700, "cardea-data/secrets": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	if _, err := os.Stat("cardea-data/cardea.db"); err != nil {
		t.Errorf("the database is not where everything else is: %v", err)
	}
	if w := call(app.Public, "GET", "/registration", "", "Accept", "text/html"); w.Code != 200 && w.Code != 303 {
		t.Errorf("there is no page to sign up on: %d", w.Code)
	}
}

func TestWhoIsSignedInStaysSoOverARestart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cardea.yml")
	config := fmt.Sprintf(`
dsn: %q
hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}
identity: {default_schema_id: default, schemas: [{id: default, url: "base64://%s"}]}
selfservice:
  default_browser_return_url: https://ui.cardea.test/home
  methods: {password: {config: {haveibeenpwned_enabled: false}}}
  flows: {registration: {style: unified, after: {password: {hooks: [{hook: session}]}}}}
`, "sqlite://"+filepath.ToSlash(filepath.Join(dir, "cardea.db")), base64.StdEncoding.EncodeToString([]byte(cardeatest.Schema)))
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	o := cardea.Options{Files: []string{path}, DataDir: filepath.Join(dir, "data"), Migrate: true, Dev: true}
	first := embedded(t, o)
	begin := call(first.Public, "GET", "/self-service/registration/browser", "")
	var form struct {
		ID string `json:"id"`
		UI struct {
			Nodes []cardeatest.Node `json:"nodes"`
		} `json:"ui"`
	}
	if err := json.Unmarshal(begin.Body.Bytes(), &form); err != nil || begin.Code != 200 {
		t.Fatalf("the start answered %d %s", begin.Code, begin.Body)
	}
	fields := map[string]any{"method": "password", "traits.email": "ann@cardea.test", "password": cardeatest.Password}
	for _, n := range form.UI.Nodes {
		if n.Attributes["name"] == "csrf_token" {
			fields["csrf_token"] = n.Attributes["value"]
		}
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	in := call(first.Public, "POST", "/self-service/registration?flow="+form.ID, string(raw), "Cookie", cookies(begin))
	if in.Code != 200 {
		t.Fatalf("signing up answered %d %s", in.Code, in.Body)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := embedded(t, o)
	if w := call(again.Public, "GET", "/sessions/whoami", "", "Cookie", cookies(in)); w.Code != 200 {
		t.Errorf("after a restart whoami answers %d %s", w.Code, w.Body)
	}
}

// cookies are what a browser sends after an answer.
func cookies(w *httptest.ResponseRecorder) string {
	var pairs []string
	for _, c := range w.Result().Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

func TestClosingTwiceIsClosingOnce(t *testing.T) {
	app := embedded(t, cardea.Options{DataDir: t.TempDir()})
	for range 2 {
		if err := app.Close(); err != nil {
			t.Errorf("closing says %v", err)
		}
	}
	if w := call(app.Public, "GET", "/health/alive", ""); w.Code != 200 {
		t.Errorf("a closed server is not even alive: %d", w.Code)
	}
	if w := call(app.Public, "GET", "/health/ready", ""); w.Code != 503 {
		t.Errorf("a closed server is ready: %d", w.Code)
	}
}

func TestServersInOneProcessShareNothing(t *testing.T) {
	one, two := embedded(t, cardea.Options{DataDir: t.TempDir()}), embedded(t, cardea.Options{DataDir: t.TempDir()})
	made := call(one.Admin, "POST", "/admin/identities", `{"schema_id":"default","traits":{"email":"ann@cardea.test"}}`)
	if made.Code != 201 {
		t.Fatalf("creating an identity answered %d %s", made.Code, made.Body)
	}
	path := "/admin/identities/" + field(t, made, "id")
	if w := call(one.Admin, "GET", path, ""); w.Code != 200 {
		t.Errorf("the server of the identity answers %d", w.Code)
	}
	if w := call(two.Admin, "GET", path, ""); w.Code != 404 {
		t.Errorf("another server answers %d", w.Code)
	}
}

func TestAServerThatIsConfiguredWronglySaysWhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kratos.yml")
	if err := os.WriteFile(path, []byte("dsn: memory\nsession: {lifespan: soon}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    cardea.Options
		want string
	}{
		"a wrong value":     {cardea.Options{Files: []string{path}, DataDir: dir}, "session.lifespan"},
		"a missing file":    {cardea.Options{Files: []string{path + "x.yml"}, DataDir: dir}, path + "x.yml"},
		"a wrong variable":  {cardea.Options{Environ: []string{"SERVE_PUBLIC_PORT=many"}, DataDir: dir}, "SERVE_PUBLIC_PORT"},
		"a folder in a way": {cardea.Options{DataDir: path}, ""},
	} {
		app, err := cardea.New(t.Context(), c.o)
		if err == nil {
			_ = app.Close()
			t.Errorf("%s: a server was built", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %q, want it to name %s", name, err, c.want)
		}
	}
}
