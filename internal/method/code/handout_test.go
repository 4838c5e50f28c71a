package code_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
)

// handOut asks the operator's API for a recovery of somebody.
func handOut(s *cardeatest.Server, kind string, body map[string]any) *cardeatest.Answer {
	return s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/recovery/"+kind, body)
}

func TestACodeThatAnOperatorHandsOutOpensTheAccountAnywhere(t *testing.T) {
	s := server(t, "")
	id := somebody(t, s, map[string]any{"email": email})
	out := handOut(s, "code", map[string]any{"identity_id": id, "expires_in": "5m"})
	wantStatus(t, "hand out", out, 201)
	expires, err := time.Parse(time.RFC3339Nano, out.Text("expires_at"))
	if err != nil || time.Until(expires) > 5*time.Minute || time.Until(expires) < 4*time.Minute {
		t.Errorf("it expires at %s, want in 5 minutes", out.Text("expires_at"))
	}
	u, err := url.Parse(out.Text("recovery_link"))
	if err != nil || !strings.HasPrefix(u.String(), "https://ui.cardea.test/recovery?flow=") {
		t.Fatalf("the link is %q", out.Text("recovery_link"))
	}
	c := s.Client(cardeatest.SPA)
	flow := c.Get("/self-service/recovery/flows?id=" + u.Query().Get("flow"))
	wantStatus(t, "any browser reads the flow", flow, 200)
	wantState(t, "any browser reads the flow", flow, "sent_email")
	if got := names(flow); len(got) != 2 || got[0] != "code" || got[1] != "method=code" || flow.Node("csrf_token") != nil {
		t.Errorf("the form has %v", got)
	}
	at := "/self-service/recovery?flow=" + u.Query().Get("flow")
	wantMessages(t, "wrong code", c.Do("POST", at, map[string]any{"code": cardeatest.WrongCode(out.Text("recovery_code"))}), 4060006)
	wantStatus(t, "right code", c.Do("POST", at, map[string]any{"code": out.Text("recovery_code")}), 422)
	wantStatus(t, "whoami", c.WhoAmI(), 200)
	if verified(t, s, id, email) {
		t.Error("a code that was sent to no address verified one")
	}
	if got := len(s.Mails(email)); got != 0 {
		t.Errorf("%d mails were sent", got)
	}
}

func TestWhatAnOperatorCannotHandOut(t *testing.T) {
	s := server(t, "")
	id := somebody(t, s, map[string]any{"email": email})
	nobody := "4e0f8ad5-5f1c-4c6e-8d3b-07c1fbd6a1f0"
	for _, tt := range []struct {
		name, kind string
		body       map[string]any
		want       int
	}{
		{"a code for nobody", "code", map[string]any{"identity_id": nobody}, 404},
		{"a code without somebody", "code", map[string]any{}, 404},
		{"a code for what is no id", "code", map[string]any{"identity_id": "abc"}, 400},
		{"a code for a time that is none", "code", map[string]any{"identity_id": id, "expires_in": "soon"}, 400},
		{"a code that is over already", "code", map[string]any{"identity_id": id, "expires_in": "-1m"}, 400},
		{"a code for a client that does not exist", "code", map[string]any{"identity_id": id, "flow_type": "pigeon"}, 400},
		{"a link where links are off", "link", map[string]any{"identity_id": id}, 404},
	} {
		wantStatus(t, tt.name, handOut(s, tt.kind, tt.body), tt.want)
	}
}

func TestALinkThatAnOperatorHandsOut(t *testing.T) {
	on := cardeatest.New(t, cardeatest.Options{Config: strings.Replace(config("", ""), "methods:", "methods:\n    link: {enabled: true}", 1)})
	id := somebody(t, on, map[string]any{"email": email})
	out := handOut(on, "link?return_to=https%3A%2F%2Fapp.cardea.test%2Finside", map[string]any{"identity_id": id})
	wantStatus(t, "hand out", out, 200)
	if strings.Contains(string(out.Body), `\u0026`) {
		t.Errorf("the address is escaped: %s", out.Body)
	}
	reader := on.Client(cardeatest.Browser)
	opened := reader.Get(out.Text("recovery_link"))
	wantStatus(t, "open the link", opened, 303)
	if !strings.HasPrefix(opened.Location, "https://ui.cardea.test/settings?flow=") {
		t.Errorf("the link leads on to %s", opened.Location)
	}
	wantStatus(t, "whoami", reader.WhoAmI(), 200)
	wantStatus(t, "nobody", handOut(on, "link", map[string]any{"identity_id": "4e0f8ad5-5f1c-4c6e-8d3b-07c1fbd6a1f0"}), 400)
	foreign := handOut(on, "link?return_to=https%3A%2F%2Fevil.example.test%2F", map[string]any{"identity_id": id})
	if foreign.ErrorID() != "self_service_flow_return_to_forbidden" {
		t.Errorf("a foreign place is answered with %d %s", foreign.Status, foreign.Body)
	}
}
