package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"cardea/internal/clock"
	"cardea/internal/config"
)

// Somebody walks through the journeys at random: any submission to any flow by any
// client in any order. They have an account and a mailbox of their own, know the
// victim's address, flows and every secret that was used up, and in one of their clients
// the victim's password, but neither the mailbox nor the second factor. Wherever the walk
// leads, they never are the victim and change nothing of theirs.

const (
	victim  = "ann@cardea.test"
	walker  = "bob@cardea.test"
	walkKey = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// walk is a server and somebody who walks through it.
type walk struct {
	*tellHouse
	victimID string
	before   string // the victim's account
	spent    []string
	leaked   []walkFlow // the victim's
	clients  []*walkClient
	seen     map[string]bool // the journeys that were begun
	flows    []walkFlow
}

type walkClient struct {
	kind  string // browser, spa, api
	jar   map[string]*http.Cookie
	token string
}

type walkFlow struct {
	kind, id, csrf string
}

func newWalk(t testing.TB) *walk {
	t.Helper()
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "0.yml"), filepath.Join(dir, "1.yml")}
	write(t, paths[0], baseConfig(dir))
	write(t, paths[1], fmt.Sprintf(`
dsn: memory
hashers: {algorithm: bcrypt, bcrypt: {cost: 4}}
identity: {schemas: [{id: default, url: "base64://%s"}]}
courier: {smtp: {connection_uri: "smtp://127.0.0.1:1/?disable_starttls=true"}}
cardea: {throttle: {enabled: false}, security: {second_factor_guesses: {max: 1000000}}, account: {allow_export: true, allow_deletion: true}}
session: {whoami: {required_aal: highest_available}}
selfservice:
  methods:
    password: {config: {haveibeenpwned_enabled: false}}
    link: {enabled: true}
    code: {enabled: true, passwordless_enabled: true, config: {max_submissions: 50}}
    totp: {enabled: true}
    lookup_secret: {enabled: true}
  flows:
    settings: {required_aal: highest_available}
    registration: {after: {password: {hooks: [{hook: session}]}, code: {hooks: [{hook: session}]}}}
    recovery: {enabled: true, use: code}
    verification: {enabled: true, use: code}
`, base64.StdEncoding.EncodeToString([]byte(tellSchema))))
	load := func() (*config.Snapshot, error) {
		return config.Load(config.Options{Files: paths, Flags: config.Flags{Dev: true}})
	}
	w := &walk{seen: map[string]bool{}, tellHouse: &tellHouse{t: t, app: launchLoaded(t, nil, Options{Migrate: true, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}, load)}}
	for email, more := range map[string]map[string]any{
		walker: {},
		victim: {"totp": map[string]any{"config": map[string]any{"totp_url": "otpauth://totp/Test:x?secret=" + walkKey + "&issuer=Test"}}},
	} {
		more["password"] = map[string]any{"config": map[string]any{"password": rightPassword + email[:3]}}
		a, read := w.do(w.app.Admin, "POST", "/admin/identities", map[string]any{
			"schema_id": "default", "traits": map[string]any{"email": email}, "credentials": more,
			"verifiable_addresses": []any{map[string]any{"value": email, "via": "email", "verified": true, "status": "completed"}},
		}, "spa", nil)
		if a.Code != 201 {
			t.Fatalf("create %s: %d %s", email, a.Code, a.Body)
		}
		if email == victim {
			w.victimID = read["id"].(string)
		}
	}
	w.leak()
	w.before = w.row()
	for _, kind := range []string{"browser", "spa", "api", "spa", "api"} {
		c := &walkClient{kind: kind, jar: map[string]*http.Cookie{}}
		w.clients = append(w.clients, c)
		if len(w.clients) > 3 { // these two know the password
			w.withPassword(c)
		}
	}
	return w
}

