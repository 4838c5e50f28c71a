package cardea_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"cardea/cardeatest"
)

const (
	captchaDue   = 4009021
	captchaWrong = 4000038
)

// behindBarrier is a server on which journeys of all kinds need little work, with more
// settings of cardea.captcha.
func behindBarrier(t *testing.T, on engine, more string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{DSN: on.database(t), Pages: true, Config: "cardea: {captcha: {proof_of_work: {difficulty: 60, hardest: 1000}" + more + "}}\n" +
		"selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}}\n"})
}

// everyJourney is what a journey of each kind submits.
var everyJourney = map[string]map[string]any{
	"login":        {"method": "password", "identifier": annsMail, "password": cardeatest.Password},
	"registration": {"method": "password", "traits.email": "bob@cardea.test", "password": cardeatest.Password},
	"recovery":     {"method": "code", "email": annsMail},
	"verification": {"method": "code", "email": annsMail},
	"settings":     {"method": "password", "password": "another-Sturdy-Wombat-78"},
}

// proven submits a form with the proof that it asks for.
func proven(t *testing.T, f *cardeatest.Flow, fields map[string]any) *cardeatest.Answer {
	t.Helper()
	work, ok := f.Answer.Work()
	if !ok {
		t.Fatalf("%s asks for no work: %s", f.Kind, f.Answer.Body)
	}
	return f.Submit(with(fields, work.Solve()))
}

func with(fields map[string]any, answer string) map[string]any {
	all := map[string]any{cardeatest.CaptchaField: answer}
	for k, v := range fields {
		all[k] = v
	}
	return all
}

// told are the messages of the form after a submission that was not accepted.
func told(f *cardeatest.Flow, a *cardeatest.Answer) []int { return f.Form(a).Messages() }

func TestEveryJourneyOfEveryClientPassesTheBarrierWithAProof(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		for kind, fields := range everyJourney {
			s := behindBarrier(t, nil, ", flows: {"+kind+": always}")
			s.CreateIdentity(annsMail, cardeatest.Password)
			f := func() *cardeatest.Flow {
				c := s.Client(k)
				if kind == "settings" {
					c.SignIn(annsMail, cardeatest.Password)
				}
				return c.Start(kind, "")
			}()
			before := len(s.Mails(annsMail))
			if a := f.Submit(fields); !slices.Contains(told(f, a), captchaDue) {
				t.Errorf("%s without a proof: %d %s", kind, a.Status, a.Body)
			}
			if got := len(s.Mails(annsMail)); got != before {
				t.Errorf("%s without a proof sends %d messages", kind, got-before)
			}
			work, ok := f.Fetch().Work()
			if !ok {
				t.Fatalf("%s asks for no work: %s", kind, f.Fetch().Body)
			}
			a := f.Submit(with(fields, work.Solve()))
			if form := f.Form(a); a.Status >= 400 || k == cardeatest.Browser && (slices.Contains(form.Messages(), captchaDue) || slices.Contains(form.Messages(), captchaWrong)) {
				t.Errorf("%s with a proof: %d %s", kind, a.Status, a.Body)
			}
		}
	})
}

func TestAProofIsGoodForOneSubmissionOfOneFlowUntilItsEnd(t *testing.T) {
	provesOnce(t, cardeatest.Native, nil)
}

