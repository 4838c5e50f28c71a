package httpapi

import (
	"net/http"
	"strings"

	"cardea/internal/apikey"
	"cardea/internal/flow"
)

// Scope is the port a route is served on.
type Scope int

// The ports.
const (
	public Scope = iota
	admin
)

// Route is one line of the table of routes.
type Route struct {
	Scope     Scope
	Method    string // "" for any
	Pattern   string // as in net/http
	Operation string // operationId of the API description; "" for what it does not describe

	// Resource and Access are what a key of the admin port needs. Free routes of that
	// port need none. One that says neither is open to all-powerful keys only, so a
	// new route fails closed.
	Resource apikey.Resource
	Access   apikey.Access
	Free     bool

	handler http.HandlerFunc
}

// table is every address there is.
func (s *Server) table() []Route {
	var t []Route
	add := func(scope Scope, method, pattern, operation string, h http.HandlerFunc) {
		t = append(t, Route{Scope: scope, Method: method, Pattern: pattern, Operation: operation, handler: h})
	}
	// free are the routes of the admin port that tell nothing and change nothing.
	free := func(method, pattern, operation string, h http.HandlerFunc) {
		t = append(t, Route{Scope: admin, Method: method, Pattern: pattern, Operation: operation, Free: true, handler: h})
	}
	for _, k := range []flow.Kind{flow.Login, flow.Registration, flow.Settings, flow.Recovery, flow.Verification} {
		name, path := title(string(k)), "/self-service/"+string(k)
		add(public, "GET", path+"/browser", "createBrowser"+name+"Flow", s.start(k, flow.Browser))
		add(public, "GET", path+"/api", "createNative"+name+"Flow", s.start(k, flow.API))
		add(public, "GET", path+"/flows", "get"+name+"Flow", s.fetch(k))
		add(public, "POST", path, "update"+name+"Flow", s.submit(k))
		add(public, "GET", path, "", s.submit(k))
		for _, sub := range []string{path + "/browser", path + "/api", path + "/flows", path} {
			free("", "/admin"+sub, "", s.toPublic)
		}
	}

	add(public, "GET", "/self-service/logout/browser", "createBrowserLogoutFlow", s.startLogout)
	add(public, "GET", "/self-service/logout", "updateLogoutFlow", s.browserLogout)
	add(public, "DELETE", "/self-service/logout/api", "performNativeLogout", s.nativeLogout)
	add(public, "GET", "/self-service/errors", "getFlowError", s.getError)
	add(public, "POST", "/self-service/undo", "undoAddressChange", s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Undo(r.Context(), v)
	}))
	add(public, "GET", "/self-service/captcha/challenge", "createCaptchaChallenge", s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Challenge(r.Context(), v)
	}))
	add(public, "POST", "/self-service/not-me", "endForeignSession", s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.NotMe(r.Context(), v)
	}))
	add(public, "GET", "/.well-known/change-password", "", s.changePassword)
	add(public, "GET", jwksPath, "getSessionKeys", s.jwks)
	add(public, "GET", "/.well-known/ory/webauthn.js", "getWebAuthnJavaScript", s.webauthnJS)
	for _, sub := range []string{"/self-service/logout/browser", "/self-service/logout", "/self-service/logout/api", "/self-service/errors"} {
		free("", "/admin"+sub, "", s.toPublic)
	}

	for _, pattern := range []string{"/self-service/methods/oidc/callback", "/self-service/methods/oidc/callback/{provider}"} {
		add(public, "GET", pattern, "", s.comeBack("oidc"))
		add(public, "POST", pattern, "", s.posted)
	}

	add(public, "GET", "/self-service/fed-cm/parameters", "createFedcmFlow", s.offerMediation)
	add(public, "POST", "/self-service/fed-cm/token", "updateFedcmFlow", s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer {
		return s.Engine.Mediate(r.Context(), v)
	}))

	add(public, "DELETE", "/self-service/login/test", "deleteTestLoginFlow", s.endTrial)

	add(public, "GET", "/sessions/whoami", "toSession", s.whoami)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"} {
		add(public, method, "/sessions/whoami", "", s.whoami) // proxies ask with the method of the request they guard
	}
	free("GET", "/admin/sessions/whoami", "", s.toPublic)
	free("DELETE", "/admin/sessions", "", s.toPublic)
	add(public, "GET", "/sessions", "listMySessions", s.listOwnSessions)
	add(public, "DELETE", "/sessions", "disableMyOtherSessions", s.revokeOtherSessions)
	add(public, "DELETE", "/sessions/{id}", "disableMySession", s.revokeOwnSession)
	add(public, "GET", "/sessions/token-exchange", "exchangeSessionToken", s.exchangeToken)

	add(public, "GET", "/self-service/account", "exportMyAccount", s.exportOwnAccount)
	add(public, "DELETE", "/self-service/account", "deleteMyAccount", s.deleteOwnAccount)

	add(public, "GET", "/schemas", "listIdentitySchemas", s.listSchemas)
	add(public, "GET", "/schemas/{id}", "getIdentitySchema", s.getSchema)
	free("GET", "/admin/schemas", "", s.toPublic)
	free("GET", "/admin/schemas/{id}", "", s.toPublic)

	add(public, "GET", "/health/alive", "isAlive", s.alive)
	add(public, "GET", "/health/ready", "isReady", s.ready(public))
	free("GET", "/admin/health/alive", "", s.alive)
	free("GET", "/admin/health/ready", "", s.ready(admin))
	free("GET", "/admin/version", "getVersion", s.version)
	free("GET", "/admin/health/config", "", s.configMark)
	t = append(t, under(apikey.Metrics, []entry{{"GET", "/admin/metrics/prometheus", "", s.metrics}})...)

	t = append(t, s.pprofTable()...)
	t = append(t, s.adminTable()...)
	t = append(t, s.courierTable()...)
	t = append(t, s.eventTable()...)
	t = append(t, s.auditTable()...)
	t = append(t, s.organizationTable()...)
	for _, r := range redirectedToAdmin {
		add(public, r.method, r.pattern, "", s.toAdmin)
	}
	return t
}