// leak lets the victim use codes for everything, which everybody knows from then on.
func (w *walk) leak() {
	for _, kind := range []string{"recovery", "verification", "login"} {
		c := &walkClient{kind: "spa", jar: map[string]*http.Cookie{}}
		f := w.start(c, kind, "")
		field := map[string]string{"login": "identifier"}[kind]
		if field == "" {
			field = "email"
		}
		w.send(c, f, map[string]any{"method": "code", field: victim})
		code := w.mailed(victim)
		a := w.send(c, f, map[string]any{"method": "code", field: victim, "code": code})
		if a.Code != 200 && a.Code != 422 {
			w.t.Fatalf("%s by the victim: %d %s", kind, a.Code, a.Body)
		}
		w.spent = append(w.spent, code)
		w.leaked = append(w.leaked, f)
	}
	for _, kind := range []string{"spa", "api"} {
		c := &walkClient{kind: kind, jar: map[string]*http.Cookie{}}
		w.withPassword(c)
		w.app.clock.(*clock.Fake).Advance(time.Minute)
		code, err := totp.GenerateCode(walkKey, w.app.clock.Now())
		if err != nil {
			w.t.Fatal(err)
		}
		w.send(c, w.start(c, "login", "?aal=aal2"), map[string]any{"method": "totp", "totp_code": code})
		f := w.start(c, "settings", "")
		if f.id == "" {
			w.t.Fatalf("the victim has no settings: %s", w.who(c).Body)
		}
		w.spent, w.leaked = append(w.spent, code), append(w.leaked, f)
		// These wait for a code.
		f = w.start(&walkClient{kind: "api"}, "recovery", "")
		w.send(&walkClient{kind: "api"}, f, map[string]any{"method": "code", "email": victim})
		w.leaked = append(w.leaked, f)
	}
}

// withPassword signs the victim in with the password alone.
func (w *walk) withPassword(c *walkClient) {
	w.t.Helper()
	w.send(c, w.start(c, "login", ""), map[string]any{"method": "password", "identifier": victim, "password": rightPassword + victim[:3]})
	if a := w.who(c); a.Code != 403 {
		w.t.Fatalf("with the password: %d %s", a.Code, a.Body)
	}
}

// mailed is the last code that an address was sent.
func (w *walk) mailed(email string) string {
	a, _ := w.do(w.app.Admin, "GET", "/admin/courier/messages?recipient="+url.QueryEscape(email), nil, "spa", nil)
	var all []struct{ Body string }
	if err := json.Unmarshal(a.Body.Bytes(), &all); err != nil || len(all) == 0 {
		return ""
	}
	return regexp.MustCompile(`\b\d{6}\b`).FindString(all[0].Body)
}

// row is everything of the victim's account.
func (w *walk) row() string {
	a, _ := w.do(w.app.Admin, "GET", "/admin/identities/"+w.victimID+"?include_credential=password&include_credential=totp&include_credential=code&include_credential=lookup_secret", nil, "spa", nil)
	return a.Body.String()
}

func (w *walk) request(c *walkClient, method, target string, fields map[string]any) (*httptest.ResponseRecorder, map[string]any) {
	w.t.Helper()
	w.app.clock.(*clock.Fake).Advance(time.Millisecond) // so that messages have an order
	var body string
	if fields != nil {
		raw, err := json.Marshal(fields)
		if err != nil {
			w.t.Fatal(err)
		}
		if body = string(raw); c.kind == "browser" {
			values := url.Values{}
			for k, v := range fields {
				values.Set(k, fmt.Sprint(v))
			}
			body = values.Encode()
		}
	}
	req := httptest.NewRequest(method, "http://id.cardea.test"+target, strings.NewReader(body))
	req.Header.Set("Accept", "application/json")
	if c.kind == "browser" {
		req.Header.Set("Accept", "text/html")
	}
	if fields != nil {
		req.Header.Set("Content-Type", map[bool]string{true: "application/x-www-form-urlencoded", false: "application/json"}[c.kind == "browser"])
	}
	if c.token != "" {
		req.Header.Set("X-Session-Token", c.token)
	}
	if c.kind != "api" {
		for _, cookie := range c.jar {
			req.AddCookie(cookie)
		}
	}
	a := httptest.NewRecorder()
	w.app.Public.ServeHTTP(a, req)
	if c.kind != "api" {
		for _, cookie := range a.Result().Cookies() {
			if c.jar[cookie.Name] = cookie; cookie.MaxAge < 0 {
				delete(c.jar, cookie.Name)
			}
		}
	}
	var read map[string]any
	_ = json.Unmarshal(a.Body.Bytes(), &read)
	if c.kind == "api" {
		if token := regexp.MustCompile(`"(?:ory_)?session_token":"([^"]+)"`).FindStringSubmatch(a.Body.String()); token != nil {
			c.token = token[1]
		}
	}
	return a, read
}

