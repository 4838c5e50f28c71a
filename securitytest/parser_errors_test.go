package securitytest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardea/cardeatest"
)

// TestParserErrorsFailClosed sends what cannot be read in every place that is read. Nobody
// is somebody because of it, nothing is made or changed, and it is never the server's fault.
func TestParserErrorsFailClosed(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything()})
	id := h.person(owner, nil)
	before := string(h.row(id).Body)
	broken := []string{
		"\x00", "\xff\xfe", "%", "%zz", "%00", "{", "[", `"`, "null", "{}{}", strings.Repeat("{\"a\":", 2000), strings.Repeat("[", 20000), `{"a":1,"a":2}`, "=&=&", "a=%zz",
		strings.Repeat("a=b&", 3000), "Bearer", "Bearer  ", "Basic Og==", "ory_st_", "ory_st_" + strings.Repeat("A", 4000), strings.Repeat("=", 300), "....", "e30.e30.", "-1", "1e999",
		"9223372036854775808", "../../etc/passwd", "\u202e", strings.Repeat(", ", 900), "a;q=;;q=NaN, *;q=1e9", "999.999.999.999, ::ffff:127.0.0.1%lo, [::", "application/json; charset=\"", "${jndi:x}", "{{.}}",
	}
	headers := []string{"Cookie", "Authorization", "X-Session-Token", "Accept", "Accept-Language", "Content-Type", "X-Forwarded-For", "X-Forwarded-Proto", "Origin", "Traceparent", "Tracestate",
		"X-Request-Id", "X-Csrf-Token", "Sec-Fetch-Mode", "Sec-Fetch-Site", "If-None-Match", "If-Match", "Range", "User-Agent", "Referer", "Cf-Ipcountry", "Content-Encoding"}
	queries := []string{"id", "flow", "code", "token", "return_to", "aal", "refresh", "via", "page_size", "page_token", "page", "organization", "identity_schema", "return_session_token_exchange_code", "tokenize_as", "init_code", "return_to_code", "lang"}
	paths := []string{"/sessions/whoami", "/sessions", "/sessions/token-exchange", "/self-service/settings/api", "/self-service/settings/flows", "/self-service/login/api", "/self-service/login/browser", "/self-service/login/flows",
		"/self-service/recovery", "/self-service/verification", "/self-service/logout", "/self-service/logout/browser", "/self-service/errors", "/self-service/fed-cm/parameters", "/self-service/account", "/self-service/methods/oidc/callback/acme", "/schemas/x"}
	closed := func(what string, a *cardeatest.Answer) {
		t.Helper()
		switch {
		case a.Status >= 500:
			t.Errorf("%s: the server's fault: %d %.200s", what, a.Status, a.Body)
		case find(a.JSON, "session_token", "ory_session_token") != "" || strings.Contains(string(a.Body), owner) && !strings.Contains(what, "as typed"):
			t.Errorf("%s: %d %.300s", what, a.Status, a.Body)
		}
		for _, line := range a.Header.Values("Set-Cookie") {
			if strings.HasPrefix(line, "ory_kratos_session=") && !strings.HasPrefix(line, "ory_kratos_session=;") {
				t.Errorf("%s: a session: %q", what, line)
			}
		}
	}
	var all sync.WaitGroup
	for n, path := range []string{"/sessions/whoami", "/self-service/login/browser", "/self-service/settings/api"} {
		all.Go(func() {
			c := h.Client(cardeatest.Native)
			for m, text := range broken {
				if n > 0 && m%2 == n%2 {
					continue
				}
				for _, name := range headers {
					if strings.ContainsAny(text, "\x00") || len(text) > 8000 {
						continue // no client sends it
					}
					c.Header = map[string][]string{name: {text}}
					a := c.Get(path)
					closed(fmt.Sprintf("%s with %s %.40q", path, name, text), a)
					if path == "/sessions/whoami" && a.Status != 401 {
						t.Errorf("whoami with %s %.40q: %d", name, text, a.Status)
					}
				}
			}
		})
	}
	all.Wait()
	all.Go(func() {
		c := h.Client(cardeatest.Native)
		for n, path := range paths {
			for m, text := range broken {
				if len(text) > 2000 || (n+m)%9 > 0 { // every path and every text, not every pair
					continue
				}
				for _, name := range queries {
					closed(fmt.Sprintf("%s?%s=%.40q", path, name, text), c.Get(path+"?"+name+"="+escape(text)))
				}
			}
		}
	})
	for _, kind := range []string{"login", "registration", "recovery", "verification", "settings"} {
		all.Go(func() {
			c := h.Client(cardeatest.Native)
			f := &cardeatest.Flow{ID: "00000000-0000-4000-8000-000000000000", Kind: kind}
			if kind != "settings" {
				f = c.Start(kind, "")
			}
			for m, text := range broken {
				for n, typ := range []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/json; charset=utf-7", ""} {
					if n > 1 && m%4 != n%4 {
						continue // every type and every text, not every pair
					}
					c.Header.Set("Content-Type", typ)
					a := c.Do("POST", "/self-service/"+kind+"?flow="+f.ID, []byte(text))
					closed(fmt.Sprintf("%s as %q: %.40q", kind, typ, text), a)
					if a.Status == 200 && kind != "verification" {
						t.Errorf("%s as %q: %.40q: %s", kind, typ, text, a.Body)
					}
				}
			}
		})
	}
	for _, path := range []string{"/admin/identities", "/admin/recovery/code", "/admin/recovery/link", "/admin/identities/" + id} {
		all.Go(func() {
			c := h.Client(cardeatest.Native)
			for _, text := range broken {
				for _, method := range []string{"POST", "PATCH"} {
					c.Header.Set("Content-Type", "application/json")
					a := c.Do(method, h.AdminURL+path, []byte(text))
					if nothing := path == "/admin/identities" && strings.TrimSpace(string(a.Body)) == `{"identities":[]}`; !nothing && (a.Status < 400 || a.Status >= 500) {
						t.Errorf("%s %s with %.40q: %d %.200s", method, path, text, a.Status, a.Body)
					}
				}
			}
		})
	}
	all.Wait()
	if after := string(h.row(id).Body); after != before || h.sessions(id) != 0 {
		t.Errorf("the account was changed:\n%s\n%s", before, after)
	}
}

