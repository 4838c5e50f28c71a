package cardea_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"cardea/cardeatest"
)

const ann = "ann@cardea.test"

const rememberMe = `cardea: {session: {remember_me: {enabled: true, lifespan: 10m}}}`

// sessionCookie is the session cookie that an answer sets, nil for none.
func sessionCookie(a *cardeatest.Answer) *http.Cookie {
	cookies := (&http.Response{Header: a.Header}).Cookies()
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "ory_kratos_session" })
	if i < 0 {
		return nil
	}
	return cookies[i]
}

// lives is how long the session of a client goes on, as whoami tells.
func lives(t *testing.T, c *cardeatest.Client) time.Duration {
	t.Helper()
	me := c.WhoAmI()
	wantStatus(t, "whoami", me, 200)
	ends, err := time.Parse(time.RFC3339, me.Text("expires_at"))
	if err != nil {
		t.Fatal(err)
	}
	return time.Until(ends)
}

// keepToken gives a native client the token of an answer.
func keepToken(c *cardeatest.Client, a *cardeatest.Answer) {
	if c.Kind == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
}

func TestOnlyWhoAsksForItStaysSignedIn(t *testing.T) {
	each(t, cardeatest.Options{Config: rememberMe}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		for _, tc := range []struct {
			name   string
			choice map[string]any
			stays  bool
		}{
			{"no choice", nil, false}, {"yes", map[string]any{"remember": true}, true}, {"no", map[string]any{"remember": false}, false},
		} {
			person := s.Client(kind)
			f := person.Start("login", "")
			box := f.Answer.Node("remember")
			if box == nil || box.Attributes["type"] != "checkbox" || box.Attributes["value"] != false || box.Group != "default" {
				t.Fatalf("%s: the form has no box: %+v", tc.name, box)
			}
			fields := map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password}
			for k, v := range tc.choice {
				fields[k] = v
			}
			done := f.Submit(fields)
			keepToken(person, done)
			if left := lives(t, person); (left > 20*time.Minute) != tc.stays {
				t.Errorf("%s: the session lives for another %s", tc.name, left)
			}
			if kind == cardeatest.Native {
				continue
			}
			if c := sessionCookie(done); c == nil || (c.MaxAge > 0) != tc.stays || c.Expires.IsZero() == tc.stays {
				t.Errorf("%s: the cookie is %+v", tc.name, c)
			}
		}
	})
}

func TestTheChoiceToStaySignedInSurvivesAMistakeAndAnotherScreen(t *testing.T) {
	each(t, cardeatest.Options{Config: rememberMe + "\nselfservice: {flows: {login: {style: identifier_first}}}"}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		person := s.Client(kind)
		f := person.Start("login", "")
		form := f.Form(f.Submit(map[string]any{"method": "identifier_first", "identifier": ann, "remember": true}))
		if box := form.Node("remember"); box == nil || box.Attributes["value"] != true {
			t.Errorf("the second screen does not show the choice: %+v", box)
		}
		form = f.Form(f.Submit(map[string]any{"method": "password", "identifier": ann, "password": "wrong-wrong-wrong", "remember": true}))
		if box := form.Node("remember"); box == nil || box.Attributes["value"] != true {
			t.Errorf("after a mistake the choice is gone: %+v", box)
		}
		keepToken(person, f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password, "remember": true}))
		if left := lives(t, person); left < 20*time.Minute {
			t.Errorf("the session lives for another %s", left)
		}
	})
}

func TestASignInAgainKeepsWhatWasChosen(t *testing.T) {
	each(t, cardeatest.Options{Config: rememberMe}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		person := s.Client(kind)
		person.SignIn(ann, cardeatest.Password)
		f := person.Start("login", "refresh=true")
		if box := f.Answer.Node("remember"); box != nil {
			t.Errorf("the choice is offered again: %+v", box)
		}
		done := f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password, "remember": true})
		if left := lives(t, person); left > 20*time.Minute {
			t.Errorf("the session lives for another %s", left)
		}
		if c := sessionCookie(done); kind != cardeatest.Native && (c == nil || c.MaxAge != 0) {
			t.Errorf("the cookie is %+v", c)
		}
	})
}

func TestWithoutTheSettingNobodyIsAsked(t *testing.T) {
	each(t, cardeatest.Options{}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		person := s.Client(kind)
		f := person.Start("login", "")
		if box := f.Answer.Node("remember"); box != nil {
			t.Errorf("there is a box: %+v", box)
		}
		keepToken(person, f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password, "remember": false}))
		if left := lives(t, person); left < 20*time.Minute {
			t.Errorf("the session lives for another %s", left)
		}
	})
}

func TestANewerSessionTakesThePlaceOfTheOldest(t *testing.T) {
	each(t, cardeatest.Options{Config: `cardea: {session: {max_concurrent: 2}}`}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		var people []*cardeatest.Client
		for range 3 {
			person := s.Client(kind)
			person.SignIn(ann, cardeatest.Password)
			people = append(people, person)
		}
		wantStatus(t, "the oldest", people[0].WhoAmI(), 401)
		wantStatus(t, "the one before the last", people[1].WhoAmI(), 200)
		wantStatus(t, "the last", people[2].WhoAmI(), 200)
		f := people[1].Start("login", "refresh=true")
		f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
		wantStatus(t, "the last, after the other one signed in again", people[2].WhoAmI(), 200)
	})
}

func TestOneSessionTooManyIsRefused(t *testing.T) {
	each(t, cardeatest.Options{Config: `cardea: {session: {max_concurrent: 1, on_too_many: refuse}}`}, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		s.CreateIdentity(ann, cardeatest.Password)
		first, second := s.Client(kind), s.Client(kind)
		first.SignIn(ann, cardeatest.Password)
		f := second.Start("login", "")
		form := f.Form(f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password}))
		if got := form.Messages(); !slices.Equal(got, []int{4019002}) {
			t.Errorf("messages %v, want 4019002", got)
		}
		wantStatus(t, "the second", second.WhoAmI(), 401)
		wantStatus(t, "the first", first.WhoAmI(), 200)
		signOut(t, first)
		second.SignIn(ann, cardeatest.Password)
		wantStatus(t, "the second, once there is room", second.WhoAmI(), 200)
	})
}

func TestManySignInsAtOnceStayWithinTheLimit(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: `cardea: {session: {max_concurrent: 3}}`})
	s.CreateIdentity(ann, cardeatest.Password)
	people := make([]*cardeatest.Client, 12)
	var all sync.WaitGroup
	for i := range people {
		people[i] = s.Client(cardeatest.Native)
		all.Go(func() {
			f := people[i].Start("login", "")
			people[i].Token = f.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password}).Text("session_token")
		})
	}
	all.Wait()
	signedIn := 0
	for _, p := range people {
		if p.WhoAmI().Status == 200 {
			signedIn++
		}
	}
	if signedIn != 3 {
		t.Errorf("%d sessions, want 3", signedIn)
	}
}
