package storetest

import (
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/store"
)

func (c *Case) code(key string) flow.OneTime {
	return flow.OneTime{Key: []byte(key), Payload: []byte(key), MaxAttempts: 3, ExpiresAt: c.now().Add(time.Hour)}
}

func (c *Case) submit(key string) flow.Outcome {
	c.Helper()
	_, outcome, err := c.ConsumeCode(c.Context(), purpose, "flow", [][]byte{[]byte(key)}, c.now())
	c.ok(err)
	return outcome
}

func (c *Case) replace(codes ...flow.OneTime) {
	c.Helper()
	c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.ReplaceOneTimes(purpose, "flow", codes) }))
}

var journeyTests = []test{
	{"wrong guesses keep counting when a code is sent again", func(c *Case) {
		c.replace(c.code("first"))
		same(c, "guess", flow.Wrong, c.submit("x"))
		c.replace(c.code("second"), c.code("third"))
		same(c, "the code before", flow.Wrong, c.submit("first"))
		same(c, "guess", flow.Wrong, c.submit("x"))
		same(c, "one guess too late", flow.TooOften, c.submit("second"))
	}},
	{"one of several codes is used up and no other", func(c *Case) {
		c.replace(c.code("first"), c.code("second"))
		same(c, "used", flow.Right, c.submit("second"))
		same(c, "the other", flow.Right, c.submit("first"))
		same(c, "again", flow.UsedBefore, c.submit("second"))
		c.replace()
		same(c, "after all are dropped", flow.Wrong, c.submit("first"))
	}},
	{"an identity that is only tried leaves nothing, and its transaction goes on", func(c *Case) {
		kept, tried := c.person("a@example.org"), c.person("b@example.org")
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
			if err := x.TryIdentity(tried, false); err != nil {
				return err
			}
			return x.TryIdentity(kept, true)
		}))
		_, err := c.Identity(c.Context(), tried.ID)
		c.missing(err)
		_, err = c.Identity(c.Context(), kept.ID)
		c.ok(err)
		c.ok(c.CreateIdentity(c.Context(), c.person("b@example.org"))) // its address is free
	}},
	{"a proof of an address is noted and never taken back", func(c *Case) {
		i, other := c.stored("a@example.org"), c.stored("b@example.org")
		mark := func(status identity.AddressStatus) identity.VerifiableAddress {
			c.Helper()
			c.Clock.Advance(time.Second)
			address := identity.Address{Via: identity.Email, Value: "a@example.org"}
			c.ok(c.Tx(c.Context(), func(x *store.Tx) error { return x.MarkAddress(address, status, c.now()) }))
			got, err := c.Identity(c.Context(), i.ID)
			c.ok(err)
			return got.VerifiableAddresses[0]
		}
		sent := mark(identity.AddressSent)
		same(c, "status once sent", identity.AddressSent, sent.Status)
		same(c, "verified once sent", false, sent.Verified)
		proved := mark(identity.AddressCompleted)
		same(c, "time of the proof", c.now(), *proved.VerifiedAt)
		same(c, "after another was sent", proved, mark(identity.AddressSent))
		same(c, "first proof", *proved.VerifiedAt, *mark(identity.AddressCompleted).VerifiedAt)
		untouched, err := c.Identity(c.Context(), other.ID)
		c.ok(err)
		same(c, "another's address", other.VerifiableAddresses, untouched.VerifiableAddresses)
		c.ok(c.DeleteIdentity(c.Context(), i.ID))
		c.ok(c.Tx(c.Context(), func(x *store.Tx) error {
			return x.MarkAddress(identity.Address{Via: identity.Email, Value: "a@example.org"}, identity.AddressSent, c.now())
		}))
	}},
}
