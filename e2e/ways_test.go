package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

const withCodes = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object", "properties": {
  "email": {"title": "E-mail", "type": "string", "format": "email", "ory.sh/kratos": {
    "credentials": {"password": {"identifier": true}, "code": {"identifier": true, "via": "email"}, "totp": {"account_name": true}},
    "verification": {"via": "email"}, "recovery": {"via": "email"}}},
  "name": {"title": "Name", "type": "string"}}, "required": ["email"], "additionalProperties": false}}}`

func TestPeopleTakeTheOtherWaysOnTheAccountPages(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	base := serve(t, build(t), "127.0.0.1", func(tree map[string]any, _ string) {
		tree["identity"] = map[string]any{"default_schema_id": "person", "schemas": []any{
			map[string]any{"id": "person", "url": "base64://" + base64.StdEncoding.EncodeToString([]byte(withCodes))},
		}}
		tree["feature_flags"] = map[string]any{"choose_recovery_address": true}
		everyJourney(tree, "")
		selfservice := tree["selfservice"].(map[string]any)
		methods, flows := selfservice["methods"].(map[string]any), selfservice["flows"].(map[string]any)
		methods["code"] = map[string]any{"enabled": true, "passwordless_enabled": true}
		methods["totp"] = map[string]any{"enabled": true, "config": map[string]any{"issuer": "Cardea"}}
		methods["lookup_secret"] = map[string]any{"enabled": true}
		flows["login"] = map[string]any{"style": "identifier_first"}
		flows["registration"].(map[string]any)["style"] = "profile_first"
	})
	run(t, browser, base, "ways")
}

func TestPeoplePassTheBarrierAgainstRobots(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	base := serve(t, build(t), "127.0.0.1", func(tree map[string]any, _ string) {
		everyJourney(tree, "")
		tree["cardea"] = map[string]any{"captcha": map[string]any{"when": "always"}}
	})
	run(t, browser, base, "barrier")
}

func TestAnOAuth2ServerGetsPeopleBackFromTheAccountPages(t *testing.T) {
	if testing.Short() {
		t.Skip("visits with a real browser take a while; -short leaves them out")
	}
	browser := needs(t)
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><title>welcome</title>`))
	}))
	t.Cleanup(application.Close)
	base := serve(t, build(t), "127.0.0.1", func(tree map[string]any, _ string) {
		tree["oauth2_provider"] = map[string]any{"url": oauth2Server(t, application.URL)}
	})
	run(t, browser, base, "handoff", "APPLICATION_URL="+application.URL)
}

// oauth2Server is the part of an OAuth2 server's admin API that a login needs, as Ory
// Hydra speaks it. Whoever is accepted is sent on to an application.
func oauth2Server(t *testing.T, application string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		challenge := r.URL.Query().Get("login_challenge")
		answer := map[string]any{
			"challenge": challenge, "client": map[string]any{"client_id": "shop", "client_name": "The Shop"},
			"request_url": application + "/oauth2/auth?client_id=shop",
		}
		if r.Method == http.MethodPut {
			answer = map[string]any{"redirect_to": application + "/welcome?login_challenge=" + challenge}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
