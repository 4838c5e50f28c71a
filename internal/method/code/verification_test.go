package code_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// askToVerify begins a verification and asks for a code.
func askToVerify(t *testing.T, c *cardeatest.Client, address string) *cardeatest.Flow {
	t.Helper()
	f := c.Start("verification", "return_to=https%3A%2F%2Fapp.cardea.test%2Finside")
	sent := f.Submit(map[string]any{"method": "code", "email": address})
	wantStatus(t, "ask for a code", sent, goesOn(c, 200))
	wantState(t, "ask for a code", f.Form(sent), "sent_email")
	return f
}

func TestACodeVerifiesAnAddress(t *testing.T) {
	each(t, server, "", func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		id := somebody(t, s, map[string]any{"email": email})
		f := askToVerify(t, c, "Ann@cardea.test")
		code := s.LastMail(email).Code()
		wrong := useCode(f, cardeatest.WrongCode(code))
		wantStatus(t, "wrong code", wrong, goesOn(c, 200))
		wantMessages(t, "wrong code", f.Form(wrong), 4070006)
		if verified(t, s, id, email) {
			t.Fatal("a wrong code verified the address")
		}
		right := useCode(f, code)
		wantStatus(t, "right code", right, goesOn(c, 200))
		done := f.Form(right)
		wantMessages(t, "right code", done, 1080002)
		if ui := done.UI(); ui.Method != "GET" || ui.Action != "https://app.cardea.test/inside" {
			t.Errorf("the form leads to %s %s", ui.Method, ui.Action)
		}
		if !verified(t, s, id, email) {
			t.Error("the right code did not verify the address")
		}
		again := useCode(f, code)
		if c.Kind == cardeatest.Browser {
			wantStatus(t, "the code once more", again, 303)
		} else if again.Status != 410 || again.ErrorID() != "self_service_flow_replaced" || again.Text("use_flow_id") == "" {
			t.Errorf("the code once more: %d %s", again.Status, again.Body)
		}
	})
}

func TestAPhoneIsVerifiedByTextMessage(t *testing.T) {
	s := server(t, "")
	id := somebody(t, s, map[string]any{"email": email, "phone": "+16502530001"})
	c := s.Client(cardeatest.Native)
	f := c.Start("verification", "")
	sent := f.Submit(map[string]any{"method": "code", "email": "+1 650 253 0001"})
	wantMessages(t, "ask for a code", sent, 1080004)
	mail := s.LastMail("+16502530001")
	if mail.Channel != "sms" {
		t.Fatalf("the message goes over %s", mail.Channel)
	}
	resent := f.Submit(map[string]any{"method": "code", "sms": "+16502530001"})
	wantMessages(t, "the button for another text message", resent, 1080004)
	wantMessages(t, "right code", useCode(f, s.LastMail("+16502530001").Code()), 1080005)
	if !verified(t, s, id, "+16502530001") {
		t.Error("the right code did not verify the phone")
	}
}

func TestTheLinkInTheMailOnlyFillsTheCodeIn(t *testing.T) {
	s := server(t, "")
	id := somebody(t, s, map[string]any{"email": email})
	f := askToVerify(t, s.Client(cardeatest.Native), email)
	mail := s.LastMail(email)
	link := mail.Link()
	if !strings.HasPrefix(link, s.PublicURL+"/self-service/verification?") {
		t.Fatalf("the link leads to %q", link)
	}
	opened := s.Client(cardeatest.SPA).Get(link) // whoever opens it is taken for a page
	wantStatus(t, "open the link", opened, 303)
	u, err := url.Parse(opened.Location)
	if err != nil || u.Query().Get("flow") != f.ID {
		t.Fatalf("the link leads on to %q", opened.Location)
	}
	if verified(t, s, id, email) {
		t.Error("opening the link verified the address: a mail scanner would have, too")
	}
	shown := f.Fetch()
	if n := shown.Node("code"); n == nil || n.Attributes["value"] != mail.Code() {
		t.Errorf("the code is not filled in: %+v", n)
	}
	wantStatus(t, "press the button", useCode(f, mail.Code()), 200)
	if !verified(t, s, id, email) {
		t.Error("the code did not verify the address")
	}
}

func TestALinkThatIsOpenedGivesTheFlowToThatBrowser(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	mine, other := s.Client(cardeatest.SPA), s.Client(cardeatest.Browser)
	f := askToVerify(t, mine, email)
	wantStatus(t, "open the link elsewhere", other.Get(s.LastMail(email).Link()), 303)
	wantStatus(t, "the first browser reads the flow", f.Fetch(), 403)
	wantStatus(t, "the other one does", other.Get("/self-service/verification/flows?id="+f.ID), 200)
}

func TestAskingForACodeNeedsTheAntiCSRFTokenAndEnteringItDoesNot(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	f := s.Client(cardeatest.SPA).Start("verification", "")
	wantStatus(t, "ask without the token", f.Submit(map[string]any{"method": "code", "email": email, "csrf_token": ""}), 403)
	if len(s.Mails(email)) != 0 {
		t.Fatal("a code was sent nevertheless")
	}
	f.Submit(map[string]any{"method": "code", "email": email})
	wantStatus(t, "the code without the token", f.Submit(map[string]any{"code": s.LastMail(email).Code(), "csrf_token": ""}), 200)
}

func TestVerificationOfAnUnknownAddress(t *testing.T) {
	s := server(t, "")
	somebody(t, s, map[string]any{"email": email})
	c := s.Client(cardeatest.Native)
	known, unknown := askToVerify(t, c, email), askToVerify(t, c, "eve@cardea.test")
	if len(s.Mails("eve@cardea.test")) != 0 {
		t.Error("a stranger got a mail")
	}
	wrong := cardeatest.WrongCode(s.LastMail(email).Code())
	for n := range 6 {
		a, b := useCode(known, wrong), useCode(unknown, wrong)
		if a.Status != b.Status || !slices.Equal(a.Messages(), b.Messages()) || a.ErrorID() != b.ErrorID() {
			t.Fatalf("submission %d tells them apart: %d %s and %d %s", n+1, a.Status, a.Body, b.Status, b.Body)
		}
	}
}

func TestInputThatVerificationDoesNotUnderstand(t *testing.T) {
	s := server(t, "")
	f := s.Client(cardeatest.Native).Start("verification", "")
	for _, tt := range []struct {
		name   string
		fields map[string]any
		node   string
		want   []int
	}{
		{"neither address nor code", map[string]any{"method": "code"}, "email", []int{4000002}},
		{"a method that does not exist", map[string]any{"method": "pigeon", "email": email}, "method", []int{4000001}},
		{"an address that is too long", map[string]any{"method": "code", "email": strings.Repeat("a", 320) + "@b"}, "email", []int{4000017}},
	} {
		a := f.Submit(tt.fields)
		wantStatus(t, tt.name, a, 400)
		if got := a.FieldMessages(tt.node); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %s says %v, want %v", tt.name, tt.node, got, tt.want)
		}
	}
}