// redirectedToAdmin are the admin addresses that the public port knows, only to
// send clients to the right one.
var redirectedToAdmin = []struct{ method, pattern string }{
	{"GET", "/identities"}, {"POST", "/identities"}, {"GET", "/admin/identities"}, {"POST", "/admin/identities"},
	{"GET", "/identities/{id}"}, {"PUT", "/identities/{id}"}, {"PATCH", "/identities/{id}"}, {"DELETE", "/identities/{id}"},
	{"GET", "/admin/identities/{id}"}, {"PUT", "/admin/identities/{id}"}, {"PATCH", "/admin/identities/{id}"}, {"DELETE", "/admin/identities/{id}"},
	{"GET", "/identities/by/external/{external}"}, {"GET", "/admin/identities/by/external/{external}"},
	{"DELETE", "/identities/{id}/credentials/{type}"}, {"DELETE", "/admin/identities/{id}/credentials/{type}"},
	{"DELETE", "/identities/{id}/sessions"}, {"DELETE", "/admin/identities/{id}/sessions"},
	{"GET", "/admin/courier/messages"}, {"GET", "/admin/courier/messages/{id}"},
	{"POST", "/recovery/code"}, {"POST", "/recovery/link"},
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// mux serves one port. What no route takes is for the pages to answer, or is up to
// the routes alone: a page never shows among the verbs of an address.
func (s *Server) mux(scope Scope) http.Handler {
	routes, all := http.NewServeMux(), http.NewServeMux()
	for _, r := range s.routes {
		if r.Scope != scope {
			continue
		}
		pattern := r.Pattern
		if r.Method != "" {
			pattern = r.Method + " " + pattern
		}
		if scope == admin {
			r.handler = s.guarded(r)
		}
		handler := s.observed(r)
		routes.HandleFunc(pattern, handler)
		all.HandleFunc(pattern, handler)
	}
	if scope == admin || s.pages == nil {
		return routes
	}
	all.HandleFunc("/", s.observed(Route{Pattern: "/", handler: func(w http.ResponseWriter, r *http.Request) {
		if s.pages.Claims(s.compiled.Load().Setup, r) {
			s.pages.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	}}))
	return all
}

// class says how the anti-CSRF middleware treats a path (section 8.3 of the
// HTTP reference).
type class int

const (
	classNormal   class = iota // gets a cookie; unsafe methods need the token
	classIgnored               // a cookie is read, none is made; handlers check for themselves
	classDisabled              // nothing of the kind
)

// disabledPaths have nothing to do with browsers.
var disabledPaths = map[string]bool{
	jwksPath: true, "/health/alive": true, "/health/ready": true, "/version": true, "/metrics/prometheus": true,
}

// ignoredPaths are exempt one by one, ignoredBelow with everything below them.
var (
	ignoredPaths = map[string]bool{
		"/self-service/login/api": true, "/self-service/registration/api": true, "/self-service/settings/api": true,
		"/self-service/recovery/api": true, "/self-service/verification/api": true,
		"/self-service/login": true, "/self-service/registration": true, "/self-service/settings": true,
		"/self-service/recovery": true, "/self-service/verification": true,
		"/self-service/methods/oidc/callback": true,
		"/self-service/login/test":            true, "/self-service/logout/api": true, "/self-service/account": true,
		"/self-service/fed-cm/token": true, "/self-service/captcha/challenge": true,
		"/self-service/undo":   true, // its token is no cookie: nobody sends it unawares
		"/self-service/not-me": true, // the same
		"/sessions":            true, "/recovery/code": true, "/recovery/link": true,
		"/admin/recovery/code": true, "/admin/recovery/link": true,
	}
	ignoredBelow = []string{
		"/identities", "/admin/identities", "/schemas/", "/admin/schemas/",
		"/courier/", "/admin/courier/", "/self-service/methods/oidc/callback/",
	}
)

func classOf(path string) class {
	switch {
	case disabledPaths[path]:
		return classDisabled
	case ignoredPaths[path]:
		return classIgnored
	}
	if rest, ok := strings.CutPrefix(path, "/sessions/"); ok && (!strings.Contains(rest, "/") || strings.HasSuffix(rest, "/extend")) {
		return classIgnored
	}
	for _, below := range ignoredBelow {
		if strings.HasPrefix(path, below) {
			return classIgnored
		}
	}
	return classNormal
}

// toPublic sends a client of the admin port to the public one.
func (s *Server) toPublic(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	to := set.Public(strings.TrimPrefix(r.URL.Path, "/admin"), nil)
	http.Redirect(w, r, withRawQuery(to, r.URL.RawQuery), http.StatusTemporaryRedirect)
}

// toAdmin sends a client of the public port to the admin one.
func (s *Server) toAdmin(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	to := strings.TrimSuffix(set.Serve.Admin.BaseURL.String(), "/") + "/admin" + strings.TrimPrefix(r.URL.EscapedPath(), "/admin")
	http.Redirect(w, r, withRawQuery(to, r.URL.RawQuery), http.StatusTemporaryRedirect)
}

func withRawQuery(address, query string) string {
	if query == "" {
		return address
	}
	return address + "?" + query
}
