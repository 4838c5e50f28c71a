package cardea_test

import (
	"slices"
	"testing"

	"cardea/cardeatest"
)

func TestAnUnusualSignInOrSignUpCanBeMadeToWork(t *testing.T) { forEachClient(t, inFile(hasToWork)) }

func hasToWork(t *testing.T, k cardeatest.Kind, on engine) {
	const bob = "bob@cardea.test"
	s := cardeatest.New(t, cardeatest.Options{DSN: on.database(t), Config: "cardea: {throttle: {trusted_proxies: [127.0.0.1]}, captcha: {when: never, proof_of_work: {difficulty: 60, hardest: 1000}},\n" +
		"  risk: {accounts: {max: 1}, policies: [{when: [many_accounts], then: challenge}]}}\n" +
		"selfservice: {flows: {recovery: {enabled: true, use: code}}}\n"})
	s.CreateIdentity(annsMail, cardeatest.Password)
	s.CreateIdentity(bob, cardeatest.Password)
	at(s.Client(k), farAddress).SignIn(bob, cardeatest.Password)
	for kind, fields := range map[string]map[string]any{
		"login":        {"method": "password", "identifier": annsMail, "password": cardeatest.Password},
		"registration": {"method": "password", "traits.email": "eve@cardea.test", "password": cardeatest.Password},
	} {
		c := at(s.Client(k), farAddress)
		f := c.Start(kind, "")
		if _, asked := f.Answer.Work(); asked {
			t.Errorf("%s: everybody is asked", kind)
		}
		if a := f.Submit(fields); !slices.Contains(told(f, a), captchaDue) || c.WhoAmI().Status != 401 {
			t.Errorf("%s without a proof: %d %s", kind, a.Status, a.Body)
		}
		work, asked := f.Fetch().Work()
		if !asked {
			t.Fatalf("%s asks for no work: %s", kind, f.Fetch().Body)
		}
		a := f.Submit(with(fields, work.Solve()))
		if k == cardeatest.Native {
			c.Token = a.Text("session_token")
		}
		if got := c.WhoAmI().Status; got != 200 {
			t.Errorf("%s with a proof: %d %s", kind, a.Status, a.Body)
		}
	}
	// A code that was used up is asked for anew, behind the same barrier.
	c := at(s.Client(k), farAddress)
	f := c.Start("recovery", "")
	f.Submit(map[string]any{"method": "code", "email": annsMail})
	if a := f.Submit(map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()}); !slices.Contains(told(f, a), captchaDue) {
		t.Errorf("recovery without a proof: %d %s", a.Status, a.Body)
	}
	work, _ := f.Fetch().Work()
	f.Submit(with(map[string]any{"method": "code", "email": annsMail}, work.Solve()))
	fields := map[string]any{"method": "code", "code": s.LastMail(annsMail).Code()}
	a := f.Submit(fields)
	if again, asked := f.Fetch().Work(); asked {
		a = f.Submit(with(fields, again.Solve()))
	}
	if a.Status >= 400 && a.Status != 422 {
		t.Errorf("recovery with a proof: %d %s", a.Status, a.Body)
	}
}