// start begins a journey; what is refused is a flow without an id.
func (w *walk) start(c *walkClient, kind, query string) walkFlow {
	endpoint := "browser"
	if c.kind == "api" {
		endpoint = "api"
	}
	a, read := w.request(c, "GET", "/self-service/"+kind+"/"+endpoint+query, nil)
	f := walkFlow{kind: kind}
	if to, err := url.Parse(a.Header().Get("Location")); err == nil {
		f.id = to.Query().Get("flow")
	}
	if id, ok := read["id"].(string); ok {
		f.id = id
	} else if f.id != "" {
		_, read = w.request(&walkClient{kind: "spa", jar: c.jar}, "GET", "/self-service/"+kind+"/flows?id="+f.id, nil)
	}
	f.csrf = token(read)
	return f
}

func (w *walk) send(c *walkClient, f walkFlow, fields map[string]any) *httptest.ResponseRecorder {
	if _, own := fields["csrf_token"]; !own {
		fields["csrf_token"] = f.csrf
	}
	a, _ := w.request(c, "POST", "/self-service/"+f.kind+"?flow="+f.id, fields)
	return a
}

func (w *walk) who(c *walkClient) *httptest.ResponseRecorder {
	a, _ := w.request(&walkClient{kind: "spa", jar: c.jar, token: c.token}, "GET", "/sessions/whoami", nil)
	return a
}

// steps makes decisions out of bytes, one after another.
type steps []byte

