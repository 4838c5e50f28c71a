package securitytest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cardea/cardeatest"
)

// transition is the step of a journey that wants a proof.
type transition struct {
	name, kind string
	// before brings a client to the step: it gives the flow, and the account whose
	// proof is wanted, "" for one that is not there yet.
	before func(h *house, c *cardeatest.Client, email string) (*cardeatest.Flow, string)
	// more are the fields beside the proof, which is in field.
	more  func(email string) map[string]any
	field string
	// proof is what opens the step.
	proof func(h *house, email string) string
	// spends says that a proof is good once.
	spends bool
	// passed says whether the step was passed.
	passed func(h *house, c *cardeatest.Client, id string) bool
}

func signedIn(_ *house, c *cardeatest.Client, _ string) bool { return c.WhoAmI().Status == 200 }

func lifted(_ *house, c *cardeatest.Client, _ string) bool {
	return c.WhoAmI().Text("authenticator_assurance_level") == "aal2"
}

func mailed(h *house, email string) string { return h.LastMail(email).Code() }

// stepUp is the step of a second factor, behind a sign-in with the password.
func stepUp(name, field string, credentials func(*house) map[string]any, proof func(*house, string) string) transition {
	return transition{name: name, kind: "login", field: field, proof: proof, spends: true, passed: lifted,
		before: func(h *house, c *cardeatest.Client, email string) (*cardeatest.Flow, string) {
			id := h.person(email, credentials(h))
			took(c, c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": passwordOf(email)}))
			return c.Start("login", "aal=aal2"), id
		},
		more: func(string) map[string]any { return map[string]any{"method": name} }}
}

func transitions() []transition {
	asks := func(kind string) func(h *house, c *cardeatest.Client, email string) (*cardeatest.Flow, string) {
		return func(h *house, c *cardeatest.Client, email string) (*cardeatest.Flow, string) {
			id := h.person(email, nil)
			f := c.Start(kind, "")
			field := map[string]string{"login": "identifier"}[kind]
			if field == "" {
				field = "email"
			}
			f.Submit(map[string]any{"method": "code", field: email})
			return f, id
		}
	}
	method := func(name string) func(string) map[string]any {
		return func(string) map[string]any { return map[string]any{"method": name} }
	}
	identified := func(name string) func(string) map[string]any {
		return func(email string) map[string]any { return map[string]any{"method": name, "identifier": email} }
	}
	return []transition{
		{name: "password", kind: "login", field: "password", more: identified("password"), passed: signedIn,
			before: func(h *house, c *cardeatest.Client, email string) (*cardeatest.Flow, string) {
				id := h.person(email, nil)
				return c.Start("login", ""), id
			},
			proof: func(_ *house, email string) string { return passwordOf(email) }},
		{name: "code", kind: "login", field: "code", more: identified("code"), before: asks("login"), proof: mailed, spends: true, passed: signedIn},
		{name: "code", kind: "registration", field: "code", proof: mailed, spends: true, passed: signedIn,
			more: func(email string) map[string]any { return map[string]any{"method": "code", "traits.email": email} },
			before: func(h *house, c *cardeatest.Client, email string) (*cardeatest.Flow, string) {
				f := c.Start("registration", "")
				f.Submit(map[string]any{"method": "code", "traits.email": email})
				return f, ""
			}},
		{name: "code", kind: "recovery", field: "code", more: method("code"), before: asks("recovery"), proof: mailed, spends: true, passed: signedIn},
		{name: "code", kind: "verification", field: "code", more: method("code"), before: asks("verification"), proof: mailed, spends: true,
			passed: func(h *house, _ *cardeatest.Client, id string) bool { return h.verified(id) }},
		stepUp("totp", "totp_code", func(*house) map[string]any { return app() }, func(h *house, _ string) string { return h.appCode() }),
		stepUp("lookup_secret", "lookup_secret", func(*house) map[string]any {
			return map[string]any{"lookup_secret": map[string]any{"config": map[string]any{"codes": []any{
				map[string]any{"code": "abcd2345"}, map[string]any{"code": "efgh6789"}}}}}
		}, func(*house, string) string { return "abcd2345" }),
	}
}

// submission is a submission of the step with something in the place of the proof.
func (s transition) submission(email string, proof any) map[string]any {
	fields := s.more(email)
	fields["state"] = "passed_challenge" // nobody is asked
	if proof != nil {
		fields[s.field] = proof
	}
	return fields
}

// TestAStepIsNeverSkipped brings every journey to the step that wants a proof and sends
// none, an empty one, one of a wrong type, one that was used before, those of somebody
// else and those that were made for something else; with the right one, it goes on, once.
func TestAStepIsNeverSkipped(t *testing.T) {
	each(t, everything(), func(h *house, kind cardeatest.Kind, _ string) {
		for n, s := range transitions() {
			h.Run(s.kind+" by "+s.name, func(t *testing.T) {
				tryProofs(&house{T: t, Server: h.Server, operator: h.operator}, kind, s, n)
			})
		}
	})
}

func tryProofs(h *house, kind cardeatest.Kind, s transition, n int) {
	var count atomic.Int32
	fresh := func() string {
		return fmt.Sprintf("%c%c%c@cardea.test", 'a'+rune(n), rune(kind[0]), 'a'+count.Add(1)) // they make the password
	}
	var all sync.WaitGroup // answers to somebody who was wrong take their time
	refuse := func(what string, prepare func(email, id string) any) {
		all.Go(func() {
			email, c := fresh(), h.Client(kind)
			f, id := s.before(h, c, email)
			took(c, f.Submit(s.submission(email, prepare(email, id))))
			if s.passed(h, c, id) {
				h.Errorf("passed with %s", what)
			}
			if s.kind == "registration" && h.known(email) {
				h.Errorf("an account was made with %s", what)
			}
		})
	}
	refuse("no proof", func(string, string) any { return nil })
	refuse("an empty proof", func(string, string) any { return "" })
	refuse("a proof that is space", func(string, string) any { return "      " })
	if kind != cardeatest.Browser {
		for _, odd := range []any{[]any{}, map[string]any{}, true, 0, []any{"", ""}} {
			refuse(fmt.Sprintf("%v for a proof", odd), func(string, string) any { return odd })
		}
	}
	refuse("the proof of somebody else", func(string, string) any {
		other := fresh()
		s.before(h, h.Client(kind), other)
		if s.name == "totp" || s.name == "lookup_secret" {
			return "zzzz9999" // theirs are the same in this house
		}
		return s.proof(h, other)
	})
	if strings.HasPrefix(s.name, "code") {
		for _, o := range transitions() {
			if o.name != "code" || o.kind == s.kind || o.kind == "registration" || s.kind == "registration" {
				continue
			}
			refuse("a code of a "+o.kind, func(email, _ string) any {
				return h.another(kind, o.kind, email)
			})
		}
		refuse("a code of another flow of the same kind", func(email, _ string) any { return h.another(kind, s.kind, email) })
	}

	all.Wait()
	email, c := fresh(), h.Client(kind)
	f, id := s.before(h, c, email)
	proof := s.proof(h, email)
	took(c, f.Submit(s.submission(email, proof)))
	if !s.passed(h, c, id) {
		h.Fatal("the right proof does not pass: this test proves nothing")
	}
	if !s.spends || s.kind == "verification" {
		return
	}
	again := h.Client(kind)
	if s.passed(h, again, id) {
		h.Fatal("a new client has passed before it does anything")
	}
	// Once more: on the same flow by somebody without a session, and on another flow.
	took(again, h.on(again, f, s.submission(email, proof)))
	if s.passed(h, again, id) {
		h.Error("passed with a proof that was used on this flow")
	}
	other := h.Client(kind)
	if s.kind == "login" && s.name != "code" {
		took(other, other.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": passwordOf(email)}))
		took(other, other.Start("login", "aal=aal2").Submit(s.submission(email, proof)))
	} else {
		g := other.Start(s.kind, "")
		took(other, g.Submit(s.submission(email, proof))) // without asking for one
		took(other, g.Submit(s.submission(email, proof)))
	}
	if s.passed(h, other, id) {
		h.Error("passed with a proof that was used on another flow")
	}
}

// known says whether an account has the address.
func (h *house) known(email string) bool {
	h.Helper()
	a := h.operator.Get(h.AdminURL + "/admin/identities?credentials_identifier=" + email)
	return a.Status == 200 && strings.TrimSpace(string(a.Body)) != "[]"
}

// another is a code that the same account was sent for another journey.
func (h *house) another(kind cardeatest.Kind, journey, email string) string {
	h.Helper()
	c := h.Client(kind)
	f := c.Start(journey, "")
	field := map[string]string{"login": "identifier", "registration": "traits.email"}[journey]
	if field == "" {
		field = "email"
	}
	f.Submit(map[string]any{"method": "code", field: email})
	return h.LastMail(email).Code()
}

// on submits to a flow of somebody else, as another client.
func (h *house) on(c *cardeatest.Client, f *cardeatest.Flow, fields map[string]any) *cardeatest.Answer {
	h.Helper()
	own := c.Start(f.Kind, "")
	own.ID = f.ID
	return own.Submit(fields)
}
