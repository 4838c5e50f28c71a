package cardea_test

import (
	"strings"
	"testing"

	"cardea/cardeatest"
)

func TestWhatIsUnusualIsSeenByOperatorsAndTheOwner(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Pages: true, Config: "cardea: {throttle: {trusted_proxies: [127.0.0.1]}, risk: {policies: [{when: [new_device, new_network], then: nothing}]}}\n"})
	ann := at(s.Client(cardeatest.Browser), homeAddress)
	ann.SignUp(annsMail, cardeatest.Password)
	id := ann.WhoAmI().Text("identity", "id")
	settings := func() string {
		f := ann.Start("settings", "")
		ann.Header.Set("Accept", "text/html")
		defer ann.Header.Del("Accept")
		return string(ann.Get("/settings?flow=" + f.ID).Body)
	}
	marked := func(page string) int { return strings.Count(page, `<span class="badge">`) }
	at(s.Client(cardeatest.Native), homeAddress).SignIn(annsMail, cardeatest.Password)
	before := marked(settings())
	stranger := at(s.Client(cardeatest.Native), farAddress)
	stranger.SignIn(annsMail, cardeatest.Password)
	if got := marked(settings()); got != before+1 {
		t.Errorf("%d devices are marked in the settings, want one more than %d", got, before)
	}
	if strings.Contains(string(stranger.WhoAmI().Body), "signals") {
		t.Error("whoami tells the signals")
	}
	operator := s.Client(cardeatest.Native)
	if a := operator.Get(s.AdminURL + "/admin/identities/" + id + "/sessions"); !strings.Contains(string(a.Body), `"signals":["new_device","new_network"]`) {
		t.Errorf("the operator is not told: %s", a.Body)
	}
	metrics := string(operator.Get(s.AdminURL + "/admin/metrics/prometheus").Body)
	for _, line := range []string{
		`cardea_risk_signals_total{signal="new_network"} 1`, `cardea_risk_signals_total{signal="impossible_travel"} 0`, `cardea_risk_responses_total{response="nothing"} 2`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics do not say %s", line)
		}
	}
}
