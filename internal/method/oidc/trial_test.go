package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// trial is an operator who tries a provider out.
type trial struct {
	*visitor
	id, csrf string
}

func (h *house) tryOut(provider string) *trial {
	h.Helper()
	a := h.Client(cardeatest.Native).Do("POST", h.AdminURL+"/admin/test-login-flows", claims{"provider_id": provider})
	if a.Status != 201 {
		h.Fatalf("start a trial: %d %s", a.Status, a.Body)
	}
	csrf, _ := a.Node("csrf_token").Attributes["value"].(string)
	return &trial{h.visitor(cardeatest.Browser), a.Text("id"), csrf}
}

func (tr *trial) submit(fields url.Values) *cardeatest.Answer {
	tr.Helper()
	return tr.client.Do("POST", "/self-service/login?flow="+tr.id, fields)
}

// leave goes to the provider and gives its address.
func (tr *trial) leave() string {
	tr.Helper()
	a := tr.submit(url.Values{"provider": {"acme"}, "csrf_token": {tr.csrf}})
	if a.Status != 303 || !strings.HasPrefix(a.Location, tr.provider.URL) {
		tr.Fatalf("go to the provider: %d to %q", a.Status, a.Location)
	}
	return a.Location
}

func (tr *trial) fetch(c *cardeatest.Client) *cardeatest.Answer {
	tr.Helper()
	return c.Get("/self-service/login/flows?id=" + tr.id)
}

// report comes back from the provider and reads what the trial has shown.
func (tr *trial) report(callback string) map[string]any {
	tr.Helper()
	a := tr.comeBack(callback)
	if want := tr.PublicURL + "/session/test-oidc?flow=" + tr.id; a.Location != want {
		tr.Fatalf("back from the provider: %d to %q, want %q", a.Status, a.Location, want)
	}
	got := tr.fetch(tr.client)
	var body struct {
		Trial struct {
			Report map[string]any `json:"debug_payload"`
		} `json:"test_context"`
	}
	if err := json.Unmarshal(got.Body, &body); err != nil || body.Trial.Report == nil {
		tr.Fatalf("the report: %d %s", got.Status, got.Body)
	}
	return body.Trial.Report
}

func (tr *trial) nobodyCame() {
	tr.Helper()
	tr.wantNobody("after a trial")
	if a := tr.Client(cardeatest.Native).Get(tr.AdminURL + "/admin/identities"); strings.TrimSpace(string(a.Body)) != "[]" {
		tr.Errorf("a trial made accounts: %s", a.Body)
	}
}

func TestATrialShowsWhatAProviderSaysAndMakesNobody(t *testing.T) {
	h := newHouse(t, "")
	tr := h.tryOut("acme")
	got := tr.report(h.provider.Consent(tr.leave(), claims{"sub": "ann", "email": "ann@cardea.test", "given_name": "Ann"}))
	traits := got["jsonnet_output"].(claims)["identity"].(claims)["traits"].(claims)
	if traits["email"] != "ann@cardea.test" || got["id_token_claims"].(claims)["sub"] != "ann" || got["error"] != nil {
		t.Errorf("the report is %v", got)
	}
	tr.nobodyCame()
	if a := tr.client.Get("/session/test-oidc?flow=" + tr.id); a.Status == 500 {
		t.Errorf("the page of the report: %d", a.Status)
	}
	// Somebody who has an account is not signed in, either.
	v := h.visitor(cardeatest.SPA)
	v.goThrough("login", "acme", ann)
	again := h.tryOut("acme")
	again.report(h.provider.Consent(again.leave(), ann))
	again.wantNobody("after a trial by somebody who has an account")
}

