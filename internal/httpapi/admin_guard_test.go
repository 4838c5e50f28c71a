package httpapi

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cardea/internal/apikey"
)

// guardedPort is a configuration whose admin port others reach.
const guardedPort = "\ncardea: {admin: {client_ca: /authorities.pem}}\n"

// key stores an API key and gives what its holder sends.
func (d *desk) key(scopes string, ttl time.Duration) (token string, k *apikey.Key) {
	d.t.Helper()
	parsed, err := apikey.ParseScopes(scopes)
	if err != nil {
		d.t.Fatal(err)
	}
	token, k, err = apikey.New(rand.Reader, scopes, parsed, d.clock.Now(), ttl)
	if err := errors.Join(err, d.rows.CreateAPIKey(d.t.Context(), k)); err != nil {
		d.t.Fatal(err)
	}
	return token, k
}

// address is a route's path with something in the place of its parameters.
func address(r Route) string { return pathParameter.ReplaceAllString(r.Pattern, unknownID) }

// knock sends a request to a route and says whether it was let in. Whatever answers
// it behind the door is nobody's business here, a panic for want of a part included.
func (d *desk) knock(r Route, token string, prepare ...func(*http.Request)) (status int) {
	d.t.Helper()
	method := r.Method
	if method == "" {
		method = "GET"
	}
	req := newRequest(method, address(r), "application/json", "{}")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, p := range prepare {
		p(req)
	}
	return d.send(req).Code
}

func refused(status int) bool { return status == 401 || status == 403 }

// TestWhoMayUseWhichRoute walks through the table of routes: a route that nobody has
// thought of fails closed.
func TestWhoMayUseWhichRoute(t *testing.T) {
	d := newDesk(t, guardedPort)
	all, _ := d.key("*", 0)
	over, _ := d.key("*", time.Minute)
	withdrawn, k := d.key("*", 0)
	if err := d.rows.RevokeAPIKey(t.Context(), k.ID, d.clock.Now()); err != nil {
		t.Fatal(err)
	}
	scoped := map[apikey.Scope]string{}
	for _, r := range apikey.Resources() {
		for _, a := range append(r.Accesses(), "*") {
			s := apikey.Scope(string(r) + ":" + string(a))
			scoped[s], _ = d.key(string(s), 0)
		}
	}
	d.clock.Advance(time.Hour)
	guarded := 0
	for _, r := range d.wire.routes {
		if r.Scope != admin {
			continue
		}
		name := r.Method + " " + r.Pattern
		if r.Free {
			if status := d.knock(r, ""); refused(status) {
				t.Errorf("%s asks for a key: %d", name, status)
			}
			continue
		}
		guarded++
		if r.Resource == "" || r.Access == "" {
			t.Errorf("%s is open to all-powerful keys only, and says so nowhere", name)
		}
		for about, token := range map[string]string{
			"no key": "", "a key that is over": over, "a revoked key": withdrawn, "an unknown key": all + "x", "a session token": "ory_st_x",
		} {
			if status := d.knock(r, token); status != 401 {
				t.Errorf("%s answers %d to %s", name, status, about)
			}
		}
		if status := d.knock(r, all); refused(status) {
			t.Errorf("%s answers %d to an all-powerful key", name, status)
		}
		for s, token := range scoped {
			want := (apikey.Scopes{s}).Allow(r.Resource, r.Access)
			if status := d.knock(r, token); refused(status) == want {
				t.Errorf("%s answers %d to a key for %s", name, status, s)
			}
		}
	}
	if guarded < 20 {
		t.Errorf("only %d routes were tried", guarded)
	}
}

// Secrets are asked for in the query, so every route of identities is asked in every
// way there is.
func TestSecretsOfIdentitiesTakeAScopeOfTheirOwn(t *testing.T) {
	d := newDesk(t, guardedPort)
	plain, _ := d.key("identities:read identities:write", 0)
	alone, _ := d.key("identities:secrets", 0)
	full, _ := d.key("identities:read identities:write identities:secrets", 0)
	star, _ := d.key("identities:*", 0)
	tried := 0
	for _, r := range d.wire.routes {
		if r.Scope != admin || r.Resource != apikey.Identities {
			continue
		}
		for _, query := range []string{"include_credential=password", "credentials=true", "page_size=1&include_credential=oidc&include_credential=totp"} {
			tried++
			asking := func(req *http.Request) { req.URL.RawQuery = query }
			for about, token := range map[string]string{"to a key without them": plain, "to a key for nothing else": alone} {
				if status := d.knock(r, token, asking); status != 403 {
					t.Errorf("%s %s?%s answers %d %s", r.Method, r.Pattern, query, status, about)
				}
			}
			for _, token := range []string{full, star} {
				if status := d.knock(r, token, asking); refused(status) {
					t.Errorf("%s %s?%s answers %d to a key with them", r.Method, r.Pattern, query, status)
				}
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d requests were tried", tried)
	}
}

func TestARouteThatNobodyNamedIsClosed(t *testing.T) {
	d := newDesk(t, guardedPort)
	some, _ := d.key("identities:* sessions:* courier:* recovery:* metrics:*", 0)
	all, _ := d.key("*", 0)
	h := d.wire.guarded(Route{Scope: admin, Pattern: "/admin/new", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }})
	for token, want := range map[string]int{"": 401, some: 403, all: 200} {
		req := newRequest("GET", "/admin/new", "", "")
		req.Header.Set("Authorization", "Bearer "+token)
		if a := d.serve(h, req); a.Code != want {
			t.Errorf("it answers %d, want %d", a.Code, want)
		}
	}
}

func TestTheAnswerToNoKeySaysWhatIsMissing(t *testing.T) {
	d := newDesk(t, guardedPort)
	a := d.want(401, "GET", "/identities", "")
	if a.Header().Get("WWW-Authenticate") != "Bearer" || !strings.Contains(a.text("error", "reason"), apikey.Prefix) {
		t.Errorf("%v %s", a.Header(), a.Body)
	}
}

func TestAPortOfThisMachineStaysOpen(t *testing.T) {
	for about, tc := range map[string]struct {
		more   string
		status int
	}{
		"left out":                 {"", 200},
		"opened":                   {"\ncardea: {admin: {open: true}}\n", 200},
		"with client certificates": {guardedPort, 401},
	} {
		d := newDesk(t, tc.more)
		if a := d.ask("GET", "/admin/identities", ""); a.Code != tc.status {
			t.Errorf("%s: %d", about, a.Code)
		}
	}
}

func TestAClientCertificateOpensThePort(t *testing.T) {
	shown := func(chains [][]*x509.Certificate) func(*http.Request) {
		return func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}, VerifiedChains: chains}
		}
	}
	d := newDesk(t, guardedPort)
	r := d.wire.routes[len(d.wire.routes)-1]
	for _, one := range d.wire.routes {
		if one.Operation == "listIdentities" {
			r = one
		}
	}
	if status := d.knock(r, "", shown([][]*x509.Certificate{{{}}})); status != 200 {
		t.Errorf("a verified certificate: %d", status)
	}
	if status := d.knock(r, "", shown(nil)); status != 401 {
		t.Errorf("a certificate that nobody verified: %d", status)
	}
}
