package audit_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cardea/cardeatest"
)

const (
	ann     = "ann-canary@cardea.test"
	wrong   = "not-the-password-canary"
	newPass = "five-Sturdy-Wombats-canary-78"
)

// row is a row of the log as an operator reads it.
type row struct {
	ID, Action, Actor, Outcome string
	Identity                   string `json:"identity_id"`
	Session                    string `json:"session_id"`
	IP                         string `json:"ip_address"`
	Request                    string `json:"request_id"`
	Times                      int
	Details                    struct {
		Method, Operation, AAL, Reason string
		Changed                        []string
		Messages                       []int
	}
}

// reader reads what was done since it was asked last.
type reader struct {
	*testing.T
	server *cardeatest.Server
	known  map[string]bool
	bodies []string
}

func (r *reader) news() (all []row) {
	r.Helper()
	a := r.server.Client(cardeatest.Native).Get(r.server.AdminURL + "/admin/audit?page_size=500")
	var list []row
	if err := json.Unmarshal(a.Body, &list); a.Status != 200 || err != nil {
		r.Fatalf("%d %s", a.Status, a.Body)
	}
	r.bodies = append(r.bodies, string(a.Body))
	for _, one := range slices.Backward(list) {
		if !r.known[one.ID] {
			r.known[one.ID] = true
			all = append(all, one)
		}
	}
	return all
}

// records compares what a step has written with what it should, oldest first.
func (r *reader) records(step string, want ...string) []row {
	r.Helper()
	var got []string
	all := r.news()
	for _, one := range all {
		got = append(got, one.Action)
	}
	if !slices.Equal(got, want) {
		r.Errorf("%s is told as %v, want %v", step, got, want)
	}
	return all
}

const everything = `
selfservice:
  methods: {profile: {enabled: true}, code: {enabled: true}, lookup_secret: {enabled: true}}
  flows: {verification: {enabled: true, use: code}, recovery: {enabled: true, use: code}}
cardea: {account: {allow_export: true, allow_deletion: true}}
`

