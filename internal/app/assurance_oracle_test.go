package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// Every set of second factors, every level of a session, every way in which levels
// can be asked for and every endpoint that looks at the level are combined and asked.
// What has to come out is said by an oracle that knows no code of the server.

// world is one configuration, as the oracle and the server understand it.
type world struct {
	whoami, settings string // required_aal
	policy           string // "", "due", "in grace", "not yet", "other schema", "other organization", "organization"
	passkeysAreBoth  bool
	appsOn           bool // the method totp
}

// person is an account with a password and these second factors, and the level of
// its session.
type person struct {
	app, codes, key, passkey bool
	level                    int
}

// canReachTwo says whether the person could show a second factor.
func (w world) canReachTwo(p person) bool {
	return p.app && w.appsOn || p.codes || p.key || p.passkey && w.passkeysAreBoth
}

// admits is the oracle: whether a place that asks for a level lets the session in.
func (w world) admits(p person, required string) bool {
	two := w.canReachTwo(p)
	switch {
	case p.level == 2:
		return true
	case p.level == 0:
		return false
	case required == "highest_available" && two:
		return false
	case w.policy == "due" || w.policy == "organization":
		return false
	case w.policy == "in grace":
		return !two
	}
	return true
}

// leads is the oracle of a login that asks for a second factor: what its form offers.
func (w world) leads(p person) []string {
	var offers []string
	two := w.canReachTwo(p)
	meant := slices.Contains([]string{"due", "organization", "in grace"}, w.policy)
	switch {
	case meant && !two && w.appsOn:
		offers = append(offers, "totp_secret_key")
	case meant && !two:
	case p.app && w.appsOn:
		offers = append(offers, "totp_code")
	}
	if meant && !two && w.passkeysAreBoth {
		offers = append(offers, "passkey_settings_register")
	}
	if p.codes {
		offers = append(offers, "lookup_secret")
	}
	if p.passkey && w.passkeysAreBoth && two {
		offers = append(offers, "passkey_login")
	}
	return offers
}

// endpoint is a request and what the oracle says of it.
type endpoint struct {
	name   string
	ask    func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder
	status func(w world, p person) int
}

func asked(good, refused int, required func(world) string) func(world, person) int {
	return func(w world, p person) int {
		if w.admits(p, required(w)) {
			return good
		}
		return refused
	}
}

func always(status int) func(world, person) int { return func(world, person) int { return status } }

func byWhoami(w world) string   { return w.whoami }
func bySettings(w world) string { return w.settings }

func endpoints() []endpoint {
	get := func(path string) func(*oracleHouse, *peopled) *httptest.ResponseRecorder {
		return func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder { return h.do("GET", path, p.token, nil) }
	}
	submit := func(fields map[string]any) func(*oracleHouse, *peopled) *httptest.ResponseRecorder {
		return func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder {
			return h.do("POST", "/self-service/settings?flow="+p.settings.String(), p.token, fields)
		}
	}
	return []endpoint{
		{"whoami", get("/sessions/whoami"), asked(200, 403, byWhoami)},
		{"whoami by a proxy", func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder {
			return h.do("POST", "/sessions/whoami", p.token, nil)
		}, asked(200, 403, byWhoami)},
		{"list sessions", get("/sessions"), asked(200, 403, byWhoami)},
		{"start settings in an app", get("/self-service/settings/api"), asked(200, 403, bySettings)},
		{"start settings in a page's script", get("/self-service/settings/browser"), asked(200, 403, bySettings)},
		{"start settings that lead on", get("/self-service/settings/api?return_to=https%3A%2F%2Fid.cardea.test%2Fself-service%2Fsettings%2Fbrowser"), asked(200, 403, bySettings)},
		{"read settings", func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder {
			return h.do("GET", "/self-service/settings/flows?id="+p.settings.String(), p.token, nil)
		}, asked(200, 403, bySettings)},
		{"change a password", submit(map[string]any{"method": "password", "password": ""}), asked(400, 403, bySettings)},
		{"add an app", submit(map[string]any{"method": "totp", "totp_code": "abcdef"}), func(w world, p person) int {
			switch {
			case !w.admits(p, w.settings):
				return 403
			case !w.appsOn:
				return 404
			case p.app:
				return 200 // as recorded: nothing happens
			}
			return 400
		}},
		{"make backup codes", submit(map[string]any{"lookup_secret_regenerate": true}), asked(200, 403, bySettings)},
		{"remove a passkey that is not there", submit(map[string]any{"passkey_remove": "00"}), asked(400, 403, bySettings)},
		{"sign out elsewhere", func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder {
			return h.do("DELETE", "/sessions", p.token, nil)
		}, always(200)},
		{"end another session", func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder {
			return h.do("DELETE", "/sessions/"+uuid.NewString(), p.token, nil)
		}, always(204)},
		{"prove it again", get("/self-service/login/api?refresh=true"), always(200)},
		{"step up", get("/self-service/login/api?aal=aal2"), func(_ world, p person) int {
			if p.level == 2 {
				return 400
			}
			return 200
		}},
		{"take the data along", get("/self-service/account"), asked(200, 403, bySettings)},
		{"step up in a page's script", get("/self-service/login/browser?aal=aal2"), func(_ world, p person) int {
			if p.level == 2 {
				return 400
			}
			return 200
		}},
		// The last one: there is nobody afterwards.
		{"leave", func(h *oracleHouse, p *peopled) *httptest.ResponseRecorder {
			return h.do("DELETE", "/self-service/account", p.token, nil)
		}, asked(204, 403, bySettings)},
	}
}

