package cardea_test

import (
	"testing"

	"cardea/cardeatest"
)

// Where sign-ups tell nothing, anybody can begin one with somebody's address, and the
// browser in which they did is none in which the account was signed in.
func TestABrowserIsNotKnownToAnAccountThatItHasNotProved(t *testing.T) {
	for _, k := range []cardeatest.Kind{cardeatest.Browser, cardeatest.SPA} {
		s := cardeatest.New(t, cardeatest.Options{Config: "cardea: {security: {strict_enumeration: true}, throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [new_device], then: block}]}}\n" +
			"selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}}\n"})
		stranger := at(s.Client(k), farAddress)
		stranger.Start("registration", "").Submit(map[string]any{"method": "password", "traits.email": annsMail, "password": cardeatest.Password})
		prove(t, s, annsMail)
		ann := at(s.Client(k), homeAddress)
		ann.SignIn(annsMail, cardeatest.Password)
		if a := ann.Get(ann.Get("/self-service/logout/browser").Text("logout_url")); a.Status >= 400 {
			t.Fatalf("sign out: %d %s", a.Status, a.Body)
		}
		ann.SignIn(annsMail, cardeatest.Password)
		tries(stranger, annsMail, cardeatest.Password)
		if got := stranger.WhoAmI().Status; got != 401 {
			t.Errorf("%s: in the browser that began the sign-up: %d", k, got)
		}
	}
}
