package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
	"cardea/internal/store"
)

// tenantMessages are the outbox in the words of the wire. What a message says is
// stored as it is.
type tenantMessages struct{ rows *store.Tenant }

func (t tenantMessages) ListMessages(ctx context.Context, f MessageFilter) ([]*Message, error) {
	list, err := t.rows.Messages(ctx, store.MessageFilter{Status: f.Status, Recipient: f.Recipient, BeforeCreatedAt: f.BeforeCreatedAt, BeforeID: f.BeforeID, Limit: f.Limit})
	var all []*Message
	for _, m := range list {
		all = append(all, messageOf(m))
	}
	return all, err
}

func (t tenantMessages) Message(ctx context.Context, id uuid.UUID) (*Message, error) {
	m, err := t.rows.Message(ctx, id)
	return messageOf(m), err
}

func (t tenantMessages) RequeueMessage(ctx context.Context, id uuid.UUID, now time.Time) (bool, error) {
	return t.rows.RequeueMessage(ctx, id, now)
}

func messageOf(m store.Message) *Message {
	out := &Message{
		ID: m.ID, Template: m.Template, Channel: m.Channel, Recipient: m.Recipient, Status: m.Status, SendCount: m.SendCount,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, Content: func() (string, string) { return "subject of " + string(m.Sealed), string(m.Sealed) },
	}
	for _, d := range m.Dispatches {
		out.Dispatches = append(out.Dispatches, Dispatch{ID: d.ID, Error: d.Error, CreatedAt: d.CreatedAt})
	}
	return out
}

// counter is an operator's desk with an outbox.
type counter struct {
	*desk
	db *store.DB
}

