package oidc_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"cardea/cardeatest"
)

func TestTokensOfProvidersAreEncryptedInTheDatabase(t *testing.T) {
	p := cardeatest.NewProvider(t)
	dir := t.TempDir()
	h := &house{t, cardeatest.New(t, cardeatest.Options{
		DSN: "sqlite://" + filepath.ToSlash(filepath.Join(dir, "kept.db")),
		Config: "selfservice:\n  methods: {oidc: {enabled: true, config: {providers: [" + p.Config("acme", "") + "]}}}\n" +
			"  flows: {registration: {after: {oidc: {hooks: [{hook: session}]}}}}",
	}), p}
	v := h.visitor(cardeatest.SPA)
	v.goThrough("login", "acme", ann)
	id := v.wantSignedIn("ann@cardea.test").Text("identity", "id")
	operator := h.Client(cardeatest.Native)
	const path = "/admin/identities/"
	if a := operator.Get(h.AdminURL + path + id + "?include_credential=oidc"); !bytes.Contains(a.Body, []byte(`"initial_refresh_token":"refresh-access-1"`)) {
		t.Errorf("an operator who asks does not see them: %s", a.Body)
	}
	if a := operator.Get(h.AdminURL + path + id); bytes.Contains(a.Body, []byte("access-1")) {
		t.Errorf("an operator who does not ask sees them: %s", a.Body)
	}
	files, err := filepath.Glob(filepath.Join(dir, "kept.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database: %v", err)
	}
	found := false
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(raw, []byte("ann@cardea.test"))
		for _, token := range []string{"access-1", "refresh-access-1"} {
			if bytes.Contains(raw, []byte(token)) {
				t.Errorf("%s holds %s", filepath.Base(file), token)
			}
		}
	}
	if !found {
		t.Error("the files do not hold the account at all")
	}
}

func TestAProviderGoesByItsLabel(t *testing.T) {
	h := newHouse(t, ", label: The Acme Works")
	v := h.visitor(cardeatest.SPA)
	v.client.SignUp("ann@cardea.test", cardeatest.Password)
	for kind, want := range map[string]string{"login": "The Acme Works", "registration": "The Acme Works", "settings": "The Acme Works"} {
		who, name := h.visitor(cardeatest.SPA), "provider"
		if kind == "settings" {
			who, name = v, "link"
		}
		labels := map[any]any{}
		for _, n := range who.start(kind, "").Answer.UI().Nodes {
			if n.Attributes["name"] == name {
				labels[n.Attributes["value"]] = n.Meta.Label.Context["provider"]
			}
		}
		if labels["acme"] != want || labels["beta"] != "beta" {
			t.Errorf("%s: the providers are called %v", kind, labels)
		}
	}
}

func TestOnlySomeParametersReachAProvider(t *testing.T) {
	h := newHouse(t, "")
	passed := map[string]bool{"hd": true, "prompt": true, "auth_type": true, "acr_values": true}
	sent := claims{"number": 1, "list": []string{"x"}}
	for name := range passed {
		sent[name] = "mine"
	}
	for _, name := range []string{
		"login_hint", "redirect_uri", "state", "client_id", "scope", "response_type", "response_mode", "nonce", "code_challenge",
		"code_challenge_method", "claims", "request", "request_uri", "id_token_hint", "max_age", "HD", "hd ",
	} {
		sent[name] = "mine"
	}
	v := h.visitor(cardeatest.SPA)
	v.client.SignUp("ann@cardea.test", cardeatest.Password)
	for kind, choice := range map[string]string{"login": "provider", "registration": "provider", "settings": "link"} {
		who := h.visitor(cardeatest.SPA)
		if kind == "settings" {
			who = v
		}
		u, err := url.Parse(who.choose(who.start(kind, ""), claims{choice: "acme", "upstream_parameters": sent}))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range u.Query() {
			if (values[0] == "mine") != passed[name] || len(values) != 1 {
				t.Errorf("%s: the provider gets %s=%v", kind, name, values)
			}
		}
		for name := range passed {
			if u.Query().Get(name) != "mine" {
				t.Errorf("%s: the provider does not get %s", kind, name)
			}
		}
	}
}
