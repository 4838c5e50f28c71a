package cardea_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// logbook is what a server has said, in all detail.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// secrets are what must never be found in a log, by what they are.
type secrets map[string]string

func (s secrets) add(what, value string) {
	if len(value) >= 6 {
		s[what+" "+value[:2]+"…"] = value
	}
}

// of collects everything that an answer hands out.
func (s secrets) of(a *cardeatest.Answer) *cardeatest.Answer {
	for _, line := range a.Header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		if name, value, ok := strings.Cut(pair, "="); ok && value != "signed-out" {
			s.add("cookie "+name, value)
		}
	}
	if n := a.Node("csrf_token"); n != nil {
		value, _ := n.Attributes["value"].(string)
		s.add("anti-CSRF token", value)
	}
	for _, key := range []string{"session_token", "logout_token", "session_token_exchange_code"} {
		s.add(key, a.Text(key))
	}
	return a
}

func TestNoSecretIsLogged(t *testing.T) {
	const wrong = "wrong-Wombats-of-the-canary-88"
	log := &logbook{}
	s := cardeatest.New(t, cardeatest.Options{
		Log:    slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug - 8})),
		Config: `{log: {level: trace}, selfservice: {flows: {verification: {enabled: true}, recovery: {enabled: true}}}}`,
	})
	found := secrets{}
	found.add("password", cardeatest.Password)
	found.add("wrong password", wrong)

	var people []*cardeatest.Client
	for _, kind := range cardeatest.Kinds {
		email := string(kind) + "@cardea.test"
		person := s.Client(kind)
		people = append(people, person)
		up := person.Start("registration", "return_session_token_exchange_code=true")
		found.of(up.Answer)
		in := found.of(up.Submit(map[string]any{"method": "password", "traits.email": email, "password": cardeatest.Password}))
		if kind == cardeatest.Native {
			person.Token = in.Text("session_token")
		}
		found.of(person.WhoAmI())
		again := person.Start("login", "refresh=true")
		found.of(again.Answer)
		found.of(again.Form(again.Submit(map[string]any{"method": "password", "identifier": email, "password": wrong})))
		found.of(again.Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password}))
		found.of(again.Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password, "csrf_token": wrong}))
		stranger := s.Client(kind).Start("recovery", "")
		found.of(stranger.Answer)
		found.of(stranger.Submit(map[string]any{"method": "code", "email": email}))
		found.of(stranger.Submit(map[string]any{"method": "code", "code": "135797"}))
		if kind != cardeatest.Native {
			found.of(person.Get("/self-service/logout/browser"))
		}
	}
	found.add("wrong code", "135797")
	// Codes are in the mails that wait.
	mails := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/courier/messages?page_size=100")
	for _, code := range regexp.MustCompile(`\b[0-9]{6}\b`).FindAllString(string(mails.Body), -1) {
		found.add("code", code)
	}
	// Whatever fails is told in more words, so let everything fail.
	if err := s.App.Close(); err != nil {
		t.Fatal(err)
	}
	for _, person := range people {
		person.WhoAmI()
		person.Get("/sessions")
		person.Do("DELETE", "/self-service/logout/api", map[string]string{"session_token": person.Token})
		for what, value := range found {
			if strings.HasPrefix(what, "logout_token") {
				person.Get("/self-service/logout?token=" + url.QueryEscape(value))
			}
		}
	}
	text := log.String()
	if !strings.Contains(text, "request failed") {
		t.Fatal("the log says nothing of what failed: this test proves nothing")
	}
	if len(found) < 20 {
		t.Fatalf("only %d secrets were collected: this test proves nothing", len(found))
	}
	for what, value := range found {
		for _, spelling := range []string{value, url.QueryEscape(value)} {
			if whole, err := regexp.MatchString(`(^|[^0-9A-Za-z])`+regexp.QuoteMeta(spelling)+`($|[^0-9A-Za-z])`, text); err != nil || whole {
				t.Errorf("the log holds a %s (%v)", what, err)
			}
		}
	}
}
