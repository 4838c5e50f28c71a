package event_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardea/cardeatest"
	"cardea/internal/event"
)

const (
	key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	ann = "ann@cardea.test"
	// patience is for a machine that is busy with something else.
	patience = time.Minute
)

// said is an event as a receiver reads it.
type said struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Version   int       `json:"version"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		IdentityID string         `json:"identity_id"`
		Identity   map[string]any `json:"identity"`
		Changed    []string       `json:"changed"`
		SessionID  string         `json:"session_id"`
		Session    map[string]any `json:"session"`
		Reason     string         `json:"reason"`
		Flow       map[string]any `json:"flow"`
		Client     map[string]any `json:"client"`
		Failure    struct {
			Messages []int `json:"messages"`
		} `json:"failure"`
		Risk *struct {
			Signals  []string `json:"signals"`
			Response string   `json:"response"`
		} `json:"risk"`
	} `json:"data"`
}

// receiver takes events, checks that they are genuine, and keeps them in order.
type receiver struct {
	*testing.T
	*httptest.Server
	mu     sync.Mutex
	events []said
	bodies []string
	more   chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	x := &receiver{T: t, more: make(chan struct{}, 1)}
	x.Server = httptest.NewServer(http.HandlerFunc(x.take))
	t.Cleanup(x.Close)
	return x
}

func (x *receiver) take(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var e said
	if err := json.Unmarshal(body, &e); err != nil {
		x.Error(err)
	}
	secret, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	mac := hmac.New(sha256.New, secret)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
		x.Errorf("%s is signed %q, want %q", e.Type, r.Header.Get("webhook-signature"), want)
	}
	if r.Header.Get("webhook-id") != e.ID || e.Version != event.Version || e.Timestamp.IsZero() || r.Header.Get("X-From") != "cardea" {
		x.Errorf("%s came with %v", body, r.Header)
	}
	x.mu.Lock()
	x.events, x.bodies = append(x.events, e), append(x.bodies, string(body))
	x.mu.Unlock()
	select {
	case x.more <- struct{}{}:
	default:
	}
}

// await waits until so many events of a type are here and gives the last.
func (x *receiver) await(t string, n int) said {
	x.Helper()
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		if all := x.of(t); len(all) >= n {
			return all[n-1]
		}
		select {
		case <-x.more:
		case <-over.C:
			x.Fatalf("%d of %d events %s came; there are %v", len(x.of(t)), n, t, x.types())
		}
	}
}

func (x *receiver) of(t string) (all []said) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.events {
		if e.Type == t {
			all = append(all, e)
		}
	}
	return all
}

func (x *receiver) types() (all []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range x.events {
		all = append(all, e.Type)
	}
	return all
}

func (x *receiver) subscription(types ...string) string {
	list, _ := json.Marshal(types)
	return fmt.Sprintf(`{id: crm, url: %q, types: %s, secrets: [%q], headers: {X-From: cardea}}`, x.URL, list, key)
}

// journey runs once per kind of client, each with a server and a receiver of its own.
func journey(t *testing.T, more string, types []string, run func(*testing.T, *receiver, *cardeatest.Server, *cardeatest.Client)) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			x := newReceiver(t)
			s := cardeatest.New(t, cardeatest.Options{Background: true, Config: "cardea: {events: {subscriptions: [" + x.subscription(types...) + "]}}\n" + more})
			run(t, x, s, s.Client(kind))
		})
	}
}

func TestWhatHappensToSomebodyIsToldInOrder(t *testing.T) {
	journey(t, "selfservice: {methods: {profile: {enabled: true}}}", []string{"*"}, func(t *testing.T, x *receiver, s *cardeatest.Server, c *cardeatest.Client) {
		c.SignUp(ann, cardeatest.Password)
		signedUp := x.await("registration.succeeded", 1)
		id := signedUp.Data.IdentityID
		f := c.Start("settings", "")
		f.Submit(map[string]any{"method": "profile", "traits.email": ann, "traits.name.first": "Ann", "transient_payload": map[string]any{"from": "test"}})
		other := s.Client(c.Kind)
		login := other.Start("login", "")
		login.Submit(map[string]any{"method": "password", "identifier": ann, "password": "not-the-secret-canary"})
		failed := x.await("login.failed", 1)
		login.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
		signedIn := x.await("login.succeeded", 1)
		s.Client(cardeatest.Native).Do("DELETE", s.AdminURL+"/admin/identities/"+id+"/sessions", nil)
		x.await("session.revoked", 2)
		s.Client(cardeatest.Native).Do("DELETE", s.AdminURL+"/admin/identities/"+id, nil)
		x.await("identity.deleted", 1)

		var order []string
		for _, e := range x.events {
			if e.Data.IdentityID == id {
				order = append(order, e.Type)
			}
		}
		want := []string{"identity.created", "session.created", "registration.succeeded", "identity.updated", "settings.succeeded",
			"session.created", "login.succeeded", "session.revoked", "session.revoked", "identity.deleted"}
		if !slices.Equal(order, want) {
			t.Errorf("told %v, want %v", order, want)
		}
		if signedUp.Data.Identity["id"] != id || signedUp.Data.Session["id"] != signedUp.Data.SessionID || signedUp.Data.Flow["kind"] != "registration" || signedUp.Data.Flow["method"] != "password" {
			t.Errorf("the registration was told as %+v", signedUp)
		}
		if u := x.of("identity.updated")[0]; !slices.Equal(u.Data.Changed, []string{"traits"}) {
			t.Errorf("the update changed %v", u.Data.Changed)
		}
		if e := x.of("settings.succeeded")[0]; e.Data.Flow["transient_payload"].(map[string]any)["from"] != "test" {
			t.Errorf("the settings were told as %+v", e.Data.Flow)
		}
		if !slices.Equal(failed.Data.Failure.Messages, []int{4000006}) || failed.Data.Flow["method"] != "password" || failed.Data.Client["user_agent"] == nil {
			t.Errorf("the failure was told as %+v", failed)
		}
		if signedIn.Data.Session["id"] != signedIn.Data.SessionID || signedIn.Data.IdentityID != id {
			t.Errorf("the login was told as %+v", signedIn)
		}
		if r := x.of("session.revoked")[0]; r.Data.Reason != "deleted" || r.Data.SessionID == "" {
			t.Errorf("the end of a session was told as %+v", r)
		}
		for _, body := range x.bodies {
			if strings.Contains(body, "canary") || strings.Contains(body, cardeatest.Password) || strings.Contains(body, "$2a$") {
				t.Errorf("a secret is told: %s", body)
			}
		}
	})
}

func TestWhatIsUnusualIsToldWithTheEnd(t *testing.T) {
	x := newReceiver(t)
	s := cardeatest.New(t, cardeatest.Options{Background: true, Config: "cardea: {events: {subscriptions: [" + x.subscription("login.*") + "]}, throttle: {trusted_proxies: [127.0.0.1]},\n" +
		"  risk: {policies: [{when: [new_network], then: nothing}, {when: [many_accounts], then: block}], accounts: {max: 1}}}\n"})
	signIn := func(email, address string) {
		c := s.Client(cardeatest.SPA)
		c.Header.Set("X-Forwarded-For", address)
		c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
	}
	s.CreateIdentity(ann, cardeatest.Password)
	s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	signIn(ann, "192.0.2.7")
	if usual := x.await("login.succeeded", 1); usual.Data.Risk != nil {
		t.Errorf("a usual login: %+v", usual.Data.Risk)
	}
	signIn(ann, "203.0.113.9")
	if r := x.await("login.succeeded", 2).Data.Risk; r == nil || !slices.Equal(r.Signals, []string{"new_network"}) || r.Response != "nothing" {
		t.Errorf("an unusual login: %+v", r)
	}
	signIn("bob@cardea.test", "203.0.113.9")
	if r := x.await("login.failed", 1).Data.Risk; r == nil || !slices.Equal(r.Signals, []string{"many_accounts"}) || r.Response != "block" {
		t.Errorf("a login that was refused: %+v", r)
	}
}

func TestOnlyWhatIsSubscribedIsTold(t *testing.T) {
	journey(t, "", []string{"login.*", "identity.deleted"}, func(t *testing.T, x *receiver, s *cardeatest.Server, c *cardeatest.Client) {
		id := s.CreateIdentity(ann, cardeatest.Password)
		c.SignIn(ann, cardeatest.Password)
		s.Client(cardeatest.Native).Do("DELETE", s.AdminURL+"/admin/identities/"+id, nil)
		x.await("identity.deleted", 1)
		if got := x.types(); !slices.Equal(got, []string{"login.succeeded", "identity.deleted"}) {
			t.Errorf("told %v", got)
		}
	})
}

func TestProofsOfAddressesAndRecoveriesAreTold(t *testing.T) {
	journey(t, "selfservice: {methods: {code: {enabled: true}}, flows: {verification: {enabled: true, use: code}, recovery: {enabled: true, use: code}}}", []string{"*"},
		func(t *testing.T, x *receiver, s *cardeatest.Server, c *cardeatest.Client) {
			id := s.CreateIdentity(ann, cardeatest.Password)
			v := c.Start("verification", "")
			v.Submit(map[string]any{"method": "code", "email": ann})
			v.Submit(map[string]any{"method": "code", "code": "000000"})
			if e := x.await("verification.failed", 1); len(e.Data.Failure.Messages) == 0 {
				t.Errorf("the failure was told as %+v", e)
			}
			v.Submit(map[string]any{"method": "code", "code": s.Mails(ann)[0].Code()})
			e := x.await("verification.succeeded", 1)
			address, _ := e.Data.Identity["verifiable_addresses"].([]any)[0].(map[string]any)
			if e.Data.IdentityID != id || address["verified"] != true {
				t.Errorf("the proof was told as %+v", e)
			}
			if u := x.await("identity.updated", 1); !slices.Equal(u.Data.Changed, []string{"verifiable_addresses"}) {
				t.Errorf("the update changed %v", u.Data.Changed)
			}
			r := c.Start("recovery", "")
			r.Submit(map[string]any{"method": "code", "email": ann})
			mails := s.Mails(ann)
			r.Submit(map[string]any{"method": "code", "code": mails[len(mails)-1].Code()})
			if e := x.await("recovery.succeeded", 1); e.Data.IdentityID != id || e.Data.SessionID == "" {
				t.Errorf("the recovery was told as %+v", e)
			}
		})
}
