package cardea_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cardea/cardeatest"
)

// sending is a server with recovery and verification by code, and budgets.
func sending(t *testing.T, on engine, budgets string) *cardeatest.Server {
	t.Helper()
	return cardeatest.New(t, cardeatest.Options{DSN: on.database(t), Config: "cardea: {courier: {budgets: " + budgets + "}, throttle: {trusted_proxies: [127.0.0.1]}}\n" +
		"selfservice: {methods: {code: {enabled: true, passwordless_enabled: true}}, flows: {recovery: {enabled: true, use: code}, verification: {enabled: true, use: code}}}\n"})
}

// mails counts what was queued for an address.
func mails(s *cardeatest.Server, to string) int {
	a := s.Client(cardeatest.Native).Do("GET", s.AdminURL+"/admin/courier/messages?page_size=500&recipient="+strings.ReplaceAll(to, "+", "%2B"), nil)
	return strings.Count(string(a.Body), `"recipient":`)
}

// asks asks for a recovery code.
func asks(c *cardeatest.Client, address string) *cardeatest.Answer {
	return c.Start("recovery", "").Submit(map[string]any{"method": "code", "email": address})
}

// sameAnswer compares what somebody sees who asks for a message.
func sameAnswer(t *testing.T, what string, a, b *cardeatest.Answer) {
	t.Helper()
	if a.Status != b.Status || fmt.Sprint(a.Messages()) != fmt.Sprint(b.Messages()) || a.Text("state") != b.Text("state") {
		t.Errorf("%s: %d %v %s, want %d %v %s", what, b.Status, b.Messages(), b.Text("state"), a.Status, a.Messages(), a.Text("state"))
	}
}

func TestAMailboxGetsAsManyMailsAsTheBudgetAllowsAndNobodyWhoAsksSeesThat(t *testing.T) {
	forEachClient(t, inFile(staysInTheBudget))
}

func staysInTheBudget(t *testing.T, k cardeatest.Kind, on engine) {
	s := sending(t, on, "{email: {recipient: [{messages: 3, within: 1h}]}}")
	s.CreateIdentity(annsMail, cardeatest.Password)
	s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	first := asks(s.Client(k), annsMail)
	for range 4 {
		sameAnswer(t, "beyond the budget", first, asks(s.Client(k), annsMail))
	}
	c := s.Client(k) // verification counts for the same
	c.Start("verification", "").Submit(map[string]any{"method": "code", "email": annsMail})
	if got := mails(s, annsMail); got != 3 {
		t.Errorf("%d mails, want 3", got)
	}
	asks(s.Client(k), "bob@cardea.test")
	if got := mails(s, "bob@cardea.test"); got != 1 {
		t.Errorf("%d mails to somebody else, want 1", got)
	}
}

func TestOneMailboxUnderManyNamesHasOneBudget(t *testing.T) {
	s := sending(t, nil, "{email: {recipient: [{messages: 2, within: 1h}]}}")
	for _, to := range []string{"ann+1@cardea.test", "ann+2@cardea.test", "ANN+3@cardea.test", annsMail} {
		s.CreateIdentity(to, cardeatest.Password)
		asks(s.Client(cardeatest.Native), to)
	}
	total := 0
	for _, to := range []string{"ann+1@cardea.test", "ann+2@cardea.test", "ann+3@cardea.test", annsMail} {
		total += mails(s, to)
	}
	if total != 2 {
		t.Errorf("%d mails, want 2", total)
	}
}

func TestMessagesAreCountedForTheirSourceTheirTypeAndInAll(t *testing.T) {
	for _, tt := range []struct {
		name, budgets string
		from          []string
		want          int
	}{
		{"one public address", "{email: {source: [{messages: 2, within: 1h}]}}", []string{"203.0.113.1", "203.0.113.1", "203.0.113.1"}, 2},
		{"an IPv6 customer", "{email: {source: [{messages: 2, within: 1h}]}}", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"}, 2},
		{"many addresses", "{email: {source: [{messages: 2, within: 1h}]}}", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, 3},
		{"a private address, which may be a proxy", "{email: {source: [{messages: 2, within: 1h}]}}", []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, 3},
		{"one type", "{email: {template: [{messages: 2, within: 1h}]}}", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, 2},
		{"in all", "{email: {total: [{messages: 1, within: 1h}]}}", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, 1},
		{"the narrower of two", "{email: {total: [{messages: 3, within: 1h}, {messages: 2, within: 24h}]}}", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, 2},
		{"off", "{enabled: false, email: {total: [{messages: 1, within: 1h}]}}", []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, got := sending(t, nil, tt.budgets), 0
			for n, from := range tt.from {
				to := fmt.Sprintf("somebody-%d@cardea.test", n)
				s.CreateIdentity(to, cardeatest.Password)
				c := s.Client(cardeatest.Native)
				c.Header = http.Header{"X-Forwarded-For": {from}}
				asks(c, to)
				got += mails(s, to)
			}
			if got != tt.want {
				t.Errorf("%d mails, want %d", got, tt.want)
			}
		})
	}
}

