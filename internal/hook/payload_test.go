package hook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cardea/cardeatest"
)

const nobody = "00000000-0000-0000-0000-000000000000"

// whole is an entry of a hook list that passes on all that it is told.
func (x *target) whole(path, more string) string {
	return fmt.Sprintf(`{hook: web_hook, config: {url: %q, method: POST, body: "base64://%s"%s}}`,
		x.server.URL+path, base64.StdEncoding.EncodeToString([]byte("function(ctx) ctx")), more)
}

const sessionIDs = "cardea: {web_hooks: {session_ids: true}}\n"

// everywhere has a hook that is waited for and one that is not in the lists of all
// journeys; before a registration is stored it has one more.
func everywhere(x *target) string {
	flows := map[string]any{}
	for _, k := range []string{"login", "registration", "settings", "recovery", "verification"} {
		hooks := "hooks: [" + x.whole("/"+k+".after", "") + ", " + x.whole("/"+k+".after/unheard", ", response: {ignore: true}")
		if k == "registration" {
			hooks = "password: {" + hooks + ", " + x.whole("/registration.gate", ", response: {parse: true}") + ", {hook: session}]}"
		} else {
			hooks += "]"
		}
		more := ""
		if k == "recovery" || k == "verification" {
			more = ", enabled: true, use: code"
		}
		flows[k] = fmt.Sprintf("%s: {before: {hooks: [%s]}, after: {%s}%s}", k, x.whole("/"+k+".before", ""), hooks, more)
	}
	list := slices.Collect(maps.Values(flows))
	text := ""
	for _, f := range list {
		text += ", " + f.(string)
	}
	return "selfservice: {methods: {code: {enabled: true}, profile: {enabled: true}}, flows: {" + strings.TrimPrefix(text, ", ") + "}}"
}

// heardAt are the calls of a path, once there are some.
func (x *target) heardAt(path string) []map[string]any {
	x.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for begun := time.Now(); time.Since(begun) < time.Minute; <-poll.C {
		var all []map[string]any
		for _, c := range x.seen() {
			if c.path != path {
				continue
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(c.body), &body); err != nil {
				x.Fatal(err)
			}
			all = append(all, body)
		}
		if len(all) > 0 {
			return all
		}
	}
	x.Fatalf("%s was not called", path)
	return nil
}

// nameless are the places in what a hook is told where an id or a time should be.
func nameless(at string, v any) (places []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			text, isText := inner.(string)
			id, time := key == "id" || strings.HasSuffix(key, "_id"), strings.HasSuffix(key, "_at")
			if isText && (id && (text == "" || text == nobody) || time && strings.HasPrefix(text, "0001-")) {
				places = append(places, at+"."+key)
			}
			places = append(places, nameless(at+"."+key, inner)...)
		}
	case []any:
		for _, inner := range v {
			places = append(places, nameless(at+"[]", inner)...)
		}
	}
	return places
}

// TestHooksAreToldTheSameInEveryJourney goes through all journeys (reference of
// methods, section 11.5).
func TestHooksAreToldTheSameInEveryJourney(t *testing.T) {
	always := []string{"flow", "request_cookies", "request_headers", "request_method", "request_url"}
	besides := map[string][]string{
		"/settings.before": {"session"}, "/settings.after": {"identity", "session"}, "/login.after": {"identity", "session"},
		"/registration.gate": {"identity"}, "/registration.after": {"identity"}, "/recovery.after": {"identity"}, "/verification.after": {"identity"},
		"/registration.after/unheard": {"identity", "session"},
	}
	for _, kind := range cardeatest.Kinds {
		more := ""
		if kind == cardeatest.Native { // one of them with the ids of sessions that are to come
			more = sessionIDs
		}
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			x := newTarget(t, answering(200, "{}"))
			s := cardeatest.New(t, cardeatest.Options{Config: more + everywhere(x), Background: true})
			id := goThroughAllJourneys(s, kind)
			for _, k := range []string{"login", "registration", "settings", "recovery", "verification"} {
				for _, path := range []string{"/" + k + ".before", "/" + k + ".after", "/" + k + ".after/unheard", "/registration.gate"} {
					extra, known := besides[path]
					if !known {
						extra = besides[strings.TrimSuffix(path, "/unheard")]
					}
					want := slices.Sorted(slices.Values(slices.Concat(always, extra)))
					for _, told := range x.heardAt(path) {
						if got := slices.Sorted(maps.Keys(told)); !slices.Equal(got, want) {
							t.Errorf("%s is told %v, want %v", path, got, want)
						}
						x.checkTold(path, id, told, more == sessionIDs)
					}
				}
			}
		})
	}
}