func TestATrialSaysWhereASignInEnded(t *testing.T) {
	good := func(h *house, authorize string) string { return h.provider.Consent(authorize, ann) }
	for name, c := range map[string]struct {
		mapper       string
		come         func(h *house, authorize string) string
		step, reason string
	}{
		"the person says no": {"", func(_ *house, authorize string) string {
			u, _ := url.Parse(authorize)
			return u.Query().Get("redirect_uri") + "?error=access_denied&state=" + url.QueryEscape(u.Query().Get("state"))
		}, "provider_denied", "access_denied"},
		"no code": {"", func(_ *house, authorize string) string {
			u, _ := url.Parse(authorize)
			return u.Query().Get("redirect_uri") + "?state=" + url.QueryEscape(u.Query().Get("state"))
		}, "callback", "callback_failed"},
		"a code that is not taken": {"", func(h *house, authorize string) string {
			return strings.Replace(good(h, authorize), "code=code-", "code=other-", 1)
		}, "token_exchange", "exchange_failed"},
		"a token of somebody else": {"", func(h *house, authorize string) string {
			h.provider.Token = func(_, c map[string]any) { c["aud"] = "other" }
			return good(h, authorize)
		}, "id_token_verify", "verification_failed"},
		"claims of a wrong type": {"", func(h *house, authorize string) string {
			return h.provider.Consent(authorize, claims{"sub": "ann", "amr": "pwd"})
		}, "claims_decode", "claims_invalid"},
		"nobody": {"", func(h *house, authorize string) string {
			return h.provider.Consent(authorize, claims{"sub": ""})
		}, "claims_decode", "missing_claims"},
		"a mapper that fails":          {`error 'no'`, good, "jsonnet_run", "evaluation_failed"},
		"a mapper without traits":      {`{}`, good, "jsonnet_run", "invalid_traits"},
		"a mapper with wrong metadata": {`{identity: {traits: {}, metadata_public: 1}}`, good, "jsonnet_run", "invalid_metadata_public"},
		"traits that the schema refuses": {"", func(h *house, authorize string) string {
			return h.provider.Consent(authorize, claims{"sub": "ann"})
		}, "schema_validate", "traits_invalid"},
		"another provider's address": {"", func(h *house, authorize string) string {
			return strings.Replace(good(h, authorize), "/callback/acme", "/callback/beta", 1)
		}, "state_validate", "state_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := cardeatest.NewProvider(t)
			p.Mapper = c.mapper
			h := startHouse(t, p, "")
			tr := h.tryOut("acme")
			got := tr.report(c.come(h, tr.leave()))
			e, _ := got["error"].(claims)
			if e["step"] != c.step || e["reason"] != c.reason || e["message"] == "" {
				t.Errorf("the trial ended with %v, want %s / %s", got, c.step, c.reason)
			}
			if c.reason == "traits_invalid" && len(got["schema_validation_errors"].([]any)) == 0 {
				t.Error("it does not say what is wrong with the traits")
			}
			tr.nobodyCame()
		})
	}
}

func TestATrialTakesNothingButItsProviderAndItsToken(t *testing.T) {
	h := newHouse(t, "")
	h.Client(cardeatest.SPA).SignUp("ann@cardea.test", cardeatest.Password)
	tr := h.tryOut("acme")
	if a := tr.submit(url.Values{"provider": {"acme"}, "csrf_token": {"4e0f8ad5-5f1c-4c6e-8d3b-07c1fbd6a1f0"}}); !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
		t.Errorf("a guessed token: %d to %q", a.Status, a.Location)
	}
	if a := tr.submit(url.Values{"provider": {"beta"}, "csrf_token": {tr.csrf}}); strings.HasPrefix(a.Location, tr.provider.URL) {
		t.Errorf("another provider: %d to %q", a.Status, a.Location)
	}
	tr.submit(url.Values{"method": {"password"}, "identifier": {"ann@cardea.test"}, "password": {cardeatest.Password}, "csrf_token": {tr.csrf}})
	tr.wantNobody("with a password in a trial")
	tr.submit(url.Values{"provider": {"acme"}, "id_token": {"a.b.c"}, "csrf_token": {tr.csrf}})
	tr.wantNobody("with an ID token in a trial")
}

func TestAReportBelongsToTheBrowserThatWentThroughTheProvider(t *testing.T) {
	h := newHouse(t, "")
	tr := h.tryOut("acme")
	stranger := h.Client(cardeatest.SPA)
	if a := tr.fetch(stranger); a.Status != 200 {
		t.Errorf("before there is a report: %d", a.Status)
	}
	callback := h.provider.Consent(tr.leave(), ann)
	other := h.visitor(cardeatest.Browser)
	if a := other.comeBack(callback); !strings.HasPrefix(a.Location, "https://ui.cardea.test/error") {
		t.Errorf("another browser comes back: %d to %q", a.Status, a.Location)
	}
	tr.report(callback)
	drop := func(c *cardeatest.Client) int {
		return c.Do(http.MethodDelete, "/self-service/login/test?id="+tr.id, nil).Status
	}
	if a := tr.fetch(stranger); a.Status != 403 {
		t.Errorf("a stranger reads the report: %d %s", a.Status, a.Body)
	}
	if got := drop(stranger); got != 403 {
		t.Errorf("a stranger drops the report: %d", got)
	}
	if a := tr.submit(url.Values{"provider": {"acme"}, "csrf_token": {tr.csrf}}); strings.HasPrefix(a.Location, tr.provider.URL) {
		t.Errorf("the first token goes on counting: %d to %q", a.Status, a.Location)
	}
	if got := drop(tr.client); got != 204 {
		t.Errorf("its owner drops it: %d", got)
	}
	if got := drop(tr.client); got != 404 {
		t.Errorf("once more: %d", got)
	}
}

func TestTheReportOfATrialHasAPage(t *testing.T) {
	h := newHouse(t, "", "    login: {ui_url: \"\"}\n")
	tr := h.tryOut("acme")
	tr.report(h.provider.Consent(tr.leave(), claims{"sub": "ann", "email": "ann@cardea.test"}))
	if a := tr.client.Get("/session/test-oidc?flow=" + tr.id); a.Status != 200 || !strings.Contains(string(a.Body), "ann@cardea.test") {
		t.Errorf("the page: %d %s", a.Status, a.Body)
	}
	if a := h.Client(cardeatest.Browser).Get("/session/test-oidc?flow=" + tr.id); a.Status == 200 {
		t.Error("a stranger sees the report")
	}
}