func TestAnAddressOnTheSuppressionListGetsNothingAndNobodyWhoAsksSeesThat(t *testing.T) {
	forEachClient(t, inFile(sendsNothingToTheSuppressed))
}

func sendsNothingToTheSuppressed(t *testing.T, k cardeatest.Kind, on engine) {
	s := sending(t, on, "{}")
	operator := s.Client(cardeatest.Native)
	list := s.AdminURL + "/admin/courier/suppressions"
	s.CreateIdentity(annsMail, cardeatest.Password)
	before := asks(s.Client(k), annsMail)
	if a := operator.Do("POST", list, map[string]any{"suppressions": []any{
		map[string]any{"address": " ANN@cardea.test", "reason": "complaint", "note": "ticket 12"}, map[string]any{"address": "+49 30 1234567"},
	}}); a.Status != 204 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	sameAnswer(t, "suppressed", before, asks(s.Client(k), annsMail))
	if got := mails(s, annsMail); got != 1 {
		t.Errorf("%d mails, want 1", got)
	}
	a := operator.Get(list + "?address=Ann@cardea.test")
	if a.Status != 200 || strings.Count(string(a.Body), `"id"`) != 1 || !strings.Contains(string(a.Body), `"reason":"complaint"`) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	id := strings.Split(string(a.Body), `"`)[3]
	if a := operator.Do("DELETE", list+"/"+id, nil); a.Status != 204 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	asks(s.Client(k), annsMail)
	if got := mails(s, annsMail); got != 2 {
		t.Errorf("%d mails after it was taken off, want 2", got)
	}
	for _, wrong := range []any{
		map[string]any{"address": "nobody"}, map[string]any{"address": annsMail, "reason": "because"}, map[string]any{"address": annsMail, "expires_at": "2001-01-01T00:00:00Z"},
	} {
		if a := operator.Do("POST", list, map[string]any{"suppressions": []any{map[string]any{"address": "bob@cardea.test"}, wrong}}); a.Status != 400 {
			t.Errorf("%v: %d %s", wrong, a.Status, a.Body)
		}
	}
	if a := operator.Get(list); strings.Contains(string(a.Body), "bob@cardea.test") || !strings.Contains(string(a.Body), `"via":"sms"`) {
		t.Errorf("%s", a.Body)
	}
}

func TestTextMessagesAreCountedForTheirCountryAndGoToNoOtherThanThoseNamed(t *testing.T) {
	schema := strings.Replace(cardeatest.Schema, `"age":`, `"phone": {"type": "string", "format": "tel", "ory.sh/kratos": {"verification": {"via": "sms"}}}, "age":`, 1)
	s := cardeatest.New(t, cardeatest.Options{Config: "cardea: {courier: {budgets: {countries: [DE, FR], sms: {country: [{messages: 2, within: 1h}]}}}}\n" +
		"identity: {schemas: [{id: default, url: \"base64://" + base64.StdEncoding.EncodeToString([]byte(schema)) + "\"}]}\n" +
		"selfservice: {methods: {code: {enabled: true}}, flows: {verification: {enabled: true, use: code}}}\n" +
		"courier: {channels: [{id: sms, type: http, request_config: {url: \"http://127.0.0.1:1/\", method: POST}}]}\n"})
	for n, tt := range []struct {
		number string
		want   int
	}{{"+493012345671", 1}, {"+493012345672", 1}, {"+493012345673", 0}, {"+33140205050", 1}, {"+16502530000", 0}} {
		c := s.Client(cardeatest.Native)
		a := c.Do("POST", s.AdminURL+"/admin/identities", map[string]any{"schema_id": "default", "traits": map[string]any{"email": fmt.Sprintf("p%d@cardea.test", n), "phone": tt.number}})
		if a.Status != 201 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if a := c.Start("verification", "").Submit(map[string]any{"method": "code", "email": tt.number}); a.Text("state") != "sent_email" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		if got := mails(s, tt.number); got != tt.want {
			t.Errorf("%d messages to %s, want %d", got, tt.number, tt.want)
		}
	}
}
