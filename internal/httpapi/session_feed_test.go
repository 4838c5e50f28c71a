package httpapi

import (
	"net/url"
	"testing"
	"time"

	"cardea/internal/session"
	"cardea/internal/store"
)

// deskFeed is the feed of a desk; wake is called when somebody begins to wait.
type deskFeed struct {
	*store.Tenant
	wait func() <-chan struct{} // nil: nobody follows the feed
}

func (f deskFeed) News() (<-chan struct{}, bool) {
	if f.wait == nil {
		return nil, false
	}
	return f.wait(), true
}

func (d *desk) feed(wait func() <-chan struct{}) { d.wire.Feed = deskFeed{d.rows, wait} }

// revoked asks for what ended since a cursor.
func (d *desk) revoked(cursor, more string) (events []map[string]any, next string) {
	d.t.Helper()
	a := d.want(200, "GET", revokedPath+"?cursor="+url.QueryEscape(cursor)+more, "")
	for _, e := range a.at("events").([]any) {
		events = append(events, e.(map[string]any))
	}
	return events, a.text("cursor")
}

func TestAGatewayLearnsOfEveryEndOnce(t *testing.T) {
	d, ann, bob, ids := crowd(t)
	d.feed(nil)
	_, cursor := d.revoked("", "")
	for _, step := range []struct {
		name string
		do   func()
		want map[string]string // reasons by session
	}{
		{"nothing", func() {}, nil},
		{"one is revoked", func() { d.want(204, "DELETE", "/admin/sessions/"+ids[0], "") }, map[string]string{ids[0]: "revoked"}},
		{"it is revoked again", func() { d.want(204, "DELETE", "/admin/sessions/"+ids[0], "") }, nil},
		{"somebody is switched off", func() {
			d.want(200, "PATCH", "/admin/identities/"+bob, `[{"op":"replace","path":"/state","value":"inactive"}]`)
		}, map[string]string{ids[2]: "identity_disabled"}},
		{"traits change", func() {
			d.want(200, "PATCH", "/admin/identities/"+ann, `[{"op":"replace","path":"/traits/email","value":"anna@example.test"}]`)
		}, nil},
		{"an identity is deleted", func() { d.want(204, "DELETE", "/admin/identities/"+ann, "") }, map[string]string{ids[1]: "identity_deleted"}},
	} {
		step.do()
		var events []map[string]any
		events, cursor = d.revoked(cursor, "")
		if len(events) != len(step.want) {
			t.Errorf("%s: %v, want %v", step.name, events, step.want)
		}
		for _, e := range events {
			session, _ := e["session_id"].(string)
			if e["type"] != "session.revoked" || e["reason"] != step.want[session] || e["id"] == "" || e["identity_id"] == "" || e["occurred_at"] == "" {
				t.Errorf("%s: %v, want %v", step.name, e, step.want)
			}
		}
	}
}

func TestAGatewayReadsPages(t *testing.T) {
	d, _, _, _ := crowd(t)
	d.feed(nil)
	_, cursor := d.revoked("", "")
	d.want(200, "POST", "/admin/sessions", `{"action":"disable","identities":["*"]}`)
	told := map[any]bool{}
	for _, want := range []int{2, 1, 0} {
		var events []map[string]any
		events, cursor = d.revoked(cursor, "&page_size=2")
		if len(events) != want {
			t.Errorf("a page of %d, want %d", len(events), want)
		}
		for _, e := range events {
			told[e["session_id"]] = true
		}
	}
	if len(told) != 3 {
		t.Errorf("told of %v", told)
	}
}

func TestAGatewayCanWait(t *testing.T) {
	d, _, _, ids := crowd(t)
	d.feed(nil)
	_, cursor := d.revoked("", "")
	asked := 0
	d.feed(func() <-chan struct{} {
		if asked++; asked == 2 { // it found nothing and waits
			if err := d.rows.RevokeSession(t.Context(), mustID(ids[1]), [16]byte{}, d.clock.Now()); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	events, _ := d.revoked(cursor, "&wait=10s")
	if len(events) != 1 || events[0]["session_id"] != ids[1] {
		t.Errorf("told of %v", events)
	}
	d.feed(nil)
	if events, _ = d.revoked("", "&wait=60s"); len(events) != 1 {
		t.Errorf("without anybody who follows it is answered at once, with %v", events)
	}
}

func TestTheFeedRefuses(t *testing.T) {
	d, _, _, _ := crowd(t)
	d.feed(nil)
	_, cursor := d.revoked("", "")
	for query, status := range map[string]int{
		"cursor=nonsense": 400, "wait=soon": 400, "wait=-1s": 400, "page_size=many": 400, "cursor=" + cursor + "A": 400, "cursor=" + cursor: 200,
	} {
		d.want(status, "GET", revokedPath+"?"+query, "")
	}
	d.clock.Advance(session.Retention + time.Minute)
	d.want(410, "GET", revokedPath+"?cursor="+cursor, "")
}
