package systemtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/app"
	"cardea/internal/config"
)

const (
	// day is how long the day lasts unless CARDEA_DAY says otherwise ("24h").
	day = time.Hour
	// settling is after how much time nothing grows any more: what has ended is kept
	// for a day, and what is told about sessions for another one.
	settling = 50 * time.Hour
	// visits is how often a few people come at the same time.
	visits = 10 * time.Minute
	// rotation is how often there is a new secret.
	rotation = 5 * time.Hour
)

// TestADayLeavesNothingBehind runs a whole server in a time of its own (testing/synctest),
// in which nobody waits: people sign up, in and out, forget passwords and sessions, get
// mail, and leave; secrets are replaced. Once it has settled, neither the tables nor what
// the process holds grows.
//
// SQLite lives in such a bubble like everything else: its driver is Go and sleeps by the
// clock of the bubble. The mail server stands outside; while it is spoken to the time
// stands still. Nothing else may touch the network, or the time would never go on.
func TestADayLeavesNothingBehind(t *testing.T) {
	long(t)
	length, settles := day, time.Duration(0)
	if text := os.Getenv("CARDEA_DAY"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		settles = settling
	}
	mail, dir, began := newSink(t, 0), t.TempDir(), time.Now()
	synctest.Test(t, func(t *testing.T) {
		d := newDay(t, dir, mail)
		defer d.end()
		d.live(settles + length/4)
		warm := d.holds()
		d.live(length - length/4)
		late := d.holds()
		t.Logf("%d visits in %s, %s of them of settling; warm %s; at the end %s", d.visited, settles+length, settles, warm, late)
		if len(d.failed) > 0 {
			t.Errorf("%d journeys failed, the first: %v", len(d.failed), d.failed[0])
		}
		late.grownOver(t, warm, settles > 0)
	})
	t.Logf("it took %s", time.Since(began).Round(time.Millisecond))
}

// aDay is a server in a bubble, and those who visit it.
type aDay struct {
	t       *testing.T
	server  *server // its files and addresses; there is no process
	mail    *sink
	handler map[string]http.Handler // by host
	look    *sql.DB
	end     func()

	secrets []string
	rotated time.Time
	visited int
	mu      sync.Mutex
	failed  []error
}

func newDay(t *testing.T, dir string, mail *sink) *aDay {
	d := &aDay{t: t, mail: mail, server: &server{dir: dir, PublicURL: "http://id.cardea.test", AdminURL: "http://admin.cardea.test"}, rotated: time.Now()}
	files := []string{
		d.server.write(t, "cardea.yml", d.server.config(options{BcryptCost: 4}, 1, 2)),
		d.server.write(t, "mail.yml", mail.config()),
		d.server.write(t, "day.yml", `
session: {lifespan: 1h}
courier: {worker: {pull_wait: 1s}}
cardea: {courier: {message_retention: 24h}, audit: {keep: 24h}}
selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}}
`), filepath.Join(dir, "secrets.yml")}
	d.rotate()
	load := func() (*config.Snapshot, error) {
		return config.Load(config.Options{Files: files, Flags: config.Flags{Dev: true, WatchCourier: true}})
	}
	snapshot, err := load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), app.Options{
		Config: config.NewManager(snapshot, load), Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Migrate: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.handler = map[string]http.Handler{"id.cardea.test": a.Public, "admin.cardea.test": a.Admin}
	if d.look, err = sql.Open("sqlite", "file:"+filepath.ToSlash(d.server.database())+"?_pragma=busy_timeout(5000)"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { a.Background(ctx) })
	d.end = func() {
		stop()
		background.Wait()
		if err := errors.Join(d.look.Close(), a.Close()); err != nil {
			t.Error(err)
		}
	}
	return d
}

// rotate puts a new secret in front of the two before it.
func (d *aDay) rotate() {
	d.secrets = slices.Insert(d.secrets, 0, fmt.Sprintf("a-secret-of-%d-for-tests-only", time.Now().Unix()))
	d.secrets = d.secrets[:min(len(d.secrets), 3)]
	d.server.write(d.t, "secrets.yml", "secrets: {default: ["+strings.Join(d.secrets, ", ")+"]}")
	d.rotated = time.Now()
}

