package link_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

const email = "ann@cardea.test"

// server starts a server that recovers and verifies by link. link is more of the
// method's configuration.
func server(t *testing.T, link string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: `
selfservice:
  methods: {code: {enabled: false}, link: {enabled: true` + link + `}}
  flows:
    recovery: {enabled: true, use: link}
    verification: {enabled: true, use: link, after: {default_browser_return_url: "https://app.cardea.test/inside"}}
`})
}

func each(t *testing.T, journey func(*testing.T, *cardeatest.Server, *cardeatest.Client)) {
	t.Helper()
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := server(t, "")
			journey(t, s, s.Client(kind))
		})
	}
}

func wantStatus(t *testing.T, what string, a *cardeatest.Answer, want int) {
	t.Helper()
	if a.Status != want {
		t.Fatalf("%s: answered %d %s %s, want %d", what, a.Status, a.Location, a.Body, want)
	}
}

func wantMessages(t *testing.T, what string, a *cardeatest.Answer, want ...int) {
	t.Helper()
	if got := a.Messages(); !slices.Equal(got, want) {
		t.Fatalf("%s: the form says %v, want %v\n%s", what, got, want, a.Body)
	}
}

// ask begins a journey and asks for a link.
func ask(t *testing.T, c *cardeatest.Client, kind, address string, note int) *cardeatest.Flow {
	t.Helper()
	f := c.Start(kind, "")
	sent := f.Submit(map[string]any{"method": "link", "email": address})
	want := 200
	if c.Kind == cardeatest.Browser {
		want = 303
	}
	wantStatus(t, "ask for a link", sent, want)
	wantMessages(t, "ask for a link", f.Form(sent), note)
	return f
}

// target is where an answer leads, and the flow it names.
func target(t *testing.T, a *cardeatest.Answer) (page, flow string) {
	t.Helper()
	u, err := url.Parse(a.Location)
	if err != nil || a.Status != 303 || u.Query().Get("flow") == "" {
		t.Fatalf("the answer leads to no flow: %d %q %s", a.Status, a.Location, a.Body)
	}
	return u.Scheme + "://" + u.Host + u.Path, u.Query().Get("flow")
}

func verified(t *testing.T, s *cardeatest.Server, id string) bool {
	t.Helper()
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities/" + id)
	wantStatus(t, "read the identity", a, 200)
	return strings.Contains(string(a.Body), `"verified":true`)
}

func TestALinkWinsAnAccountBack(t *testing.T) {
	each(t, func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		id := s.CreateIdentity(email, cardeatest.Password)
		ask(t, c, "recovery", email, 1060002)
		link := s.LastMail(email).Link()
		if !strings.HasPrefix(link, s.PublicURL+"/self-service/recovery?") {
			t.Fatalf("the link leads to %q", link)
		}
		reader := s.Client(cardeatest.SPA) // another browser, and one that says it is an application
		page, settings := target(t, reader.Get(link))
		if page != "https://ui.cardea.test/settings" {
			t.Fatalf("the link leads on to %s", page)
		}
		me := reader.WhoAmI()
		wantStatus(t, "whoami", me, 200)
		if me.Text("identity", "id") != id || !strings.Contains(string(me.Body), `"link_recovery"`) {
			t.Errorf("signed in as %s", me.Body)
		}
		shown := reader.Get("/self-service/settings/flows?id=" + settings)
		wantStatus(t, "the settings", shown, 200)
		wantMessages(t, "the settings", shown, 1060001)
		if token, _, _ := strings.Cut(strings.SplitAfter(link, "token=")[1], "&"); strings.Contains(string(shown.Body), token) {
			t.Error("the settings tell the secret of the link")
		}
		if !verified(t, s, id) {
			t.Error("the address that the link was sent to is not verified")
		}

		late := s.Client(cardeatest.Browser)
		page, fresh := target(t, late.Get(link))
		if page != "https://ui.cardea.test/recovery" {
			t.Errorf("the link leads on to %s when it was used", page)
		}
		wantMessages(t, "the link once more", late.Get("/self-service/recovery/flows?id="+fresh), 4060004)
		wantStatus(t, "whoami", late.WhoAmI(), 401)
	})
}

func TestALinkVerifiesAnAddress(t *testing.T) {
	each(t, func(t *testing.T, s *cardeatest.Server, c *cardeatest.Client) {
		id := s.CreateIdentity(email, cardeatest.Password)
		f := ask(t, c, "verification", email, 1080001)
		link := s.LastMail(email).Link()
		reader := s.Client(cardeatest.Browser)
		page, same := target(t, reader.Get(link))
		if page != "https://ui.cardea.test/verification" || same != f.ID {
			t.Fatalf("the link leads on to %s of %s", page, same)
		}
		if !verified(t, s, id) {
			t.Error("the address is not verified")
		}
		done := reader.Get("/self-service/verification/flows?id=" + f.ID)
		wantMessages(t, "the flow", done, 1080002)
		if ui := done.UI(); ui.Method != "GET" || ui.Action != "https://app.cardea.test/inside" {
			t.Errorf("the form leads to %s %s", ui.Method, ui.Action)
		}
		_, fresh := target(t, reader.Get(link))
		wantMessages(t, "the link once more", reader.Get("/self-service/verification/flows?id="+fresh), 4070001)
	})
}