func (s *steps) next(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func pick[T any](s *steps, from ...T) T { return from[s.next(len(from))] }

var walkKinds = []string{"login", "registration", "settings", "recovery", "verification"}

// step does one thing.
func (w *walk) step(s *steps) {
	c := w.clients[s.next(len(w.clients))]
	switch s.next(8) {
	case 0, 1:
		query := pick(s, "", "", "?refresh=true", "?aal=aal2", "?aal=aal2&refresh=true", "?return_session_token_exchange_code=true", "?identity_schema=default", "?via=email")
		if f := w.start(c, pick(s, walkKinds...), query); f.id != "" {
			w.flows = append(w.flows, f)
			w.seen[f.kind] = true
		}
	case 2, 3, 4, 5:
		w.submit(c, s)
	case 6:
		if len(w.flows) > 0 {
			f := w.flows[s.next(len(w.flows))]
			path := pick(s, "/flows?id="+f.id, "?flow="+f.id+"&code="+pick(s, w.spent...), "?flow="+f.id+"&token="+strings.Repeat("a", 32))
			w.request(c, "GET", "/self-service/"+f.kind+path, nil)
		}
	case 7:
		w.elsewhere(c, s)
	}
}

// elsewhere does what is no part of a journey, or begins another life.
func (w *walk) elsewhere(c *walkClient, s *steps) {
	switch s.next(7) {
	case 0:
		w.request(c, "GET", "/self-service/account", nil)
	case 1:
		w.request(c, "GET", "/sessions", nil)
	case 2:
		f := w.start(c, "login", "?refresh=true")
		w.send(c, f, map[string]any{"method": "password", "identifier": walker, "password": rightPassword + walker[:3]})
	case 3, 4:
		if slices.Index(w.clients, c) > 2 {
			c.jar, c.token = map[string]*http.Cookie{}, ""
			w.withPassword(c)
		}
	case 5:
		w.request(c, "GET", "/sessions/token-exchange?init_code="+pick(s, w.spent...)+"&return_to_code=", nil)
	case 6:
		w.request(c, "GET", "/sessions/whoami?tokenize_as=x", nil)
	}
}

// submit sends fields that fit, or do not, to any of the flows.
func (w *walk) submit(c *walkClient, s *steps) {
	f := pick(s, w.leaked...)
	if n := len(w.flows); n > 0 && s.next(2) > 0 {
		f = w.flows[n-1-s.next(min(n, 8))]
	}
	own := w.mailed(walker)
	values := []any{own, own, victim, walker, "000000", "", walkKey, rightPassword, true, []any{}, map[string]any{}, "new-Sturdy-Wombats-" + walker[:3]}
	for _, code := range w.spent {
		values = append(values, code)
	}
	who := func() any { return pick[any](s, victim, walker, victim, pick(s, values...)) }
	proof := func() any { return pick(s, values...) }
	var fields map[string]any
	switch s.next(10) {
	case 0:
		fields = map[string]any{"method": "password", "identifier": who(), "password": proof()}
	case 1:
		fields = map[string]any{"method": "code", "identifier": who()}
	case 2:
		fields = map[string]any{"method": "code", "email": who()}
	case 3:
		fields = map[string]any{"method": "code", "identifier": who(), "code": proof()}
	case 4:
		fields = map[string]any{"method": "code", "email": who(), "code": proof()}
	case 5:
		fields = map[string]any{"method": "profile", "traits.email": who()}
	case 6:
		fields = map[string]any{"method": pick(s, "password", "code", "password"), "traits.email": who(), "password": proof(), "code": proof()}
	case 7:
		fields = pick(s, map[string]any{"totp_unlink": true}, map[string]any{"lookup_secret_regenerate": true}, map[string]any{"lookup_secret_confirm": true},
			map[string]any{"lookup_secret_disable": true}, map[string]any{"method": "password", "password": "new-Sturdy-Wombats-88"})
	default:
		fields = map[string]any{"method": pick(s, "code", "password", "code", "link", "totp", "lookup_secret", "profile", "identifier_first", "oidc", "passkey", "", "nothing")}
		for range s.next(6) {
			fields[pick(s, walkFields...)] = proof()
		}
	}
	if s.next(4) == 0 {
		fields["csrf_token"] = pick[any](s, "", nil, strings.Repeat("A", 88))
	}
	w.send(c, f, fields)
}

var walkFields = []string{
	"identifier", "email", "traits.email", "code", "password", "totp_code", "lookup_secret", "state", "resend", "recovery_address",
	"recovery_confirm_address", "recovery_select_address", "screen", "address", "token", "totp_unlink", "lookup_secret_regenerate", "lookup_secret_confirm",
	"lookup_secret_disable", "lookup_secret_reveal", "transient_payload", "refresh", "via", "traits",
}

// check says what must not have happened.
func (w *walk) check(what string) {
	w.t.Helper()
	for n, c := range w.clients {
		if a := w.who(c); a.Code == 200 && strings.Contains(a.Body.String(), victim) {
			w.t.Fatalf("%s: client %d is the victim: %s", what, n, a.Body)
		}
	}
	if now := w.row(); now != w.before {
		w.t.Fatalf("%s: the victim's account was changed:\n%s\n%s", what, w.before, now)
	}
}

func (w *walk) walk(decisions []byte) {
	s := steps(decisions)
	for n := 0; len(s) > 0; n++ {
		w.step(&s)
		if n%8 == 7 {
			w.check(fmt.Sprintf("within step %d", n))
		}
	}
	w.check("in the end")
	w.flows = w.flows[max(0, len(w.flows)-64):]
}

// TestAWalkThroughTheJourneysLeadsIntoNobodyElsesAccount walks far, the same way every time.
func TestAWalkThroughTheJourneysLeadsIntoNobodyElsesAccount(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w, r := newWalk(t), rand.New(rand.NewPCG(seed, 63))
			decisions := make([]byte, 3000)
			for i := range decisions {
				decisions[i] = byte(r.Uint32())
			}
			w.walk(decisions)
			if len(w.seen) < len(walkKinds) {
				t.Errorf("only %v were walked through", w.seen)
			}
		})
	}
}

// FuzzJourneys looks for a walk that leads where none must.
func FuzzJourneys(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 0, 2, 0, 0, 1, 3, 0, 2, 0, 3, 5})
	w := newWalk(f)
	f.Fuzz(func(t *testing.T, decisions []byte) {
		w.t = t
		w.walk(decisions[:min(len(decisions), 400)])
	})
}
