package password_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

const (
	mover       = "mover@cardea.test"
	oldPassword = "old-Sturdy-Walrus-31"
	yes         = `{"status":"password_match"}`
)

// oldSystem answers as it is told to, and remembers what it was asked.
type oldSystem struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	asked  []string
	then   func() // while the answer is on its way; nil for nothing
}

// journal keeps what is logged; the server may still write while a test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newOldSystem(t *testing.T) *oldSystem {
	o := &oldSystem{status: 200}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked = append(o.asked, string(body))
		if o.then != nil {
			o.then()
		}
		w.WriteHeader(o.status)
		_, _ = io.WriteString(w, yes)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *oldSystem) answers(status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status = status
}

func (o *oldSystem) questions() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.asked)
}

func (o *oldSystem) config() string {
	return `selfservice: {methods: {password: {config: {migrate_hook: {enabled: true, config: {url: "` + o.URL + `/check", method: POST}}}}}}`
}

// importMover makes somebody whose password is elsewhere, and returns the id.
func importMover(t *testing.T, s *cardeatest.Server) string {
	t.Helper()
	a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": mover},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"use_password_migration_hook": true}}},
	})
	if a.Status != http.StatusCreated {
		t.Fatalf("import: %d %s", a.Status, a.Body)
	}
	return a.Text("id")
}

func attempt(c *cardeatest.Client, password string) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "")
	return f, f.Submit(map[string]any{"method": "password", "identifier": mover, "password": password})
}

// wantWrong expects the answer to a wrong password.
func wantWrong(t *testing.T, c *cardeatest.Client, password string) {
	t.Helper()
	f, a := attempt(c, password)
	if got := f.Form(a).Messages(); !slices.Equal(got, []int{4000006}) {
		t.Errorf("answered %d %s, the form says %v", a.Status, a.Body, got)
	}
	if c.WhoAmI().Status == http.StatusOK {
		t.Error("signed in")
	}
}

// wantProblem expects an error that is not shown on the form.
func wantProblem(t *testing.T, c *cardeatest.Client, status int, id string) {
	t.Helper()
	_, a := attempt(c, oldPassword)
	if c.Kind == cardeatest.Browser {
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
			t.Errorf("answered %d to %q", a.Status, a.Location)
		}
	} else if a.Status != status || a.ErrorID() != id {
		t.Errorf("answered %d %s", a.Status, a.Body)
	}
	if c.WhoAmI().Status == http.StatusOK {
		t.Error("signed in")
	}
}

func TestAPasswordMovesWithTheFirstSignIn(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var log journal
			old := newOldSystem(t)
			s := cardeatest.New(t, cardeatest.Options{Config: old.config(), Log: slog.New(slog.NewTextHandler(&log, nil))})
			id := importMover(t, s)

			old.answers(403)
			wantWrong(t, s.Client(kind), oldPassword)
			old.answers(401)
			wantProblem(t, s.Client(kind), http.StatusBadGateway, "upstream_error")
			old.answers(200)
			c := s.Client(kind)
			c.SignIn(mover, oldPassword)
			if got := c.WhoAmI().Text("identity", "id"); got != id {
				t.Errorf("signed in as %q", got)
			}

			asked := old.questions()
			if want := `{"identifier":"` + mover + `","password":"` + oldPassword + `"}`; len(asked) != 3 || asked[2] != want {
				t.Errorf("the old system was asked %v", asked)
			}
			s.Client(kind).SignIn(mover, oldPassword)
			wantWrong(t, s.Client(kind), "another-Sturdy-Wombat-88")
			s.CreateIdentity("other@cardea.test", cardeatest.Password)
			s.Client(kind).SignIn("other@cardea.test", cardeatest.Password)
			if n := len(old.questions()); n != 3 {
				t.Errorf("the old system was asked %d times, want 3", n)
			}
			if strings.Contains(log.String(), oldPassword) {
				t.Errorf("the password is in the log:\n%s", log.String())
			}
		})
	}
}

func TestAPasswordElsewhereNeedsTheHook(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := cardeatest.New(t, cardeatest.Options{})
			importMover(t, s)
			wantProblem(t, s.Client(kind), http.StatusInternalServerError, "invalid_configuration")
		})
	}
}

// What changes while the old system is asked counts, not what was true before.
func TestTheOldSystemsAnswerCanComeTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(admin *cardeatest.Client, url string) *cardeatest.Answer
		after  string // signs in afterwards; "" for nothing
	}{
		"another password": {func(admin *cardeatest.Client, url string) *cardeatest.Answer {
			return admin.Do("PUT", url, map[string]any{
				"schema_id": "default", "state": "active", "traits": map[string]any{"email": mover},
				"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}}},
			})
		}, cardeatest.Password},
		"deleted": {func(admin *cardeatest.Client, url string) *cardeatest.Answer { return admin.Do("DELETE", url, nil) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := newOldSystem(t)
			s := cardeatest.New(t, cardeatest.Options{Config: old.config()})
			url := s.AdminURL + "/admin/identities/" + importMover(t, s)
			admin := s.Client(cardeatest.Native)
			old.then = func() {
				if a := c.change(admin, url); a.Status >= 300 {
					t.Errorf("the change: %d %s", a.Status, a.Body)
				}
			}
			wantWrong(t, s.Client(cardeatest.Native), oldPassword)
			if c.after != "" {
				s.Client(cardeatest.Native).SignIn(mover, c.after)
			}
		})
	}
}

// bcrypt takes 72 bytes: what cannot be stored does not sign in.
func TestAPasswordThatCannotBeKeptDoesNotMove(t *testing.T) {
	old := newOldSystem(t)
	s := cardeatest.New(t, cardeatest.Options{Config: old.config()})
	importMover(t, s)
	wantWrong(t, s.Client(cardeatest.Native), strings.Repeat("long-", 20))
	s.Client(cardeatest.Native).SignIn(mover, oldPassword)
}