func TestALinkOfAnotherFlowOrPurposeIsNotGood(t *testing.T) {
	s := server(t, "")
	s.CreateIdentity(email, cardeatest.Password)
	c := s.Client(cardeatest.Native)
	mine := ask(t, c, "recovery", email, 1060002)
	ask(t, c, "recovery", email, 1060002)
	ask(t, c, "verification", email, 1080001)
	mails := s.Mails(email)
	for what, mail := range map[string]cardeatest.Mail{"of another flow": mails[1], "of another purpose": mails[2]} {
		u, err := url.Parse(mail.Link())
		if err != nil {
			t.Fatal(err)
		}
		reader := s.Client(cardeatest.Browser)
		page, _ := target(t, reader.Get("/self-service/recovery?flow="+mine.ID+"&token="+u.Query().Get("token")))
		if page != "https://ui.cardea.test/recovery" {
			t.Errorf("a link %s leads on to %s", what, page)
		}
		wantStatus(t, "whoami", reader.WhoAmI(), 401)
	}
}

func TestAnEarlierLinkStaysGood(t *testing.T) {
	s := server(t, "")
	s.CreateIdentity(email, cardeatest.Password)
	f := ask(t, s.Client(cardeatest.Native), "recovery", email, 1060002)
	f.Submit(map[string]any{"method": "link", "email": email})
	reader := s.Client(cardeatest.Browser)
	if page, _ := target(t, reader.Get(s.Mails(email)[0].Link())); page != "https://ui.cardea.test/settings" {
		t.Errorf("the first of two links leads on to %s", page)
	}
}

func TestAnExpiredLinkSaysSo(t *testing.T) {
	s := server(t, ", config: {lifespan: 1ms}")
	s.CreateIdentity(email, cardeatest.Password)
	c := s.Client(cardeatest.Native)
	for kind, want := range map[string][2]int{"recovery": {1060002, 4060005}, "verification": {1080001, 4070005}} {
		ask(t, c, kind, email, want[0])
		reader := s.Client(cardeatest.Browser)
		_, fresh := target(t, reader.Get(s.LastMail(email).Link()))
		wantMessages(t, kind, reader.Get("/self-service/"+kind+"/flows?id="+fresh), want[1])
	}
}

func TestALinkForAnUnknownAddressIsAnsweredLikeAnyOther(t *testing.T) {
	s := server(t, "")
	ask(t, s.Client(cardeatest.Native), "recovery", "eve@cardea.test", 1060002)
	ask(t, s.Client(cardeatest.Native), "verification", "eve@cardea.test", 1080001)
	if got := len(s.Mails("eve@cardea.test")); got != 0 {
		t.Errorf("a stranger got %d mails", got)
	}
}

func TestOfParallelOpeningsOfALinkOneWins(t *testing.T) {
	s := server(t, "")
	s.CreateIdentity(email, cardeatest.Password)
	ask(t, s.Client(cardeatest.Native), "recovery", email, 1060002)
	link := s.LastMail(email).Link()
	var mu sync.Mutex
	var all sync.WaitGroup
	counts := map[string]int{}
	for range 100 {
		all.Go(func() {
			a := s.Client(cardeatest.Browser).Get(link)
			to, _, _ := strings.Cut(a.Location, "?")
			mu.Lock()
			defer mu.Unlock()
			counts[to]++
		})
	}
	all.Wait()
	if counts["https://ui.cardea.test/settings"] != 1 || counts["https://ui.cardea.test/recovery"] != 99 {
		t.Errorf("the openings lead to %v, want one to the settings", counts)
	}
}

func TestInputThatAsksForNoLink(t *testing.T) {
	s := server(t, "")
	f := s.Client(cardeatest.Native).Start("recovery", "")
	for _, tt := range []struct {
		name   string
		fields map[string]any
		want   []int
	}{
		{"no address", map[string]any{"method": "link"}, []int{4000002}},
		{"an address that is none", map[string]any{"method": "link", "email": "nope"}, []int{4000040}},
	} {
		a := f.Submit(tt.fields)
		wantStatus(t, tt.name, a, 400)
		if got := a.FieldMessages("email"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: the field says %v, want %v", tt.name, got, tt.want)
		}
	}
	wantMessages(t, "a method that is not this flow's", f.Submit(map[string]any{"email": email}), 4010005)
}

func TestAskingForALinkNeedsTheAntiCSRFToken(t *testing.T) {
	s := server(t, "")
	s.CreateIdentity(email, cardeatest.Password)
	for _, kind := range []string{"recovery", "verification"} {
		f := s.Client(cardeatest.SPA).Start(kind, "")
		wantStatus(t, kind, f.Submit(map[string]any{"method": "link", "email": email, "csrf_token": ""}), 403)
	}
	if got := len(s.Mails(email)); got != 0 {
		t.Errorf("%d links were sent nevertheless", got)
	}
}

func TestSigningUpSendsALink(t *testing.T) {
	s := server(t, "")
	s.Client(cardeatest.Native).SignUp(email, cardeatest.Password)
	mail := s.LastMail(email)
	if mail.Template != "verification_valid" {
		t.Fatalf("the mail is a %s", mail.Template)
	}
	u, err := url.Parse(mail.Link())
	if err != nil {
		t.Fatal(err)
	}
	form := s.Client(cardeatest.Native).Get("/self-service/verification/flows?id=" + u.Query().Get("flow"))
	wantMessages(t, "the verification", form, 1080001)
	if nodes := form.UI().Nodes; nodes[len(nodes)-1].Group != "code" || nodes[len(nodes)-1].Attributes["name"] != "email" {
		t.Errorf("the form has no button for another link: %+v", nodes)
	}
}