func provesOnce(t *testing.T, k cardeatest.Kind, on engine) {
	s := behindBarrier(t, on, ", when: always")
	s.CreateIdentity(annsMail, cardeatest.Password)
	wrong := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"}
	c := s.Client(k)
	f, other := c.Start("login", ""), c.Start("login", "")
	work, _ := f.Answer.Work()
	answer := work.Solve()
	harder := work
	harder.Salt = "0" + harder.Salt
	forged := work
	forged.Signature = cardeatest.WrongCode(forged.Signature[:1]) + forged.Signature[1:]
	algorithm := work
	algorithm.Algorithm = "SHA-1"
	for name, proof := range map[string]string{
		"a forged signature": forged.Solve(), "another salt": harder.Answer(7), "another algorithm": algorithm.Solve(),
		"a wrong number": work.Answer(work.MaxNumber + 1), "a negative number": work.Answer(-1), "no Base64": "!", "no JSON": "AAAA",
	} {
		if a := f.Submit(with(wrong, proof)); !slices.Contains(told(f, a), captchaWrong) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := other.Submit(with(wrong, answer)); !slices.Contains(told(other, a), captchaWrong) {
		t.Errorf("in another flow: %d %s", a.Status, a.Body)
	}
	if a := f.Submit(with(wrong, answer)); !slices.Contains(told(f, a), wrongPassword) {
		t.Errorf("the first time: %d %s", a.Status, a.Body)
	}
	if a := f.Submit(with(wrong, answer)); !slices.Contains(told(f, a), captchaWrong) {
		t.Errorf("the second time: %d %s", a.Status, a.Body)
	}
}

func TestOfParallelSubmissionsWithOneProofOneIsLookedAt(t *testing.T) {
	provesOnceInParallel(t, cardeatest.Native, nil)
}

func provesOnceInParallel(t *testing.T, k cardeatest.Kind, on engine) {
	here, there := twoBehindBarrier(t, on, ", when: always")
	here.CreateIdentity(annsMail, cardeatest.Password)
	f := here.Client(k).Start("login", "")
	flows := []*cardeatest.Flow{f, there.Client(k).Resume("login", f.ID)}
	work, _ := f.Answer.Work()
	fields := with(map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"}, work.Solve())
	var looked, refused atomic.Int64
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			ids := flows[n%2].Submit(fields).Messages()
			if slices.Contains(ids, wrongPassword) {
				looked.Add(1)
			}
			if slices.Contains(ids, captchaWrong) {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d were looked at and %d refused", looked.Load(), refused.Load())
	}
}

// twoBehindBarrier are two processes on one database.
func twoBehindBarrier(t *testing.T, on engine, more string) (here, there *cardeatest.Server) {
	t.Helper()
	dsn := on.database(t)
	if dsn == "" {
		dsn = "sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "cardea.db")) + "?_fk=true"
	}
	same := func(testing.TB) string { return dsn }
	return behindBarrier(t, same, more), behindBarrier(t, same, more)
}

func TestWrongPasswordsCountForAllProcesses(t *testing.T) {
	countsForAllProcesses(t, cardeatest.Native, nil)
}

func countsForAllProcesses(t *testing.T, k cardeatest.Kind, on engine) {
	here, there := twoBehindBarrier(t, on, ", risk: {wrong_passwords: 3}")
	here.CreateIdentity(annsMail, cardeatest.Password)
	fields := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"}
	for n, s := range []*cardeatest.Server{here, there, here} {
		f := s.Client(k).Start("login", "")
		if a := f.Submit(fields); !slices.Contains(told(f, a), wrongPassword) {
			t.Fatalf("guess %d: %d %s", n+1, a.Status, a.Body)
		}
	}
	for n, s := range []*cardeatest.Server{here, there} {
		f := s.Client(k).Start("login", "")
		if a := f.Submit(fields); !slices.Contains(told(f, a), captchaDue) {
			t.Errorf("guess 4 in process %d: %d %s", n+1, a.Status, a.Body)
		}
	}
}

func TestWrongPasswordsRaiseTheBarrierAndAProofOpensIt(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		s := behindBarrier(t, nil, ", risk: {wrong_passwords: 2}")
		s.CreateIdentity(annsMail, cardeatest.Password)
		for _, who := range []string{annsMail, "eve@cardea.test"} { // whether there is an account does not matter
			fields := map[string]any{"method": "password", "identifier": who, "password": "wrong-Wombats-99"}
			for n := range 2 {
				f := s.Client(k).Start("login", "")
				if _, asks := f.Answer.Work(); asks {
					t.Fatalf("guess %d: the barrier stands from the start", n+1)
				}
				a := f.Submit(fields)
				if !slices.Contains(told(f, a), wrongPassword) {
					t.Fatalf("guess %d: %d %s", n+1, a.Status, a.Body)
				}
				if _, asks := f.Fetch().Work(); asks != (n == 1) {
					t.Errorf("after guess %d the barrier stands: %t", n+1, asks)
				}
			}
			f := s.Client(k).Start("login", "")
			if a := f.Submit(fields); !slices.Contains(told(f, a), captchaDue) {
				t.Errorf("guess 3 without a proof: %d %s", a.Status, a.Body)
			}
			easy, _ := f.Fetch().Work()
			if a := f.Submit(with(fields, easy.Solve())); !slices.Contains(told(f, a), wrongPassword) {
				t.Errorf("guess 3 with a proof: %d %s", a.Status, a.Body)
			}
			f = s.Client(k).Start("login", "")
			f.Submit(fields)
			easy, _ = f.Fetch().Work()
			f.Submit(with(fields, easy.Solve()))
			harder, _ := f.Fetch().Work()
			if harder.MaxNumber <= easy.MaxNumber {
				t.Errorf("after more guesses the work is no harder: %d, then %d", easy.MaxNumber, harder.MaxNumber)
			}
			if a := f.Submit(with(fields, harder.Solve())); !slices.Contains(told(f, a), wrongPassword) {
				t.Errorf("guess 5 with harder work: %d %s", a.Status, a.Body)
			}
		}
	})
}