// live lets time pass, with its visits, and waits for the last of them to end.
func (d *aDay) live(length time.Duration) {
	var all sync.WaitGroup
	defer all.Wait()
	for end := time.Now().Add(length); time.Now().Before(end); {
		if time.Since(d.rotated) >= rotation {
			d.rotate()
		}
		for _, visit := range []func(*aDay, string) error{(*aDay).comesAndGoes, (*aDay).forgets, (*aDay).returns, (*aDay).strays} {
			email := fmt.Sprintf("visitor-%d@cardea.test", d.visited)
			d.visited++
			all.Go(func() {
				if err := visit(d, email); err != nil {
					d.mu.Lock()
					defer d.mu.Unlock()
					d.failed = append(d.failed, fmt.Errorf("%s: %w", email, err))
				}
			})
		}
		time.Sleep(visits)
	}
}

// RoundTrip implements http.RoundTripper: the server is a call away.
func (d *aDay) RoundTrip(r *http.Request) (*http.Response, error) {
	w, in := httptest.NewRecorder(), r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "192.0.2.7:1234", r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	d.handler[r.URL.Host].ServeHTTP(w, in)
	a := w.Result()
	a.Request = r
	return a, nil
}

// visitor is a single-page application, or with cookies false a native client.
func (d *aDay) visitor(cookies bool) *client {
	c := &client{base: d.server.PublicURL, accept: jsonType, http: &http.Client{Transport: d}}
	if cookies {
		c.http.Jar, _ = cookiejar.New(nil) // without a list of suffixes there is nothing to fail
	}
	return c
}

// comesAndGoes signs up, changes the profile, comes again, and is deleted a while
// after the session has run out.
func (d *aDay) comesAndGoes(email string) error {
	c := d.visitor(false)
	p, err := c.signUp(email)
	if err != nil {
		return err
	}
	if err := d.known(c, p.Token, http.StatusOK); err != nil {
		return err
	}
	a, err := c.send(request{Method: "GET", Path: "/self-service/settings/api", Header: http.Header{"X-Session-Token": {p.Token}}})
	if err != nil || a.Status != http.StatusOK {
		return errors.Join(err, &refusal{"begin the settings", a})
	}
	if a, err = c.send(request{
		Method: "POST", Path: "/self-service/settings?flow=" + a.text("id"), Type: jsonType, Header: http.Header{"X-Session-Token": {p.Token}},
		Body: fmt.Appendf(nil, `{"method": "profile", "traits": {"email": %q, "name": "Ann"}}`, email),
	}); err != nil || a.Status != http.StatusOK {
		return errors.Join(err, &refusal{"change the profile", a})
	}
	again, err := c.signIn(email)
	if err != nil {
		return err
	}
	if a, err = c.json("DELETE", "/self-service/logout/api", map[string]string{"session_token": again.Token}); err != nil || a.Status != http.StatusNoContent {
		return errors.Join(err, &refusal{"sign out", a})
	}
	if err := d.known(c, again.Token, http.StatusUnauthorized); err != nil {
		return err
	}
	time.Sleep(time.Hour + time.Second)
	if err := d.known(c, p.Token, http.StatusUnauthorized); err != nil {
		return fmt.Errorf("when the session has run out: %w", err)
	}
	return d.leaves(p.ID)
}

func (d *aDay) known(c *client, token string, want int) error {
	for range 3 {
		if a, err := c.whoami(token); err != nil || a.Status != want {
			return errors.Join(err, &refusal{fmt.Sprintf("whoami, where %d was wanted", want), a})
		}
	}
	return nil
}

func (d *aDay) leaves(id string) error {
	a, err := d.visitor(false).send(request{Method: "DELETE", Path: d.server.AdminURL + "/admin/identities/" + id})
	if err == nil && a.Status != http.StatusNoContent {
		err = &refusal{"delete", a}
	}
	return err
}

