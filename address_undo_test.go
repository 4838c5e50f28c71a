package cardea_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

const thiefsMail = "thief@cardea.test"

// withNotices tells people about changes of their address.
func withNotices(hooks, more string) string {
	return "selfservice: {flows: {verification: {enabled: true}, settings: {after: {profile: {hooks: [" + hooks + "{hook: notify_previous_addresses}]}}}}}\n" + more
}

// owner signs up, proves the address, and gives the identity's id.
func owner(t *testing.T, s *cardeatest.Server, k cardeatest.Kind) (c *cardeatest.Client, id string) {
	t.Helper()
	c = s.Client(k)
	c.SignUp(annsMail, cardeatest.Password)
	prove(t, s, annsMail)
	return c, c.WhoAmI().Text("identity", "id")
}

// prove gives the code that was sent to an address.
func prove(t *testing.T, s *cardeatest.Server, address string) {
	t.Helper()
	m := s.LastMail(address)
	link, err := url.Parse(m.Link())
	if err != nil {
		t.Fatal(err)
	}
	a := s.Client(cardeatest.Native).Do("POST", "/self-service/verification?flow="+link.Query().Get("flow"), map[string]any{"method": "code", "code": m.Code()})
	if a.Status != 200 || a.Text("state") != "passed_challenge" {
		t.Fatalf("prove %s with %q: %d %s", address, m.Body, a.Status, a.Body)
	}
}

// move changes the address of whoever is signed in.
func move(t *testing.T, c *cardeatest.Client, to string) {
	t.Helper()
	if a := c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.email": to}); a.Status != 200 && a.Status != 303 {
		t.Fatalf("change the address: %d %s", a.Status, a.Body)
	}
}

// undoLink is the link in the last message to an address, "" for none.
func undoLink(t *testing.T, s *cardeatest.Server, address string) string {
	t.Helper()
	m := s.LastMail(address)
	if m.Template != "verifiable_address_changed" {
		t.Fatalf("the last message to %s is %s", address, m.Template)
	}
	return m.Link()
}

// press sends the form of the page that a link leads to.
func press(t *testing.T, s *cardeatest.Server, link string) *cardeatest.Answer {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("token") == "" {
		t.Fatalf("%q is no link", link)
	}
	return s.Client(cardeatest.SPA).Do("POST", "/self-service/undo", map[string]any{"token": u.Query().Get("token")})
}

func address(t *testing.T, s *cardeatest.Server, id string) (email string, verified bool) {
	t.Helper()
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/identities/" + id)
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	first, _ := a.JSON["verifiable_addresses"].([]any)
	return a.Text("traits", "email"), len(first) == 1 && first[0].(map[string]any)["verified"] == true
}

func TestAnAddressThatSomebodyElseTookOutComesBackByALink(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "")})
		thief, id := owner(t, s, k)
		move(t, thief, thiefsMail)
		link := undoLink(t, s, annsMail)
		if !strings.HasPrefix(link, s.PublicURL+"/undo?token=") {
			t.Fatalf("the link is %q", link)
		}
		for range 2 { // whoever opens the link changes nothing
			a := s.Client(cardeatest.Browser).Get(strings.TrimPrefix(link, s.PublicURL))
			if a.Status != 200 || !strings.Contains(string(a.Body), "<form") {
				t.Fatalf("the page: %d %s", a.Status, a.Body)
			}
		}
		if now, _ := address(t, s, id); now != thiefsMail {
			t.Fatalf("opening the link has made it %s", now)
		}
		a := s.Client(cardeatest.Browser).Do("POST", "/self-service/undo", url.Values{"token": {link[strings.Index(link, "token=")+6:]}})
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, s.PublicURL+"/undo?state=undone") {
			t.Fatalf("the button: %d %s %s", a.Status, a.Location, a.Body)
		}
		if page := s.Client(cardeatest.Browser).Get(strings.TrimPrefix(a.Location, s.PublicURL)); page.Status != 200 {
			t.Errorf("the page afterwards: %d", page.Status)
		}
		if now, verified := address(t, s, id); now != annsMail || !verified {
			t.Errorf("the address is %s, verified: %t", now, verified)
		}
		if a := thief.WhoAmI(); a.Status != http.StatusUnauthorized {
			t.Errorf("whoever changed it is still signed in: %d", a.Status)
		}
		if m := s.LastMail(thiefsMail); m.Template != "verifiable_address_changed" || m.Link() != "" {
			t.Errorf("the other address got %s with %q", m.Template, m.Link())
		}
		if a := press(t, s, link); a.Status != http.StatusGone {
			t.Errorf("a second time: %d %s", a.Status, a.Body)
		}
		s.Client(k).SignIn(annsMail, cardeatest.Password)
	})
}

func TestOfSeveralChangesTheFirstOwnerUndoesAll(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "")})
	thief, id := owner(t, s, cardeatest.Native)
	move(t, thief, thiefsMail)
	prove(t, s, thiefsMail)
	mine := undoLink(t, s, annsMail)
	move(t, thief, "hideout@cardea.test")
	theirs := undoLink(t, s, thiefsMail)
	if a := press(t, s, mine); a.Status != 200 || a.Text("address") != annsMail {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := press(t, s, theirs); a.Status != http.StatusGone {
		t.Errorf("the link to the second address: %d %s", a.Status, a.Body)
	}
	if now, _ := address(t, s, id); now != annsMail {
		t.Errorf("the address is %s", now)
	}
}

