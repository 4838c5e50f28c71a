package lookup_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/cardeatest"
)

// The ids of messages.
const (
	generic     = 4000001
	missing     = 4000002
	usedCode    = 4000012
	noCodes     = 4000014
	wrongCode   = 4000016
	saved       = 1050001
	oneCode     = 1050009
	oneUsed     = 1050014
	noMethod    = 4010004
	noneOfLogin = 4010002
)

const config = `
selfservice:
  methods: {lookup_secret: {enabled: true}}
`

func newServer(t *testing.T, more string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{Config: config + more})
}

// ask asks a settings form for an action and gives the form afterwards.
func ask(t *testing.T, f *cardeatest.Flow, action string) *cardeatest.Answer {
	t.Helper()
	return f.Form(f.Submit(map[string]any{"lookup_secret_" + action: "true"}))
}

// listed are the codes that a form shows, with the ids of their messages.
func listed(t *testing.T, a *cardeatest.Answer) (codes []string, ids []int) {
	t.Helper()
	n := a.Node("lookup_secret_codes")
	if n == nil {
		t.Fatalf("no codes are shown: %d %s", a.Status, a.Body)
	}
	for _, each := range n.Attributes["text"].(map[string]any)["context"].(map[string]any)["secrets"].([]any) {
		m := each.(map[string]any)
		code, _ := m["context"].(map[string]any)["secret"].(string)
		codes, ids = append(codes, code), append(ids, int(m["id"].(float64)))
	}
	return codes, ids
}

// buttons are the nodes of the method on a form.
func buttons(a *cardeatest.Answer) (ids []string) {
	for _, n := range a.UI().Nodes {
		if n.Group == "lookup_secret" {
			id, _ := n.Attributes["name"].(string)
			if id == "" {
				id, _ = n.Attributes["id"].(string)
			}
			ids = append(ids, strings.TrimPrefix(id, "lookup_secret_"))
		}
	}
	return ids
}

// enrol makes codes for whoever is signed in.
func enrol(t *testing.T, c *cardeatest.Client) []string {
	t.Helper()
	f := c.Start("settings", "")
	codes, _ := listed(t, ask(t, f, "regenerate"))
	if a := ask(t, f, "confirm"); !slices.Equal(a.Messages(), []int{saved}) {
		t.Fatalf("confirm: %d %s", a.Status, a.Body)
	}
	return codes
}

// firstFactor signs in with the password where a second factor is wanted.
func firstFactor(t *testing.T, s *cardeatest.Server, k cardeatest.Kind, email string) *cardeatest.Client {
	t.Helper()
	c := s.Client(k)
	a := c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
	if k == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
	if who := c.WhoAmI(); who.ErrorID() != "session_aal2_required" {
		t.Fatalf("after the password: %d %s", who.Status, who.Body)
	}
	return c
}

func secondFactor(c *cardeatest.Client, typed string) (*cardeatest.Flow, *cardeatest.Answer) {
	f := c.Start("login", "aal=aal2&refresh=true")
	return f, f.Submit(map[string]any{"method": "lookup_secret", "lookup_secret": typed})
}

func level(t *testing.T, c *cardeatest.Client) string {
	t.Helper()
	return c.WhoAmI().Text("authenticator_assurance_level")
}

func forEachKind(t *testing.T, body func(t *testing.T, k cardeatest.Kind)) {
	for _, k := range cardeatest.Kinds {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			body(t, k)
		})
	}
}

func TestMakingShowingAndRemovingCodes(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		c := newServer(t, "").Client(k)
		c.SignUp("ann@ex.org", cardeatest.Password)
		f := c.Start("settings", "")
		want := func(about string, a *cardeatest.Answer, nodes ...string) {
			t.Helper()
			if d := cmp.Diff(nodes, buttons(a)); d != "" {
				t.Errorf("%s: %s", about, d)
			}
		}
		want("at first", f.Answer, "regenerate")
		for _, action := range []string{"confirm", "reveal"} {
			if got := ask(t, f, action).Messages(); !slices.Equal(got, []int{generic}) {
				t.Errorf("%s without codes: %v", action, got)
			}
		}
		if got := f.Form(f.Submit(map[string]any{"method": "lookup_secret"})).Messages(); !slices.Equal(got, []int{noMethod}) {
			t.Errorf("the method alone: %v", got)
		}
		a := ask(t, f, "regenerate")
		want("made", a, "codes", "confirm")
		want("made and read again", f.Fetch(), "codes", "confirm")
		fresh, _ := listed(t, a)
		if got := level(t, c); got != "aal1" {
			t.Errorf("not confirmed, and the session is at %s", got)
		}
		want("confirmed", ask(t, f, "confirm"), "reveal", "disable")
		if got := level(t, c); got != "aal2" {
			t.Errorf("confirmed, and the session is at %s", got)
		}
		a = ask(t, f, "reveal")
		want("shown", a, "codes", "disable", "regenerate")
		if shown, _ := listed(t, a); !slices.Equal(shown, fresh) {
			t.Errorf("shown: %v, made: %v", shown, fresh)
		}
		if got := ask(t, f, "confirm").Messages(); !slices.Contains(got, generic) {
			t.Errorf("confirmed twice: %v", got)
		}
		want("removed", ask(t, f, "disable"), "regenerate")
		if got := level(t, c); got != "aal1" {
			t.Errorf("removed, and the session is at %s", got)
		}
	})
}