func TestEveryJourneyIsInTheLogAndNoSecretIs(t *testing.T) {
	for _, kind := range cardeatest.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := cardeatest.New(t, cardeatest.Options{Config: everything})
			r := &reader{T: t, server: s, known: map[string]bool{}}
			r.records("the start", "configuration.loaded")
			c := s.Client(kind)
			secrets := []string{cardeatest.Password, wrong, newPass, ann, "Ann-canary", "$2a$"}

			c.SignUp(ann, cardeatest.Password)
			rows := r.records("signing up", "identity.created", "registration.succeeded")
			id := rows[1].Identity
			if rows[1].Actor != "identity:"+id || rows[1].Session == "" || rows[1].Details.Method != "password" || rows[1].IP != "127.0.0.1" || rows[1].Request == "" || rows[0].Identity != id {
				t.Errorf("signing up is told as %+v", rows)
			}
			other := s.Client(kind)
			login := other.Start("login", "")
			for range 3 {
				login.Submit(map[string]any{"method": "password", "identifier": ann, "password": wrong})
			}
			if rows = r.records("wrong passwords", "login.failed"); rows[0].Actor != "anonymous" || rows[0].Identity != id || rows[0].Outcome != "failure" || !slices.Equal(rows[0].Details.Messages, []int{4000006}) {
				t.Errorf("a wrong password is told as %+v", rows)
			}
			in := login.Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password})
			if kind == cardeatest.Native {
				other.Token = in.Text("session_token")
			}
			if rows = r.records("signing in", "login.succeeded"); rows[0].Actor != "identity:"+id || rows[0].Session == "" {
				t.Errorf("signing in is told as %+v", rows)
			}

			c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.email": ann, "traits.name.first": "Ann-canary"})
			if rows = r.records("a profile", "identity.updated", "settings.succeeded"); !slices.Equal(rows[0].Details.Changed, []string{"traits.name"}) || rows[0].Actor != "identity:"+id {
				t.Errorf("a profile is told as %+v", rows)
			}
			c.Start("settings", "").Submit(map[string]any{"method": "password", "password": newPass})
			if rows = r.records("a password", "identity.updated", "settings.succeeded"); !slices.Equal(rows[0].Details.Changed, []string{"credentials.password"}) {
				t.Errorf("a password is told as %+v", rows)
			}
			codes := backupCodes(c)
			secrets = append(secrets, codes...)
			r.records("backup codes", "identity.updated", "settings.succeeded")
			other.Start("login", "aal=aal2").Submit(map[string]any{"method": "lookup_secret", "lookup_secret": codes[0]})
			rows = r.records("a second factor", "identity.updated", "login.succeeded")
			if rows[1].Details.AAL != "aal2" || rows[1].Details.Method != "lookup_secret" {
				t.Errorf("a second factor is told as %+v", rows)
			}

			v := s.Client(kind).Start("verification", "")
			v.Submit(map[string]any{"method": "code", "email": ann})
			secrets = append(secrets, s.LastMail(ann).Code())
			v.Submit(map[string]any{"method": "code", "code": cardeatest.WrongCode(s.LastMail(ann).Code())})
			r.records("a wrong code", "verification.failed")
			v.Submit(map[string]any{"method": "code", "code": s.LastMail(ann).Code()})
			if rows = r.records("a verification", "address.verified", "verification.succeeded"); rows[1].Identity != id {
				t.Errorf("a verification is told as %+v", rows)
			}
			rec := s.Client(kind).Start("recovery", "")
			rec.Submit(map[string]any{"method": "code", "email": ann})
			secrets = append(secrets, s.LastMail(ann).Code())
			rec.Submit(map[string]any{"method": "code", "code": s.LastMail(ann).Code()})
			if rows = r.records("a recovery", "recovery.succeeded"); rows[0].Identity != id || rows[0].Session == "" {
				t.Errorf("a recovery is told as %+v", rows)
			}

			other.Do("DELETE", "/sessions", nil)
			if rows = r.records("signing the other devices out", "session.revoked"); rows[0].Times != 2 || rows[0].Identity != id || rows[0].Actor != "identity:"+id {
				t.Errorf("it is told as %+v", rows)
			}
			c.WhoAmI()
			r.records("who am I")
			signOut(t, other)
			if rows = r.records("signing out", "session.revoked"); rows[0].Session == "" || rows[0].Actor != "identity:"+id {
				t.Errorf("signing out is told as %+v", rows)
			}

			for _, step := range []struct {
				name, method, path string
				body               any
				want               []string
			}{
				{"a change of an operator", "PATCH", "/identities/" + id, []map[string]any{{"op": "replace", "path": "/state", "value": "inactive"}}, []string{"identity.updated"}},
				{"and back", "PATCH", "/identities/" + id, []map[string]any{{"op": "replace", "path": "/state", "value": "active"}}, []string{"identity.updated"}},
				{"reading", "GET", "/identities/" + id, nil, nil},
				{"letting somebody in", "POST", "/identities/" + id + "/unlock", nil, []string{"admin.unlockIdentity"}},
				{"a recovery code", "POST", "/recovery/code", map[string]any{"identity_id": id}, []string{"recovery.handed_out"}},
				{"an export", "GET", "/identities:export", nil, []string{"accounts.exported"}},
				{"an organization", "POST", "/organizations", map[string]any{"label": "Acme"}, []string{"admin.createOrganization"}},
				{"an import", "POST", "/identities", map[string]any{"schema_id": "default", "traits": map[string]any{"email": "bob-canary@cardea.test"}}, []string{"identity.created"}},
				{"taking a credential away", "DELETE", "/identities/" + id + "/credentials/lookup_secret", nil, []string{"identity.updated"}},
				{"a request that is refused", "PATCH", "/identities/" + id, []map[string]any{{"op": "replace", "path": "/state", "value": "canary"}}, nil},
			} {
				a := s.Client(cardeatest.Native).Do(step.method, s.AdminURL+"/admin"+step.path, step.body)
				if code := a.Text("recovery_code"); code != "" {
					secrets = append(secrets, code)
				}
				for _, one := range r.records(step.name, step.want...) {
					if one.Actor != "operator" || one.Outcome != "success" {
						t.Errorf("%s is told as %+v", step.name, one)
					}
				}
			}

			last := s.Client(kind)
			last.SignIn(ann, newPass)
			r.records("signing in again", "login.succeeded")
			last.Get("/self-service/account")
			r.records("taking one's data along", "account.exported")
			s.Client(cardeatest.Native).Do("DELETE", s.AdminURL+"/admin/identities/"+id, nil)
			r.records("a deletion", "session.revoked", "identity.deleted")
			if rows = rowsAbout(t, s, id); len(rows) < 20 {
				t.Errorf("only %d rows are left of somebody who was deleted", len(rows))
			}

			for _, client := range []*cardeatest.Client{c, other, last} {
				secrets = append(secrets, client.Token)
				if u, err := url.Parse(s.PublicURL); err == nil && client.Jar() != nil {
					for _, cookie := range client.Jar().Cookies(u) {
						secrets = append(secrets, cookie.Value)
					}
				}
			}
			for _, body := range r.bodies {
				for _, secret := range append(secrets, "bob-canary") {
					if secret != "" && strings.Contains(body, secret) {
						t.Fatalf("a secret is told: %q in %s", secret, body)
					}
				}
			}
		})
	}
}