func newCounter(t *testing.T, dev bool) *counter {
	t.Helper()
	d := newDesk(t)
	db, err := store.Open(t.Context(), store.Options{DSN: "memory", Clock: d.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d.wire.Courier = tenantMessages{db.Tenant(1)}
	d.setup().Dev = dev
	return &counter{d, db}
}

func (d *desk) setup() *flow.Setup { return d.wire.compiled.Load().Setup }

// enqueue stores a message, a second after the one before.
func (c *counter) enqueue(recipient string) string {
	c.t.Helper()
	c.clock.Advance(time.Second)
	m := flow.Message{ID: uuid.New(), Template: "recovery_code_valid", Channel: identity.Email, Recipient: recipient, Sealed: []byte("a <secret> code"), CreatedAt: c.clock.Now()}
	if err := c.db.Tenant(1).Tx(c.t.Context(), func(x *store.Tx) error {
		_, err := x.Enqueue(m)
		return err
	}); err != nil {
		c.t.Fatal(err)
	}
	return m.ID.String()
}

// attempt takes the message that waits longest and ends the attempt.
func (c *counter) attempt(status, fault string) {
	c.t.Helper()
	c.clock.Advance(time.Second)
	now := c.clock.Now()
	list, err := c.db.System().ClaimMessages(c.t.Context(), "h", now, now.Add(time.Minute), 1)
	if err != nil || len(list) != 1 {
		c.t.Fatal(list, err)
	}
	lease := store.MessageLease{Tenant: 1, ID: list[0].ID, Holder: "h", Attempt: list[0].SendCount}
	if err := c.db.System().FinishMessage(c.t.Context(), lease, store.MessageOutcome{Status: status, Error: fault, Now: now, NextAt: now}); err != nil {
		c.t.Fatal(err)
	}
}

const messages = "/admin/courier/messages"

func TestMessagesAreListedAsTheContractSays(t *testing.T) {
	c := newCounter(t, true)
	if a := c.want(200, "GET", messages, ""); strings.TrimSpace(a.Body.String()) != "[]" {
		t.Errorf("an empty outbox is %s", a.Body)
	}
	id := c.enqueue("ann@example.test")
	c.attempt(store.MessageSent, "")
	a := c.want(200, "GET", "/courier/messages", "")
	want := fmt.Sprintf(`[{"id":%q,"status":"sent","type":"email","recipient":"ann@example.test","body":"a \u003csecret\u003e code",`+
		`"subject":"subject of a \u003csecret\u003e code","template_type":"recovery_code_valid","channel":"email","send_count":1,`+
		`"created_at":"2026-11-23T12:00:02Z","updated_at":"2026-11-23T12:00:03Z"}]`+"\n", id)
	if diff := cmp.Diff(want, a.Body.String()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	l := links(a)
	if first, err := url.Parse(l["first"]); err != nil || len(l) != 1 || first.Path != messages || first.Query().Get("page_size") != "10" || first.Query().Get("page_token") == "" {
		t.Errorf("links are %v: %v", l, err)
	}
}

func TestWhatAMessageSaysIsHiddenOutsideOfDevelopmentMode(t *testing.T) {
	c := newCounter(t, false)
	id := c.enqueue("ann@example.test")
	for _, path := range []string{messages, messages + "/" + id} {
		body := c.want(200, "GET", path, "").Body.String()
		if strings.Contains(body, "secret") || !strings.Contains(body, "ann@example.test") {
			t.Errorf("%s tells %s", path, body)
		}
	}
}

func TestAMessageIsShownWithItsDispatches(t *testing.T) {
	c := newCounter(t, false)
	id := c.enqueue("ann@example.test")
	if a := c.want(200, "GET", messages+"/"+id, ""); a.at("dispatches") != nil {
		t.Errorf("nothing was sent, and yet: %s", a.Body)
	}
	c.attempt(store.MessageQueued, "451 later")
	c.attempt(store.MessageSent, "")
	a := c.want(200, "GET", messages+"/"+id, "")
	for path, want := range map[[3]any]any{
		{"dispatches", 0, "status"}: "success", {"dispatches", 0, "error"}: nil, {"dispatches", 0, "message_id"}: id,
		{"dispatches", 1, "status"}: "failed", {"dispatches", 1, "message_id"}: id,
	} {
		if got := a.at(path[:]...); got != want {
			t.Errorf("%v is %v, want %v", path, got, want)
		}
	}
	if a.at("dispatches", 1, "error", "code") != 500.0 || a.text("dispatches", 1, "error", "reason") != "451 later" {
		t.Errorf("the failure is %v", a.at("dispatches", 1, "error"))
	}
}

func TestMessagesThatDoNotExist(t *testing.T) {
	c := newCounter(t, false)
	for path, status := range map[string]int{"/" + uuid.NewString(): 404, "/abc": 400} {
		for _, ask := range [][2]string{{"GET", ""}, {"POST", "/resend"}} {
			a := c.want(status, ask[0], messages+path+ask[1], "")
			if a.text("error", "message") == "" || a.at("error", "reason") != nil {
				t.Errorf("%s %s: %s", ask[0], path, a.Body)
			}
		}
	}
}

func TestMessagesAreFilteredAndPagesFollowTheirLinks(t *testing.T) {
	c := newCounter(t, false)
	var ann, bob []string
	for range 3 {
		ann = append(ann, c.enqueue("ann@example.test"))
		bob = append(bob, c.enqueue("bob@example.test"))
	}
	c.attempt(store.MessageSent, "") // the oldest, Ann's
	slices.Reverse(ann)
	slices.Reverse(bob)
	all := []string{bob[0], ann[0], bob[1], ann[1], bob[2], ann[2]}
	for query, want := range map[string][]string{
		"":                           all,
		"recipient=ann@example.test": ann,
		"recipient=ann":              nil,
		"status=sent":                ann[2:],
		"status=queued":              all[:5],
		"status=abandoned":           nil,
		"status=queued&recipient=ann%40example.test": ann[:2],
	} {
		for size := 1; size <= 6; size += 2 {
			var got []string
			for address := fmt.Sprintf("%s?page_size=%d&%s", messages, size, query); address != ""; {
				page := c.want(200, "GET", address, "")
				got = append(got, idsOf(page)...)
				address = links(page)["next"]
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q by %d: %v, want %v", query, size, got, want)
			}
		}
	}
}

func TestMessagePageSizes(t *testing.T) {
	c := newCounter(t, false)
	for query, size := range map[string]string{"": "10", "page_size=0": "10", "page_size=-3": "10", "page_size=100000": "500", "page_size=7": "7"} {
		first, err := url.Parse(links(c.want(200, "GET", messages+"?"+query, ""))["first"])
		if err != nil || first.Query().Get("page_size") != size {
			t.Errorf("%q: %v, %v", query, first, err)
		}
	}
}

func TestListMessagesRefuses(t *testing.T) {
	c := newCounter(t, false)
	for _, query := range []string{"status=lost", "status=", "status=Sent", "page_size=many", "page_token=garbage", "page_token=" + base64.URLEncoding.EncodeToString(make([]byte, 73))} {
		if a := c.want(400, "GET", messages+"?"+query, ""); a.text("error", "message") == "" {
			t.Errorf("%s: %s", query, a.Body)
		}
	}
}

// token is that of the first page of a list.
func (c *counter) token(query string) string {
	c.t.Helper()
	first, err := url.Parse(links(c.want(200, "GET", messages+"?"+query, ""))["first"])
	if err != nil {
		c.t.Fatal(err)
	}
	return first.Query().Get("page_token")
}

func TestAPageTokenBelongsToItsListAndEnds(t *testing.T) {
	c := newCounter(t, false)
	token := c.token("status=sent")
	use := func(query, token string) int {
		return c.ask("GET", messages+"?"+query+"&page_token="+url.QueryEscape(token), "").Code
	}
	if code := use("status=sent", token); code != 200 {
		t.Fatalf("its own list answers %d", code)
	}
	if code := use("status=sent", url.QueryEscape(token)); code != 200 {
		t.Errorf("encoded once more: %d", code)
	}
	if code := use("status=sent&page_size=3", token); code != 200 {
		t.Errorf("with another size: %d", code)
	}
	for _, query := range []string{"", "status=queued", "status=sent&recipient=a", "recipient=sent"} {
		if code := use(query, token); code != 400 {
			t.Errorf("the token of another list on %q: %d", query, code)
		}
	}
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		if code := use("status=sent", base64.URLEncoding.EncodeToString(raw)); code != 400 {
			t.Errorf("byte %d changed: %d", i, code)
		}
		raw[i] ^= 1
	}
	c.clock.Advance(pageLifetime + time.Second)
	if code := use("status=sent", token); code != 400 {
		t.Errorf("after its end: %d", code)
	}
}

// Two tenants whose tokens are made with the same secrets: what a token names in one
// of them is nothing in the other.
func TestAPageTokenIsWorthNothingInAnotherTenant(t *testing.T) {
	c := newCounter(t, false)
	for _, who := range []string{"ann@example.test", "bob@example.test"} {
		c.signIn(c.person(who))
		c.enqueue(who)
	}
	for _, address := range []string{messages + "?page_size=1", "/admin/identities?page_size=1", "/admin/sessions?page_size=1"} {
		c.wire.Tenant = "1"
		next := links(c.want(200, "GET", address, ""))["next"]
		c.want(200, "GET", next, "")
		c.wire.Tenant = "2"
		if a := c.want(400, "GET", next, ""); a.text("error", "message") == "" {
			t.Errorf("%s: %s", next, a.Body)
		}
	}
}

func TestAPageTokenOutlivesTheRotationOfItsSecret(t *testing.T) {
	c := newCounter(t, false)
	token := c.token("")
	for _, rotated := range []struct {
		secrets []string
		status  int
	}{
		{[]string{"a new pagination secret", c.setup().Secrets.Default[0]}, 200},
		{[]string{"a new pagination secret"}, 400},
	} {
		var err error
		if c.wire.compiled.Load().pageKeys, err = secret.NewKeyring(rotated.secrets...); err != nil {
			t.Fatal(err)
		}
		c.want(rotated.status, "GET", messages+"?page_token="+url.QueryEscape(token), "")
	}
}

func TestAnAbandonedMessageCanBeSentAgain(t *testing.T) {
	c := newCounter(t, false)
	id := c.enqueue("ann@example.test")
	c.want(409, "POST", messages+"/"+id+"/resend", "")
	c.attempt(store.MessageAbandoned, "550 no such box")
	a := c.want(200, "POST", messages+"/"+id+"/resend", "")
	if a.text("status") != "queued" || a.at("send_count") != 0.0 || len(a.at("dispatches").([]any)) != 1 {
		t.Errorf("it is now %s", a.Body)
	}
	c.attempt(store.MessageSent, "")
	c.want(409, "POST", messages+"/"+id+"/resend", "")
}