// oracleHouse is a server whose clock stands still.
type oracleHouse struct {
	*testing.T
	app   *App
	rows  *store.Tenant
	clock *clock.Fake
	org   uuid.UUID
}

// peopled is a person of the house.
type peopled struct {
	person
	token    string
	settings uuid.UUID // a settings flow of the person's
}

func (h *oracleHouse) do(method, path, token string, body map[string]any) *httptest.ResponseRecorder {
	var r *http.Request
	if body == nil {
		r = httptest.NewRequest(method, "https://id.cardea.test"+path, nil)
	} else {
		raw, err := json.Marshal(body)
		if err != nil {
			h.Fatal(err)
		}
		r = httptest.NewRequest(method, "https://id.cardea.test"+path, strings.NewReader(string(raw)))
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("X-Session-Token", token)
	w := httptest.NewRecorder()
	h.app.Public.ServeHTTP(w, r)
	return w
}

// use puts a world in force.
func (h *oracleHouse) use(base *config.Snapshot, w world) {
	s := *base
	s.Session.WhoAmI.RequiredAAL, s.SelfService.Flows.Settings.RequiredAAL = w.whoami, w.settings
	s.SelfService.Methods.TOTP.Enabled = w.appsOn
	c := &s.Cardea.Assurance
	c.VerifiedPasskeysAreTwoFactors = w.passkeysAreBoth
	q := &c.RequireAAL2
	now := h.clock.Now()
	switch w.policy {
	case "due":
		q.Everyone = true
	case "in grace":
		q.Everyone, q.GracePeriod = true, time.Hour
	case "not yet":
		q.Everyone, q.Since = true, now.Add(time.Hour).Format(time.RFC3339)
	case "other schema":
		q.Schemas = []string{"another"}
	case "other organization":
		q.Organizations = []string{uuid.NewString()}
	case "organization":
		q.Organizations = []string{h.org.String()}
	}
	if err := h.app.use(h.Context(), &s); err != nil {
		h.Fatal(err)
	}
}

// people are all persons: each set of second factors with each level. They come with
// a settings flow and with the level noted that they would reach if everything were
// switched on.
func (h *oracleHouse) people() []*peopled {
	var all []*peopled
	err := h.rows.Tx(h.Context(), func(x *store.Tx) error {
		all = nil
		for n := range 16 {
			p := person{app: n&1 > 0, codes: n&2 > 0, key: n&4 > 0, passkey: n&8 > 0}
			for p.level = range 3 {
				i := h.identity(p)
				if err := x.CreateIdentity(i); err != nil {
					return err
				}
				one := &peopled{person: p, token: session.NewToken(h.app.rand), settings: uuid.New()}
				s := h.session(i, p.level)
				if err := x.CreateSession(s, session.HashToken(one.token)); err != nil {
					return err
				}
				now := h.clock.Now()
				f := &flow.Flow{
					ID: one.settings, Kind: flow.Settings, Type: flow.API, State: flow.ShowForm, IdentityID: &i.ID, RequestURL: "https://id.cardea.test/",
					IssuedAt: now, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(time.Hour),
				}
				if err := x.InsertFlow(f); err != nil {
					return err
				}
				all = append(all, one)
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return all
}

func (h *oracleHouse) identity(p person) *identity.Identity {
	id := uuid.New()
	i := identity.New(id, "default", h.clock.Now())
	i.Traits = json.RawMessage(fmt.Sprintf(`{"email": "%s@cardea.test"}`, id))
	i.OrganizationID = &h.org
	put := func(t identity.CredentialType, config string, identifiers ...string) {
		i.Credentials[t] = identity.Credential{Type: t, Config: json.RawMessage(config), Identifiers: identifiers}
	}
	put(identity.Password, `{"hashed_password": "$2a$04$"}`, id.String()+"@cardea.test")
	const aKey = `{"credentials": [{"id": "AQ==", "public_key": "AQ==", "is_passwordless": %t, "flags": {"user_verified": %t}}]}`
	if p.app {
		put(identity.TOTP, `{"apps": [{}]}`)
	}
	if p.codes {
		put(identity.LookupSecret, `{"recovery_codes": [{"code": "x"}]}`)
	}
	if p.key {
		put(identity.WebAuthn, fmt.Sprintf(aKey, false, false))
	}
	if p.passkey {
		put(identity.Passkey, fmt.Sprintf(aKey, true, true), "handle "+id.String())
	}
	i.AvailableAAL = identity.HighestAAL(i, identity.Factors{WebAuthnIsSecond: true, PasskeyIsBoth: true})
	return i
}

func (h *oracleHouse) session(i *identity.Identity, level int) *session.Session {
	s := session.New(uuid.New(), i, session.Method{Method: "password", AAL: session.AAL1}, session.Device{ID: uuid.New()}, h.clock.Now(), time.Hour)
	switch level {
	case 0:
		s.Methods, s.AAL = nil, session.AAL0
	case 2:
		s.Renew(session.Method{Method: "lookup_secret", AAL: session.AAL2}, h.clock.Now(), time.Hour)
	}
	return s
}

// worlds are all configurations in which who-am-I and the settings ask for these
// levels. No place asks for both.
func worlds(whoami, settings string) []world {
	var all []world
	for _, policy := range []string{"", "due", "in grace", "not yet", "other schema", "other organization", "organization"} {
		for n := range 4 {
			all = append(all, world{whoami, settings, policy, n&1 > 0, n&2 > 0})
		}
	}
	return all
}

func TestNobodyBelowTheLevelGetsInAndNobodyElseIsKeptOut(t *testing.T) {
	raw, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := strings.Join(strings.Fields(string(raw)), " ")
	for _, required := range [][2]string{{"aal1", "highest_available"}, {"highest_available", "aal1"}} {
		t.Run("whoami "+required[0], func(t *testing.T) {
			t.Parallel()
			h := newOracleHouse(t)
			base, combinations := h.app.config.Current(), 0
			for _, w := range worlds(required[0], required[1]) {
				h.use(base, w)
				for _, p := range h.people() {
					for _, e := range endpoints() {
						combinations++
						h.check(w, p.person, e, e.ask(h, p))
					}
				}
			}
			t.Logf("%d combinations", combinations)
			both := 2 * combinations
			if want := fmt.Sprintf("**%d,%03d combinations**", both/1000, both%1000); !strings.Contains(documented, want) {
				t.Errorf("docs/security.md does not say %s", want)
			}
		})
	}
}

func newOracleHouse(t *testing.T) *oracleHouse {
	t.Helper()
	const rp = `{rp: {id: cardea.test, display_name: Cardea, origins: ["https://www.cardea.test"]}`
	a, _ := start(t, nil, Options{Migrate: true, Clock: clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))},
		"dsn: memory\nselfservice: {methods: {password: {config: {haveibeenpwned_enabled: false}}, lookup_secret: {enabled: true}, "+
			"webauthn: {enabled: true, config: "+rp+", passwordless: false}}, passkey: {enabled: true, config: "+rp+"}}}}",
		"cardea: {account: {allow_export: true, allow_deletion: true}}")
	return &oracleHouse{T: t, app: a, rows: a.db.Tenant(store.DefaultTenant), clock: a.clock.(*clock.Fake), org: uuid.New()}
}

// check looks into an answer: a refusal says where to go, and shows nothing of the
// account; there, the form offers what the person has, or what can be set up.
func (h *oracleHouse) check(w world, p person, e endpoint, answer *httptest.ResponseRecorder) {
	h.Helper()
	body := answer.Body.String()
	if want := e.status(w, p); answer.Code != want {
		h.Fatalf("%s answers %d, want %d: %+v in %+v: %s", e.name, answer.Code, want, p, w, body)
	}
	switch {
	case answer.Code == 403 && (!strings.Contains(body, "session_aal2_required") || !strings.Contains(body, "aal=aal2") || strings.Contains(body, "@cardea.test")):
		h.Fatalf("%s refuses with %s", e.name, body)
	case e.name == "step up" && answer.Code == 200:
		if want, got := w.leads(p), offers(answer); !slices.Equal(got, want) {
			h.Fatalf("the login offers %v, want %v: %+v in %+v: %s", got, want, p, w, body)
		}
	}
}

// offers are the nodes of a form with which a second factor is shown or set up.
func offers(answer *httptest.ResponseRecorder) []string {
	var page struct {
		UI struct {
			Nodes []struct {
				Attributes struct{ Name, ID string }
			}
		}
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &page)
	found := map[string]bool{}
	for _, n := range page.UI.Nodes {
		found[n.Attributes.Name], found[n.Attributes.ID] = true, true
	}
	if found["totp_secret_key"] {
		delete(found, "totp_code")
	}
	var all []string
	for _, name := range []string{"totp_secret_key", "totp_code", "passkey_settings_register", "lookup_secret", "passkey_login"} {
		if found[name] {
			all = append(all, name)
		}
	}
	return all
}