// forgets signs up, forgets the password, comes back by a code from a mail, sets
// another password and signs in with it.
func (d *aDay) forgets(email string) error {
	p, err := d.visitor(false).signUp(email)
	if err != nil {
		return err
	}
	c := d.visitor(true)
	f, _ := c.begin(d.t, "recovery", "")
	d.mailed(email) // to verify the address
	submit := func(kind string, f form, fields map[string]any) (*answer, error) {
		fields["csrf_token"] = f.CSRF
		return c.json("POST", "/self-service/"+kind+"?flow="+f.ID, fields)
	}
	if a, err := submit("recovery", f, map[string]any{"method": "code", "email": email}); err != nil || a.Status != http.StatusOK {
		return errors.Join(err, &refusal{"ask for a code", a})
	}
	a, err := submit("recovery", f, map[string]any{"method": "code", "code": d.mailed(email)})
	if err != nil || a.Status != http.StatusUnprocessableEntity {
		return errors.Join(err, &refusal{"show the code", a})
	}
	to, err := url.Parse(a.text("redirect_browser_to"))
	if err != nil {
		return err
	}
	f.ID = to.Query().Get("flow")
	f.CSRF = c.get(d.t, "/self-service/settings/flows?id="+f.ID).node("csrf_token")
	const other = "nine-Drowsy-Badgers-41"
	if a, err := submit("settings", f, map[string]any{"method": "password", "password": other}); err != nil || a.Status != http.StatusOK {
		return errors.Join(err, &refusal{"set a password", a})
	}
	if _, err := d.visitor(false).journey("login", email, map[string]any{"method": "password", "password": other, "identifier": email}); err != nil {
		return err
	}
	return d.leaves(p.ID)
}

// mailed waits for a mail and gives the code in it. What it waits for comes from a
// worker that looks every second.
func (d *aDay) mailed(email string) (code string) {
	for range 60 {
		d.mail.mu.Lock()
		code = d.mail.codes[email]
		delete(d.mail.codes, email)
		delete(d.mail.arrived, email)
		d.mail.mu.Unlock()
		if code != "" {
			return code
		}
		time.Sleep(time.Second)
	}
	return ""
}

// returns signs in somebody who stays, and lets the session run out.
func (d *aDay) returns(string) error {
	const regular = "regular@cardea.test"
	c := d.visitor(false)
	p, err := c.signIn(regular)
	if statusOf(err) == http.StatusBadRequest { // for the first time
		p, err = c.signUp(regular)
	}
	if err != nil {
		return err
	}
	return d.known(c, p.Token, http.StatusOK)
}

// strays begins journeys and leaves them, and guesses at an account that is not there.
func (d *aDay) strays(email string) error {
	c := d.visitor(true)
	for _, kind := range []string{"login", "registration", "recovery", "verification"} {
		c.begin(d.t, kind, "")
	}
	_, err := d.visitor(false).signIn(email)
	if statusOf(err) != http.StatusBadRequest {
		return fmt.Errorf("a guess at nobody: %w", err)
	}
	a, err := c.whoami("ory_st_nobody")
	if err == nil && a.Status != http.StatusUnauthorized {
		err = &refusal{"nobody's token", a}
	}
	return err
}

// holding is what a server holds on to.
type holding struct {
	rows                    map[string]int // by table
	heap, goroutines, files int
}

// String shows tables that are not empty.
func (h holding) String() string {
	text := fmt.Sprintf("%.1f MiB, %d goroutines, %d files", float64(h.heap)/(1<<20), h.goroutines, h.files)
	for _, table := range slices.Sorted(maps.Keys(h.rows)) {
		if h.rows[table] > 0 {
			text += fmt.Sprintf(", %s %d", table, h.rows[table])
		}
	}
	return text
}

// holds takes stock while nobody visits.
func (d *aDay) holds() holding {
	d.t.Helper()
	h := holding{rows: map[string]int{}}
	var tables []string
	names, err := d.look.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		d.t.Fatal(err)
	}
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			d.t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := errors.Join(names.Err(), names.Close()); err != nil {
		d.t.Fatal(err)
	}
	for _, name := range tables {
		var n int
		if err := d.look.QueryRow("SELECT count(*) FROM " + name).Scan(&n); err != nil {
			d.t.Fatal(err)
		}
		h.rows[name] = n
	}
	synctest.Wait()
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // none where the system does not tell
	h.heap, h.goroutines, h.files = int(m.HeapAlloc), runtime.NumGoroutine(), len(files)
	return h
}

// grownOver wants no more than there was before. Tables are compared when they have settled.
func (h holding) grownOver(t *testing.T, before holding, settled bool) {
	t.Helper()
	if h.heap > before.heap+before.heap/4+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.heap, h.heap)
	}
	if h.goroutines > before.goroutines+3 {
		t.Errorf("goroutines grew from %d to %d", before.goroutines, h.goroutines)
	}
	if h.files > before.files+3 {
		t.Errorf("open files grew from %d to %d", before.files, h.files)
	}
	for table, n := range h.rows {
		if was := before.rows[table]; settled && n > was+was/10+10 {
			t.Errorf("%s grew from %d rows to %d", table, was, n)
		}
	}
}