func rowsAbout(t *testing.T, s *cardeatest.Server, id string) (all []row) {
	t.Helper()
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/audit?page_size=500&identity_id=" + id)
	if err := json.Unmarshal(a.Body, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// backupCodes sets backup codes up.
func backupCodes(c *cardeatest.Client) (codes []string) {
	f := c.Start("settings", "")
	shown := f.Form(f.Submit(map[string]any{"lookup_secret_regenerate": "true"}))
	for _, each := range shown.Node("lookup_secret_codes").Attributes["text"].(map[string]any)["context"].(map[string]any)["secrets"].([]any) {
		code, _ := each.(map[string]any)["context"].(map[string]any)["secret"].(string)
		codes = append(codes, code)
	}
	f.Submit(map[string]any{"lookup_secret_confirm": "true"})
	return codes
}

func signOut(t *testing.T, c *cardeatest.Client) {
	t.Helper()
	if c.Kind == cardeatest.Native {
		c.Do("DELETE", "/self-service/logout/api", map[string]any{"session_token": c.Token})
		return
	}
	accept := c.Header
	c.Header = map[string][]string{"Accept": {"application/json"}}
	a := c.Get("/self-service/logout/browser")
	c.Header = accept
	if a.Text("logout_url") == "" {
		t.Fatalf("no way to sign out: %d %s", a.Status, a.Body)
	}
	c.Get(a.Text("logout_url"))
}

func TestAnAuditLogThatIsOffWritesNothing(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Config: "cardea: {audit: {enabled: false}}"})
	s.Client(cardeatest.Native).SignUp(ann, cardeatest.Password)
	a := s.Client(cardeatest.Native).Get(s.AdminURL + "/admin/audit")
	if got := strings.TrimSpace(string(a.Body)); got != "[]" {
		t.Errorf("written: %s", got)
	}
}

func TestRowsGetTheirPlacesWithoutAnybodyWaiting(t *testing.T) {
	s := cardeatest.New(t, cardeatest.Options{Background: true})
	operator := s.Client(cardeatest.Native)
	s.CreateIdentity(ann, cardeatest.Password)
	await(t, func() bool {
		a := operator.Get(s.AdminURL + "/admin/audit/head")
		return a.Status == 200 && a.JSON["seq"].(float64) > 0 && a.JSON["unsealed"].(float64) == 0
	})
	var pages []row
	token := ""
	for {
		a := operator.Get(s.AdminURL + "/admin/audit?page_size=1" + token)
		var list []row
		if err := json.Unmarshal(a.Body, &list); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, list...)
		next := regexp.MustCompile(`<[^>]*page_token=([^&>]+)[^>]*>; rel="next"`).FindStringSubmatch(a.Header.Get("Link"))
		if next == nil {
			break
		}
		token = "&page_token=" + next[1]
	}
	if len(pages) < 2 || pages[len(pages)-1].Action == pages[0].Action {
		t.Errorf("pages: %s", fmt.Sprint(pages))
	}
}