// goThroughAllJourneys signs up, changes, recovers and verifies; the id is that of
// who it was.
func goThroughAllJourneys(s *cardeatest.Server, kind cardeatest.Kind) string {
	payload := map[string]any{"campaign": "spring"}
	c := s.Client(kind)
	c.Header = map[string][]string{"X-Secret": {"canary"}, "Sec-Ch-Ua": {"Test"}}
	f := c.Start("registration", "")
	a := f.Submit(map[string]any{"method": "password", "traits.email": ann, "password": cardeatest.Password, "transient_payload": payload})
	if kind == cardeatest.Native {
		c.Token = a.Text("session_token")
	}
	id := c.WhoAmI().Text("identity", "id")
	c.Start("settings", "").Submit(map[string]any{"method": "profile", "traits.email": ann, "traits.name.first": "Ann", "transient_payload": payload})
	other := s.Client(kind)
	other.Start("login", "").Submit(map[string]any{"method": "password", "identifier": ann, "password": cardeatest.Password, "transient_payload": payload})
	for _, k := range []string{"recovery", "verification"} {
		f := s.Client(kind).Start(k, "")
		f.Submit(map[string]any{"method": "code", "email": ann, "transient_payload": payload})
		f.Submit(map[string]any{"method": "code", "code": s.LastMail(ann).Code(), "transient_payload": payload})
	}
	return id
}

// checkTold checks the values of what a hook is told.
func (x *target) checkTold(path, id string, told map[string]any, ids bool) {
	x.Helper()
	part := func(name string) map[string]any { m, _ := told[name].(map[string]any); return m }
	missing := nameless("ctx", told)
	if path == "/login.after" && !ids { // as recorded: a new session is not there yet
		if !slices.Contains(missing, "ctx.session.id") {
			x.Errorf("%s is told of the id of a session that may never be", path)
		}
		missing = slices.DeleteFunc(missing, func(place string) bool { return place == "ctx.session.id" })
	}
	if len(missing) > 0 {
		x.Errorf("%s is told nothing in %v", path, missing)
	}
	start := strings.HasSuffix(path, ".before")
	flow := part("flow")
	payload, _ := flow["transient_payload"].(map[string]any)
	if _, has := flow["transient_payload"]; flow["ui"] == nil || flow["request_url"] == nil || has == start || !start && payload["campaign"] != "spring" {
		x.Errorf("%s is told of the flow %v", path, flow)
	}
	if who := part("identity"); who != nil && (who["id"] != id || who["credentials"] != nil || who["metadata_admin"] != nil) {
		x.Errorf("%s is told of %v", path, who)
	}
	if s := part("session"); s != nil && part("identity") != nil && s["identity"].(map[string]any)["id"] != id {
		x.Errorf("%s is told of the session %v", path, s)
	}
	headers, _ := json.Marshal(told["request_headers"])
	if strings.Contains(string(headers), "canary") {
		x.Errorf("%s is told the header %s, which is not on the list", path, headers)
	}
	want := "POST"
	if start {
		want = "GET" // a settings flow begins after a success, too
	}
	if path != "/settings.before" && told["request_method"] != want {
		x.Errorf("%s is told of a %v", path, told["request_method"])
	}
}