func TestThereAreTwelveCodesOfEightCharacters(t *testing.T) {
	c := newServer(t, "").Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	codes := enrol(t, c)
	form := regexp.MustCompile(`^[a-z0-9]{8}$`)
	for _, code := range codes {
		if !form.MatchString(code) {
			t.Errorf("%q", code)
		}
	}
	slices.Sort(codes)
	if len(slices.Compact(codes)) != 12 {
		t.Errorf("%d codes", len(codes))
	}
}

func TestOldCodesCountUntilNewOnesAreConfirmed(t *testing.T) {
	server := newServer(t, "")
	owner := server.Client(cardeatest.Native)
	owner.SignUp("ann@ex.org", cardeatest.Password)
	old := enrol(t, owner)
	f := owner.Start("settings", "")
	fresh, _ := listed(t, ask(t, f, "regenerate"))
	c := firstFactor(t, server, cardeatest.Native, "ann@ex.org")
	if _, a := secondFactor(c, fresh[0]); a.Status != http.StatusBadRequest {
		t.Errorf("a code that nobody confirmed: %d", a.Status)
	}
	if _, a := secondFactor(c, old[0]); a.Status != http.StatusOK {
		t.Errorf("an old code: %d %s", a.Status, a.Body)
	}
	ask(t, f, "confirm")
	if _, a := secondFactor(c, old[1]); !slices.Contains(a.Messages(), wrongCode) {
		t.Errorf("an old code after new ones: %d", a.Status)
	}
	if _, a := secondFactor(c, fresh[0]); a.Status != http.StatusOK {
		t.Errorf("a new code: %d %s", a.Status, a.Body)
	}
}

func TestSigningInWithACode(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		owner := server.Client(k)
		owner.SignUp("ann@ex.org", cardeatest.Password)
		codes := enrol(t, owner)
		c := firstFactor(t, server, k, "ann@ex.org")
		f := c.Start("login", "aal=aal2")
		if f.Answer.Node("lookup_secret") == nil || f.Answer.Node("password") != nil {
			t.Errorf("the form: %s", f.Answer.Body)
		}
		submit := func(typed string) *cardeatest.Answer {
			return f.Submit(map[string]any{"method": "lookup_secret", "lookup_secret": typed})
		}
		if got := f.Form(submit("")).FieldMessages("lookup_secret"); !slices.Equal(got, []int{missing}) {
			t.Errorf("no code: %v", got)
		}
		for _, typed := range []string{"xxxxxxxx", strings.ToUpper(codes[0]) + "!", " " + codes[0]} {
			if got := f.Form(submit(typed)).Messages(); !slices.Equal(got, []int{wrongCode}) {
				t.Errorf("%q: %v", typed, got)
			}
		}
		if who := c.WhoAmI(); who.Status != http.StatusForbidden {
			t.Errorf("wrong codes, and whoami answers %d", who.Status)
		}
		submit(codes[0])
		if got := level(t, c); got != "aal2" {
			t.Errorf("the right code, and the session is at %q", got)
		}
		thief := firstFactor(t, server, k, "ann@ex.org")
		f, a := secondFactor(thief, codes[0])
		if got := f.Form(a).Messages(); !slices.Contains(got, usedCode) {
			t.Errorf("the same code again: %d %v", a.Status, got)
		}
		if who := thief.WhoAmI(); who.Status != http.StatusForbidden {
			t.Errorf("a used code, and whoami answers %d", who.Status)
		}
		codes, ids := listed(t, ask(t, c.Start("settings", ""), "reveal"))
		if ids[0] != oneUsed || codes[0] != "" || ids[1] != oneCode {
			t.Errorf("shown: %v", ids)
		}
	})
}