// A team that swaps the server and keeps its interface must not lose people to a form that
// the interface cannot show.
func TestPagesOfOnesOwnHaveNoBarrierUnlessSomebodyAsksForIt(t *testing.T) {
	forEachClient(t, func(t *testing.T, k cardeatest.Kind) {
		for more, stands := range map[string]bool{"": false, ", when: risk": true, ", flows: {login: risk}": true, ", flows: {registration: risk}": false} {
			s := cardeatest.New(t, cardeatest.Options{Config: "cardea: {captcha: {proof_of_work: {difficulty: 60}, risk: {wrong_passwords: 2}" + more + "}}\n"})
			s.CreateIdentity(annsMail, cardeatest.Password)
			for n := range 3 {
				want := wrongPassword
				if stands && n == 2 {
					want = captchaDue
				}
				f := s.Client(k).Start("login", "")
				if a := f.Submit(map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"}); !slices.Contains(told(f, a), want) {
					t.Errorf("%q, guess %d: %d %s", more, n+1, a.Status, a.Body)
				}
			}
		}
	})
}

func TestAProofThatIsTooOldIsRefused(t *testing.T) { provesInTime(t, cardeatest.Native, nil) }

func provesInTime(t *testing.T, k cardeatest.Kind, on engine) {
	s := cardeatest.New(t, cardeatest.Options{DSN: on.database(t), Config: "cardea: {captcha: {when: always, proof_of_work: {difficulty: 60, lifespan: 1ns}}}\n"})
	s.CreateIdentity(annsMail, cardeatest.Password)
	f := s.Client(k).Start("login", "")
	if a := proven(t, f, everyJourney["login"]); !slices.Contains(told(f, a), captchaWrong) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestWorkThatIsTooEasyByNowIsRefused(t *testing.T) { worksHarder(t, cardeatest.Native, nil) }

func worksHarder(t *testing.T, k cardeatest.Kind, on engine) {
	s := behindBarrier(t, on, ", risk: {wrong_passwords: 1}")
	s.CreateIdentity(annsMail, cardeatest.Password)
	c := s.Client(k)
	fields := map[string]any{"method": "password", "identifier": annsMail, "password": "wrong-Wombats-99"}
	early := c.Start("login", "")
	early.Submit(fields)
	easy, _ := early.Fetch().Work()
	f := c.Start("login", "")
	f.Submit(fields)
	next, _ := f.Fetch().Work()
	if a := f.Submit(with(fields, next.Solve())); !slices.Contains(told(f, a), wrongPassword) {
		t.Fatalf("guess 2: %d %s", a.Status, a.Body)
	}
	if a := early.Submit(with(fields, easy.Solve())); !slices.Contains(told(early, a), captchaWrong) {
		t.Errorf("guess 3 with work for guess 2: %d %s", a.Status, a.Body)
	}
	harder, _ := early.Fetch().Work()
	if a := early.Submit(with(fields, harder.Solve())); harder.MaxNumber <= easy.MaxNumber || !slices.Contains(told(early, a), wrongPassword) {
		t.Errorf("guess 3 with harder work: %d %s", a.Status, a.Body)
	}
}

func TestGuessesWithoutAProofUseNothingUp(t *testing.T) {
	s := behindBarrier(t, nil, ", risk: {wrong_passwords: 1}")
	s.CreateIdentity(annsMail, cardeatest.Password)
	c := s.Client(cardeatest.Native)
	for range 40 { // twice as many as are ever looked at
		tries(c, annsMail, "wrong-Wombats-99")
	}
	f := c.Start("login", "")
	f.Submit(everyJourney["login"])
	work, ok := f.Fetch().Work()
	if !ok {
		t.Fatalf("no work is asked for: %s", f.Fetch().Body)
	}
	if a := f.Submit(with(everyJourney["login"], work.Solve())); a.Status != http.StatusOK {
		t.Errorf("the right password with a proof: %d %s", a.Status, a.Body)
	}
}

func TestManySignUpsFromOnePublicAddressRaiseTheBarrier(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: "cardea: {throttle: {trusted_proxies: [127.0.0.1]}, captcha: {proof_of_work: {difficulty: 60}, risk: {submissions: 2}}}\n"})
	from := func(address string) *cardeatest.Flow {
		c := s.Client(cardeatest.Native)
		c.Header = http.Header{"X-Forwarded-For": {address}}
		return c.Start("registration", "")
	}
	person := func(name string) map[string]any {
		return map[string]any{"method": "password", "traits.email": name + "@cardea.test", "password": cardeatest.Password}
	}
	for _, name := range []string{"one", "two"} {
		if a := from("203.0.113.1").Submit(person(name)); a.Status != 200 {
			t.Fatalf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	f := from("203.0.113.1")
	if a := f.Submit(person("three")); !slices.Contains(a.Messages(), captchaDue) {
		t.Errorf("the third: %d %s", a.Status, a.Body)
	}
	if a := proven(t, f, person("three")); a.Status != 200 {
		t.Errorf("the third with a proof: %d %s", a.Status, a.Body)
	}
	if a := from("203.0.113.2").Submit(person("four")); a.Status != 200 {
		t.Errorf("of another address: %d %s", a.Status, a.Body)
	}
	for _, name := range []string{"five", "six", "seven"} { // a colleague, or a proxy that nobody has named
		if a := from("10.1.2.3").Submit(person(name)); a.Status != 200 {
			t.Errorf("of a private address: %d %s", a.Status, a.Body)
		}
	}
}

func TestWidgetsGetTheirChallengeFromAnAddress(t *testing.T) {
	s := behindBarrier(t, nil, ", flows: {login: always}")
	s.CreateIdentity(annsMail, cardeatest.Password)
	c := s.Client(cardeatest.Native)
	f := c.Start("login", "")
	a := c.Get("/self-service/captcha/challenge?flow=" + f.ID)
	if a.Status != 200 || a.JSON["algorithm"] != "SHA-256" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	number, _ := a.JSON["maxnumber"].(float64)
	work := cardeatest.Work{Algorithm: a.Text("algorithm"), Challenge: a.Text("challenge"), MaxNumber: int(number), Salt: a.Text("salt"), Signature: a.Text("signature")}
	fields := map[string]any{"altcha": work.Solve()}
	for k, v := range everyJourney["login"] {
		fields[k] = v
	}
	if a := f.Submit(fields); a.Status != 200 {
		t.Errorf("in the widget's own field: %d %s", a.Status, a.Body)
	}
	for query, want := range map[string]int{"": 400, "?flow=x": 400, "?flow=" + url.QueryEscape("3e3f5c1e-7a50-4d09-9c0b-0a3c1b9d4a11"): 404} {
		if a := c.Get("/self-service/captcha/challenge" + query); a.Status != want {
			t.Errorf("%q: %d %s", query, a.Status, a.Body)
		}
	}
}