func TestUndoingALaterChangeLeavesTheEarlierLinkAlone(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "")})
	thief, id := owner(t, s, cardeatest.Native)
	move(t, thief, thiefsMail)
	prove(t, s, thiefsMail)
	mine := undoLink(t, s, annsMail)
	move(t, thief, "hideout@cardea.test")
	if a := press(t, s, undoLink(t, s, thiefsMail)); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := press(t, s, mine); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if now, _ := address(t, s, id); now != annsMail {
		t.Errorf("the address is %s", now)
	}
}

func TestAnAddressThatWaitedForItsProofCanBeUndone(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("{hook: verify_new_address}, ", "")})
	thief, id := owner(t, s, cardeatest.SPA)
	before := len(s.Mails(annsMail))
	move(t, thief, thiefsMail)
	if len(s.Mails(annsMail)) != before {
		t.Error("a change that waits is told already")
	}
	prove(t, s, thiefsMail)
	if now, _ := address(t, s, id); now != thiefsMail {
		t.Fatalf("the address is %s", now)
	}
	if a := press(t, s, undoLink(t, s, annsMail)); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if now, _ := address(t, s, id); now != annsMail {
		t.Errorf("the address is %s", now)
	}
}

func TestALinkThatCannotUndoIsNotUsedUp(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "")})
	thief, id := owner(t, s, cardeatest.Native)
	move(t, thief, thiefsMail)
	link := undoLink(t, s, annsMail)
	squatter := s.CreateIdentity(annsMail, cardeatest.Password)
	if a := press(t, s, link); a.Status != http.StatusConflict {
		t.Fatalf("a taken address: %d %s", a.Status, a.Body)
	}
	if a := s.Client(cardeatest.Native).Do("DELETE", s.AdminURL+"/admin/identities/"+squatter, nil); a.Status != 204 {
		t.Fatal(a.Status)
	}
	if a := press(t, s, link); a.Status != 200 {
		t.Errorf("afterwards: %d %s", a.Status, a.Body)
	}
	if now, _ := address(t, s, id); now != annsMail {
		t.Errorf("the address is %s", now)
	}
}

func TestOfParallelUsesOfALinkOneCounts(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "")})
	thief, _ := owner(t, s, cardeatest.Native)
	move(t, thief, thiefsMail)
	link := undoLink(t, s, annsMail)
	answers := make([]*cardeatest.Answer, 20)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() { answers[n] = press(t, s, link) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, a := range answers {
		count[a.Status]++
	}
	if count[200] != 1 || count[410] != len(answers)-1 {
		t.Errorf("answers: %v", count)
	}
}

func TestWhatIsNoLinkUndoesNothing(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "")})
	thief, id := owner(t, s, cardeatest.Native)
	move(t, thief, thiefsMail)
	for _, token := range []string{"", "x", id, id + ".", id + ".wrong", "." + strings.Repeat("a", 64), strings.Repeat("a", 5000)} {
		for _, k := range []cardeatest.Kind{cardeatest.SPA, cardeatest.Native} {
			if a := s.Client(k).Do("POST", "/self-service/undo", map[string]any{"token": token}); a.Status != http.StatusGone {
				t.Errorf("%.20q: %d %s", token, a.Status, a.Body)
			}
		}
		if a := s.Client(cardeatest.Browser).Do("POST", "/self-service/undo", url.Values{"token": {token}}); a.Status != 303 || !strings.Contains(a.Location, "/error?id=") {
			t.Errorf("%.20q of a page: %d %s", token, a.Status, a.Location)
		}
	}
}

func TestNoLinkIsSentWhereItWouldNotWork(t *testing.T) {
	for about, c := range map[string]struct {
		more  string
		prove bool
	}{
		"to an address that was not proved": {"", false},
		"when it is switched off":           {"cardea: {security: {address_undo: {lifespan: 0s}}}\n", true},
		"when there is no page":             {"cardea: {account: {enabled: false}}\n", true},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", c.more)})
			ann := s.Client(cardeatest.Native)
			ann.SignUp(annsMail, cardeatest.Password)
			if c.prove {
				prove(t, s, annsMail)
			}
			move(t, ann, thiefsMail)
			if link := undoLink(t, s, annsMail); link != "" {
				t.Errorf("it is %q", link)
			}
		})
	}
}

func TestALinkOfAPageOfOnesOwnLeadsThere(t *testing.T) {
	const page = "https://ui.cardea.test/undo?lang=en"
	s := cardeatest.New(t, cardeatest.Options{Config: withNotices("", "cardea: {security: {address_undo: {ui_url: '"+page+"'}}}\n")})
	ann, _ := owner(t, s, cardeatest.Native)
	move(t, ann, thiefsMail)
	link := undoLink(t, s, annsMail)
	if !strings.HasPrefix(link, "https://ui.cardea.test/undo?lang=en&") {
		t.Fatalf("the link is %q", link)
	}
	u, _ := url.Parse(link)
	a := s.Client(cardeatest.Browser).Do("POST", "/self-service/undo", url.Values{"token": {u.Query().Get("token")}})
	if a.Location != page+"&state=undone" {
		t.Errorf("%d %s", a.Status, a.Location)
	}
	if a := s.Client(cardeatest.Browser).Get("/undo?token=x"); a.Status != 404 {
		t.Errorf("the built-in page is there: %d", a.Status)
	}
}
