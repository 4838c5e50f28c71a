package storetest

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/store"
	"cardea/internal/ui"
)

func (c *Case) flow() *flow.Flow {
	return &flow.Flow{
		ID: c.id(), Kind: flow.Login, Type: flow.Browser, State: flow.ChooseMethod,
		IssuedAt: c.now(), ExpiresAt: c.now().Add(time.Hour), CreatedAt: c.now(), UpdatedAt: c.now(),
		RequestURL: "https://id.example.org/self-service/login/browser", CSRFHash: []byte{0, 1, 255}, RequestedAAL: "aal1",
	}
}

var flowTests = []test{
	{"a flow comes back as it was stored", func(c *Case) {
		f := c.flow()
		c.ok(c.CreateFlow(c.Context(), f))
		got, err := c.Flow(c.Context(), f.ID)
		c.ok(err)
		same(c, "bare flow", f, got)

		a, b, o := c.id(), c.id(), c.id()
		f.IdentityID, f.SessionID, f.Organization = &a, &b, &o
		f.State, f.Active, f.Refresh, f.ReturnTo, f.SchemaID, f.Challenge = "sent_email", "code", true, "/x", "person", "c"
		f.Facts = map[string]json.RawMessage{"code": json.RawMessage(`{"a":[1,2]}`)}
		f.Values = map[string]any{"identifier": "a@example.org", "traits.age": 3.0, "traits.ok": true}
		f.Messages = []ui.Message{ui.New(ui.LoginIdentityDisabled), ui.Foreign(1, "text", ui.Info, map[string]any{"k": "v"})}
		f.FieldMessages = []flow.FieldMessage{{Node: "traits.email", Message: ui.Foreign(2, "bad", ui.Error, nil)}}
		c.Clock.Advance(time.Second)
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateFlow(f) }))
		got, err = c.Flow(c.Context(), f.ID)
		c.ok(err)
		same(c, "full flow", f, got)
		same(c, "time of the update", c.now(), got.UpdatedAt)

		f.Messages, f.FieldMessages, f.Values = nil, nil, nil
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateFlow(f) }))
		got, err = c.Flow(c.Context(), f.ID)
		c.ok(err)
		same(c, "flow without messages", f, got)
	}},
	{"what must not be stored of a flow is not", func(c *Case) {
		f := c.flow()
		f.ExchangeCode, f.Transient = "secret", json.RawMessage(`{}`)
		c.ok(c.CreateFlow(c.Context(), f))
		got, err := c.Flow(c.Context(), f.ID)
		c.ok(err)
		if got.ExchangeCode != "" || got.Transient != nil {
			c.Error("it came back")
		}
	}},
	{"a flow that is gone is not found", func(c *Case) {
		f := c.flow()
		_, err := c.Flow(c.Context(), f.ID)
		c.missing(err)
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error { return x.UpdateFlow(f) }))
		c.ok(c.CreateFlow(c.Context(), f))
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.DeleteFlow(f.ID) }))
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error { return x.DeleteFlow(f.ID) }))
	}},
	{"the engine's transactions write everything or nothing", func(c *Case) {
		f, i := c.flow(), c.person("a")
		failure := problem.Forbidden("no")
		err := c.Write(c.Context(), func(x flow.Tx) error {
			if err := x.InsertFlow(f); err != nil {
				return err
			}
			if err := x.CreateIdentity(i); err != nil {
				return err
			}
			return failure
		})
		same(c, "reason", failure.Reason, problem.As(err).Reason)
		_, err = c.Flow(c.Context(), f.ID)
		c.missing(err)
	}},
	{"an error waits for its page", func(c *Case) {
		id := c.id()
		p := problem.Forbidden("because").Named("some_id").Detail("docs", "here").With(problem.ErrNotFound)
		c.ok(c.CreateErrorFor(c.Context(), id, p, []byte{1, 2}, c.now()))
		first, err := c.StoredError(c.Context(), id, c.now().Add(time.Second))
		c.ok(err)
		if first.SeenAt != nil {
			c.Error("it was seen before it was read")
		}
		again, err := c.StoredError(c.Context(), id, c.now().Add(time.Minute))
		c.ok(err)
		if again.SeenAt == nil || !again.SeenAt.Equal(c.now().Add(time.Second)) {
			c.Errorf("seen at %v, want the first read", again.SeenAt)
		}
		same(c, "reason", "because", again.Problem.Reason)
		same(c, "details", map[string]any{"docs": "here"}, again.Problem.Details)
		same(c, "status", 403, again.Problem.Status)
		same(c, "token hash", []byte{1, 2}, again.CSRFHash)
		if again.Problem.Unwrap() != nil {
			c.Error("the private cause was stored")
		}
		_, err = c.StoredError(c.Context(), c.id(), c.now())
		c.missing(err)
	}},
	{"a session token exchange needs both halves", func(c *Case) {
		from, to, s := c.id(), c.id(), c.id()
		init, back := []byte("init"), []byte("back")
		c.ok(c.CreateExchange(c.Context(), from, init, c.now().Add(time.Hour)))
		e, err := c.Exchange(c.Context(), init)
		c.ok(err)
		if e.Completes(nil) || e.Completes(back) || e.SessionID != nil {
			c.Error("it was complete from the start")
		}
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
			if err := x.MoveExchange(from, to); err != nil {
				return err
			}
			return x.CompleteExchange(to, back, &s)
		}))
		e, err = c.Exchange(c.Context(), init)
		c.ok(err)
		if !e.Completes(back) || e.Completes(init) || e.FlowID != to || *e.SessionID != s {
			c.Errorf("unexpected exchange %+v", e)
		}
		_, err = c.Exchange(c.Context(), back)
		c.missing(err)
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error { return x.CompleteExchange(uuid.New(), back, nil) }))
		c.missing(c.Tx(c.Context(), func(x *store.Tx) error { return x.CompleteExchange(from, back, nil) }))
	}},
}
