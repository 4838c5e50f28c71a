package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

// mapper makes an account of what the provider says about somebody.
const mapper = `local claims = std.extVar('claims'); {identity: {traits: {email: claims.email}}}`

func TestPeopleSignInWithAnAccountElsewhereOnTheAccountPages(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	issuer, front, register := provider(t)
	base := serve(t, build(t), "127.0.0.1", func(tree map[string]any, base string) {
		selfservice := tree["selfservice"].(map[string]any)
		register(base + "self-service/methods/oidc/callback/elsewhere")
		methods := selfservice["methods"].(map[string]any)
		methods["oidc"] = map[string]any{"enabled": true, "config": map[string]any{"providers": []any{map[string]any{
			"id": "elsewhere", "provider": "generic", "label": "Elsewhere", "issuer_url": issuer,
			"client_id": "cardea", "client_secret": "a-secret-of-both", "scope": []any{"profile", "email"}, "claims_source": "userinfo",
			"mapper_url": "base64://" + base64.StdEncoding.EncodeToString([]byte(mapper)),
		}}}}
		registration := selfservice["flows"].(map[string]any)["registration"].(map[string]any)
		registration["after"].(map[string]any)["oidc"] = map[string]any{"hooks": []map[string]any{{"hook": "session"}}}
	})
	run(t, browser, base, "elsewhere", "PROVIDER_URL="+issuer, "FRONT_URL="+front)
}

func TestMembersOfAnOrganizationComeInThroughItsConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	const organization = "6f8f1f0b-98a5-4c9e-8a5e-0d6a6c1e7a11"
	browser := needs(t)
	issuer, front, register := provider(t)
	base := serve(t, build(t), "127.0.0.1", func(tree map[string]any, base string) {
		register(base + "self-service/methods/oidc/callback/acme")
		selfservice := tree["selfservice"].(map[string]any)
		methods, flows := selfservice["methods"].(map[string]any), selfservice["flows"].(map[string]any)
		methods["b2b"] = map[string]any{"config": map[string]any{"organizations": []any{
			map[string]any{"id": organization, "label": "Acme", "domains": []string{"zitadel.ch"}},
		}}}
		methods["oidc"] = map[string]any{"enabled": true, "config": map[string]any{"providers": []any{map[string]any{
			"id": "acme", "provider": "generic", "label": "Acme", "issuer_url": issuer, "organization_id": organization,
			"client_id": "cardea", "client_secret": "a-secret-of-both", "scope": []any{"profile", "email"}, "claims_source": "userinfo",
			"mapper_url": "base64://" + base64.StdEncoding.EncodeToString([]byte(mapper)),
		}}}}
		flows["registration"].(map[string]any)["after"].(map[string]any)["oidc"] = map[string]any{"hooks": []map[string]any{{"hook": "session"}}}
		flows["login"] = map[string]any{"style": "identifier_first"}
	})
	run(t, browser, base, "organization", "PROVIDER_URL="+issuer, "FRONT_URL="+front, "ORGANIZATION="+organization)
}

// provider starts an OpenID provider that this house has not written. It is told
// where browsers may come back to before it is asked for the first time.
func provider(t *testing.T) (issuer, front string, register func(callback string)) {
	t.Helper()
	var handler atomic.Pointer[http.Handler]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	// Providers send people on before they ask them anything, often to other hosts.
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	t.Cleanup(at.Close)
	return server.URL, at.URL, func(callback string) {
		storage.RegisterClients(storage.WebClient("cardea", "a-secret-of-both", callback))
		var op http.Handler = exampleop.SetupServer(server.URL, storage.NewStorage(storage.NewUserStore(server.URL)), nil, false)
		op = frontedBy(at.URL, op)
		handler.Store(&op)
	}
}

// frontedBy gives a provider an authorization endpoint on another host.
func frontedBy(front string, op http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			op.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		op.ServeHTTP(answer, r)
		var document map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		document["authorization_endpoint"] = front + "/auth"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document)
	})
}