func TestACodeIsNoFirstFactor(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		owner := server.Client(k)
		owner.SignUp("ann@ex.org", cardeatest.Password)
		codes := enrol(t, owner)
		f := server.Client(k).Start("login", "")
		if f.Answer.Node("lookup_secret") != nil {
			t.Error("the form asks for a code")
		}
		if got := f.Form(f.Submit(map[string]any{"method": "lookup_secret", "lookup_secret": codes[0]})).Messages(); !slices.Equal(got, []int{noneOfLogin}) {
			t.Error(got)
		}
	})
}

func TestOfParallelSubmissionsOfACodeOneCounts(t *testing.T) {
	// Of two codes, that one is used must not give the other one back.
	for _, c := range []struct{ parallel, codes int }{{100, 1}, {20, 2}} {
		t.Run(fmt.Sprintf("%d uses of %d", c.parallel, c.codes), func(t *testing.T) {
			t.Parallel()
			server := newServer(t, "cardea: {security: {second_factor_guesses: {max: 0}}}\n") // all of them are looked at
			owner := server.Client(cardeatest.Native)
			owner.SignUp("ann@ex.org", cardeatest.Password)
			codes := enrol(t, owner)
			flows := make([]*cardeatest.Flow, c.parallel)
			for n := range flows {
				flows[n] = firstFactor(t, server, cardeatest.Native, "ann@ex.org").Start("login", "aal=aal2")
			}
			answers := make([]*cardeatest.Answer, c.parallel)
			var wg sync.WaitGroup
			for n, f := range flows {
				wg.Go(func() {
					answers[n] = f.Submit(map[string]any{"method": "lookup_secret", "lookup_secret": codes[n%c.codes]})
				})
			}
			wg.Wait()
			count := map[int]int{}
			for _, a := range answers {
				if a.Status == http.StatusBadRequest && !slices.Contains(a.Messages(), usedCode) {
					t.Errorf("%v", a.Messages())
				}
				count[a.Status]++
			}
			if d := cmp.Diff(map[int]int{200: c.codes, 400: c.parallel - c.codes}, count); d != "" {
				t.Error(d)
			}
			_, ids := listed(t, ask(t, owner.Start("settings", ""), "reveal"))
			for n, id := range ids {
				if used := id == oneUsed; used != (n < c.codes) {
					t.Errorf("shown: %v", ids)
				}
			}
		})
	}
}

func TestACodeProvesNobodyElse(t *testing.T) {
	server := newServer(t, "")
	codes := map[string][]string{}
	for _, email := range []string{"ann@ex.org", "bob@ex.org"} {
		owner := server.Client(cardeatest.Native)
		owner.SignUp(email, cardeatest.Password)
		codes[email] = enrol(t, owner)
	}
	bob := firstFactor(t, server, cardeatest.Native, "bob@ex.org")
	if _, a := secondFactor(bob, codes["ann@ex.org"][0]); !slices.Contains(a.Messages(), wrongCode) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestAnAccountWithoutCodesIsToldSo(t *testing.T) {
	c := newServer(t, "").Client(cardeatest.SPA)
	c.SignUp("ann@ex.org", cardeatest.Password)
	f := c.Start("login", "aal=aal2")
	if f.Answer.Node("lookup_secret") != nil {
		t.Error("the form asks for a code")
	}
	if got := f.Submit(map[string]any{"method": "lookup_secret", "lookup_secret": "abcdefgh"}).Messages(); !slices.Equal(got, []int{noCodes}) {
		t.Error(got)
	}
}

func TestCodesThatAreAllUsedStillAskForASecondFactor(t *testing.T) {
	server := newServer(t, "")
	used := "2020-01-01T00:00:00Z"
	a := server.Client(cardeatest.Native).Do("POST", server.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": "ann@ex.org"},
		"credentials": map[string]any{
			"password":      map[string]any{"config": map[string]any{"password": cardeatest.Password}},
			"lookup_secret": map[string]any{"config": map[string]any{"codes": []any{map[string]any{"code": "abcdefgh", "used_at": used}}}},
		},
	})
	if a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	firstFactor(t, server, cardeatest.SPA, "ann@ex.org")
	shown := server.Client(cardeatest.Native).Get(server.AdminURL + "/admin/identities/" + a.Text("id") + "?include_credential=lookup_secret")
	if !strings.Contains(string(shown.Body), `{"recovery_codes":[{"code":"abcdefgh","used_at":"`+used+`"}]}`) {
		t.Errorf("%s", shown.Body)
	}
}