func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// TestARightPasswordInABodyThatCannotBeReadCountsForNothing spoils bodies that would sign
// somebody in, or make an account, in one place that has nothing to do with it.
func TestARightPasswordInABodyThatCannotBeReadCountsForNothing(t *testing.T) {
	const unreadable = 4000001
	each(t, everything(), func(h *house, kind cardeatest.Kind, email string) {
		t := h.T
		h.person(email, nil)
		deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
		for what, c := range map[string]struct{ contentType, rest string }{
			"nothing":                  {"application/json", `}`},
			"JSON without an end":      {"application/json", ``},
			"JSON with a lone comma":   {"application/json", `,}`},
			"a zero character":         {"application/json", `,"x":"\u0000"}`},
			"a number beyond measure":  {"application/json", `,"x":1e999999999}`},
			"lists inside of lists":    {"application/json", `,"x":` + deep + `}`},
			"a form, nothing":          {"application/x-www-form-urlencoded", ""},
			"a form's broken escape":   {"application/x-www-form-urlencoded", "&x=%zz"},
			"a form that is not UTF-8": {"application/x-www-form-urlencoded", "&x=%ff%fe"},
			"a form's zero character":  {"application/x-www-form-urlencoded", "&x=%00"},
			"a form's semicolon":       {"application/x-www-form-urlencoded", "&x=1;y=2"},
			"another type":             {"text/plain", `}`},
			"a type that is none":      {"application/json/x", `}`},
		} {
			client := h.Client(kind)
			f := client.Start("login", "")
			fields := map[string]string{"method": "password", "identifier": email, "password": passwordOf(email), "csrf_token": f.CSRF}
			body := ""
			if strings.Contains(c.contentType, "form") {
				form := url.Values{}
				for k, v := range fields {
					form.Set(k, v)
				}
				body = form.Encode() + c.rest
			} else {
				raw, err := json.Marshal(fields)
				if err != nil {
					t.Fatal(err)
				}
				body = strings.TrimSuffix(string(raw), "}") + c.rest
			}
			client.Header.Set("Content-Type", c.contentType)
			a := took(client, client.Do("POST", "/self-service/login?flow="+f.ID, []byte(body)))
			client.Header.Del("Content-Type")
			if strings.HasSuffix(what, "nothing") {
				if who(client) != email {
					t.Errorf("a body with %s wrong signs nobody in: %d %s", what, a.Status, a.Body)
				}
				continue
			}
			if who(client) != "" || !slices.Contains(f.Form(a).Messages(), unreadable) {
				t.Errorf("%s: %q is signed in, answered %d %s", what, who(client), a.Status, a.Body)
			}
		}
	})
}

// TestNoAccountIsMadeOfABodyThatCannotBeRead is the same for what operators send.
func TestNoAccountIsMadeOfABodyThatCannotBeRead(t *testing.T) {
	h := newHouse(t, cardeatest.Options{Config: everything()})
	const right = `"schema_id":"default","traits":{"email":"ann@cardea.test"}`
	h.operator.Header.Set("Content-Type", "application/json")
	for _, rest := range []string{``, `,}`, `,"state":5}`, `,"organization_id":"x"}`, `,"credentials":[]}`, `,"colour":"red"}`, `,"x":"` + "\x00" + `"}`} {
		if a := h.operator.Do("POST", h.AdminURL+"/admin/identities", []byte("{"+right+rest)); a.Status != 400 {
			t.Errorf("{…%s: %d %s", rest, a.Status, a.Body)
		}
	}
	if n := h.accounts(); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
	if a := h.operator.Do("POST", h.AdminURL+"/admin/identities", []byte("{"+right+"}")); a.Status != 201 {
		t.Errorf("a body with nothing wrong: %d %s", a.Status, a.Body)
	}
}
