package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/internal/clock"
)

// What a page submits is kept while its person signs in again, and carried out
// afterwards without another click. The clock of these tests is moved by hand.

const parkedSchema = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"type": "string", "format": "email", "ory.sh/kratos": {"credentials": {"password": {"identifier": true}}}},
  "name": {"type": "string"}}, "required": ["email"]}}}`

const (
	parkedConfig = `
hashers: {algorithm: argon2, argon2: {memory: 64KB, iterations: 1, parallelism: 1, salt_length: 16, key_length: 16}}
identity: {schemas: [{id: default, url: "base64://%s"}]}
selfservice:
  methods: {password: {config: {haveibeenpwned_enabled: false}}, lookup_secret: {enabled: true}}
  flows:
    login: {ui_url: "https://www.cardea.test/login", lifespan: 48h}
    settings: {ui_url: "https://www.cardea.test/settings", lifespan: 48h, privileged_session_max_age: 1h}
session: {lifespan: 48h}
`
	parkedAnn, parkedBob = "ann@cardea.test", "bob@cardea.test"
	newPassword          = "seven-Drowsy-Badgers-12"
)

// parking is a server with two people.
type parking struct {
	*testing.T
	app   *App
	clock *clock.Fake
	ann   string // id
}

func newParking(t *testing.T) *parking {
	t.Helper()
	return parkingWith(t, parkedConfig)
}

// parkingWith is newParking with another configuration.
func parkingWith(t *testing.T, config string) *parking {
	t.Helper()
	p := &parking{T: t, clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))}
	p.app, _ = start(t, nil, Options{Migrate: true, Clock: p.clock}, fmt.Sprintf(config, base64.StdEncoding.EncodeToString([]byte(parkedSchema))))
	for _, email := range []string{parkedBob, parkedAnn} {
		w, made := p.send(p.app.Admin, "POST", "/admin/identities", "application/json", map[string]any{
			"schema_id": "default", "traits": map[string]any{"email": email},
			"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": rightPassword}}},
		}, nil)
		if w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		p.ann, _ = made["id"].(string)
	}
	return p
}

// send sends a request. accept says whether it is a page that navigates; jar are the
// cookies of a browser.
func (p *parking) send(h http.Handler, method, target, accept string, body map[string]any, jar map[string]*http.Cookie, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	p.Helper()
	text, contentType := "", "application/json"
	if accept == "text/html" {
		text, contentType = form(body), "application/x-www-form-urlencoded"
	} else if raw, err := json.Marshal(body); err == nil {
		text = string(raw)
	}
	req := httptest.NewRequest(method, "https://id.cardea.test"+strings.TrimPrefix(target, "https://id.cardea.test"), strings.NewReader(text))
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	for _, c := range jar {
		req.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	for _, c := range w.Result().Cookies() {
		if jar != nil {
			jar[c.Name] = c
		}
	}
	var read map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &read) // a redirect has no body to read
	return w, read
}

type browser struct {
	*parking
	jar map[string]*http.Cookie
}

func (p *parking) browser() *browser { return &browser{p, map[string]*http.Cookie{}} }

// visit navigates and gives where the browser is sent.
func (b *browser) visit(method, target string, body map[string]any) (status int, location string) {
	b.Helper()
	w, _ := b.send(b.app.Public, method, target, "text/html", body, b.jar)
	return w.Code, w.Header().Get("Location")
}

// begin starts a journey at an address and gives the form.
func (b *browser) begin(target string) (id string, form map[string]any) {
	b.Helper()
	status, to := b.visit("GET", target, nil)
	u, err := url.Parse(to)
	if id = u.Query().Get("flow"); err != nil || id == "" {
		b.Fatalf("%s: %d to %q", target, status, to)
	}
	kind := strings.Trim(u.Path, "/")
	_, form = b.send(b.app.Public, "GET", "/self-service/"+kind+"/flows?id="+id, "application/json", nil, b.jar)
	return id, form
}

// signIn proves a password, beginning at an address, and gives where that leads.
func (b *browser) signIn(target, email, password string) string {
	b.Helper()
	id, form := b.begin(target)
	status, to := b.visit("POST", "/self-service/login?flow="+id, map[string]any{
		"method": "password", "identifier": email, "password": password, "csrf_token": token(form),
	})
	if status != http.StatusSeeOther || strings.Contains(to, "/login") {
		b.Fatalf("sign in: %d to %q", status, to)
	}
	return to
}

// tooLate submits settings when the sign-in is too old, and gives where that leads.
func (b *browser) tooLate(fields map[string]any) (flow, login string) {
	b.Helper()
	b.signIn("/self-service/login/browser", parkedAnn, rightPassword)
	flow, form := b.begin("/self-service/settings/browser")
	b.clock.Advance(2 * time.Hour)
	fields["csrf_token"] = token(form)
	status, to := b.visit("POST", "/self-service/settings?flow="+flow, fields)
	u, err := url.Parse(to)
	if err != nil || status != http.StatusSeeOther || u.Path != "/self-service/login/browser" || u.Query().Get("refresh") != "true" {
		b.Fatalf("submitted too late: %d to %q", status, to)
	}
	return flow, to
}

// state is what became of a settings flow, as the browser reads it.
func (b *browser) state(flow string) string {
	b.Helper()
	w, read := b.send(b.app.Public, "GET", "/self-service/settings/flows?id="+flow, "application/json", nil, b.jar)
	if strings.Contains(w.Body.String(), newPassword) {
		b.Errorf("the form shows the password: %s", w.Body)
	}
	state, _ := read["state"].(string)
	return state
}

// changed says whether ann's account shows what was submitted.
func (p *parking) changed(of string) bool {
	p.Helper()
	if of == "password" {
		b := p.browser()
		id, form := b.begin("/self-service/login/browser")
		_, to := b.visit("POST", "/self-service/login?flow="+id, map[string]any{
			"method": "password", "identifier": parkedAnn, "password": newPassword, "csrf_token": token(form),
		})
		return to == "https://www.cardea.test/home"
	}
	w, _ := p.send(p.app.Admin, "GET", "/admin/identities/"+p.ann+"?include_credential=lookup_secret", "application/json", nil, nil)
	return strings.Contains(w.Body.String(), map[string]string{"address": "anna@cardea.test", "name": "Ann Ell"}[of])
}

// submissions are what needs a recent sign-in.
func submissions() map[string]map[string]any {
	return map[string]map[string]any{
		"password": {"method": "password", "password": newPassword},
		"address":  {"method": "profile", "traits": map[string]any{"email": "anna@cardea.test", "name": "Ann"}},
	}
}

func TestWhatWasTypedIsCarriedOutAfterSigningInAgain(t *testing.T) {
	for what, fields := range submissions() {
		t.Run(what, func(t *testing.T) {
			p := newParking(t)
			b := p.browser()
			flow, login := b.tooLate(fields)
			if p.changed(what) || b.state(flow) != "show_form" {
				t.Fatal("it was carried out before anybody signed in again")
			}
			back := b.signIn(login, parkedAnn, rightPassword)
			status, to := b.visit("GET", back, nil)
			if status != http.StatusSeeOther || !strings.Contains(to, "/settings?flow="+flow) {
				t.Fatalf("afterwards: %d to %q", status, to)
			}
			if !p.changed(what) || b.state(flow) != "success" {
				t.Error("it was not carried out")
			}
			b.visit("GET", back, nil)
			if !p.changed(what) {
				t.Error("coming again undoes it")
			}
		})
	}
}

func TestWhatWasTypedWaitsForNobodyElse(t *testing.T) {
	for about, come := range map[string]func(b *browser, login string) (who *browser, back string){
		"without signing in": func(b *browser, login string) (*browser, string) {
			u, _ := url.Parse(login)
			return b, u.Query().Get("return_to")
		},
		"from another browser": func(b *browser, login string) (*browser, string) {
			other := b.browser()
			return other, other.signIn(login, parkedAnn, rightPassword)
		},
		"as somebody else": func(b *browser, login string) (*browser, string) {
			return b, b.signIn(login, parkedBob, rightPassword)
		},
		"after a quarter of an hour": func(b *browser, login string) (*browser, string) {
			b.clock.Advance(15*time.Minute + time.Second)
			return b, b.signIn(login, parkedAnn, rightPassword)
		},
		"so late that it is old again": func(b *browser, login string) (*browser, string) {
			back := b.signIn(login, parkedAnn, rightPassword)
			b.clock.Advance(time.Hour)
			return b, back
		},
		"with another cookie": func(b *browser, login string) (*browser, string) {
			b.jar["ory_kratos_continuity"].Value += "x"
			return b, b.signIn(login, parkedAnn, rightPassword)
		},
	} {
		for what, fields := range submissions() {
			t.Run(what+" "+about, func(t *testing.T) {
				p := newParking(t)
				b := p.browser()
				_, login := b.tooLate(fields)
				who, back := come(b, login)
				who.visit("GET", back, nil)
				if p.changed(what) {
					t.Error("it was carried out")
				}
			})
		}
	}
}

// Applications are told, and send again what they have sent.
func TestAnApplicationSendsAgainAfterSigningInAgain(t *testing.T) {
	for what, fields := range submissions() {
		t.Run(what, func(t *testing.T) {
			p := newParking(t)
			send := func(kind, query string, fields map[string]any, headers ...string) (int, map[string]any) {
				_, begun := p.send(p.app.Public, "GET", "/self-service/"+kind+"/api"+query, "application/json", nil, nil, headers...)
				id, _ := begun["id"].(string)
				p.clock.Advance(time.Minute)
				w, read := p.send(p.app.Public, "POST", "/self-service/"+kind+"?flow="+id, "application/json", fields, nil, headers...)
				return w.Code, read
			}
			password := map[string]any{"method": "password", "identifier": parkedAnn, "password": rightPassword}
			_, signedIn := send("login", "", password)
			bearer, _ := signedIn["session_token"].(string)
			p.clock.Advance(2 * time.Hour)
			status, told := send("settings", "", fields, "X-Session-Token", bearer)
			reason, _ := told["error"].(map[string]any)
			if to, _ := told["redirect_browser_to"].(string); status != http.StatusForbidden || reason["id"] != "session_refresh_required" || !strings.Contains(to, "refresh=true") {
				t.Fatalf("too late: %d %v", status, told)
			}
			if status, told := send("login", "?refresh=true", password, "X-Session-Token", bearer); status != http.StatusOK || told["session_token"] != bearer {
				t.Fatalf("sign in again: %d %v", status, told)
			}
			if p.changed(what) {
				t.Error("it was carried out unasked")
			}
			if status, told := send("settings", "", fields, "X-Session-Token", bearer); status != http.StatusOK || !p.changed(what) {
				t.Errorf("sent again: %d %v", status, told)
			}
		})
	}
}

func TestANameNeedsNoRecentSignIn(t *testing.T) {
	p := newParking(t)
	b := p.browser()
	b.signIn("/self-service/login/browser", parkedAnn, rightPassword)
	flow, form := b.begin("/self-service/settings/browser")
	p.clock.Advance(2 * time.Hour)
	status, to := b.visit("POST", "/self-service/settings?flow="+flow, map[string]any{
		"method": "profile", "traits": map[string]any{"email": parkedAnn, "name": "Ann Ell"}, "csrf_token": token(form),
	})
	if status != http.StatusSeeOther || strings.Contains(to, "/login") || !p.changed("name") {
		t.Errorf("%d to %q", status, to)
	}
}
