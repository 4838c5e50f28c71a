package storetest

import (
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
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

// linked is somebody who has no way in but two providers.
func (c *Case) linked(mail string, providers ...string) *identity.Identity {
	c.Helper()
	i := c.person(mail)
	i.Credentials = nil
	for _, p := range providers {
		link, err := identity.SealLink(identity.Vault{}, i.ID, identity.Link{Provider: p, Subject: mail}, identity.LinkTokens{})
		c.ok(err)
		c.ok(i.AddLink(link, c.now(), c.id))
	}
	c.ok(c.CreateIdentity(c.Context(), i))
	return i
}

var journeyTests = []test{
	{"of the last two ways in that are taken away at once one stays", func(c *Case) {
		for range 5 {
			i := c.linked("ann@example.org", "acme", "beta")
			begin, done := make(chan struct{}), make(chan error, 2)
			for _, provider := range []string{"acme", "beta"} {
				go func() {
					<-begin
					done <- c.Tx(c.Context(), func(x *store.Tx) error {
						stored, err := x.Identity(i.ID)
						if err != nil {
							return err
						}
						if err := stored.Unlink(provider, identity.Factors{}, c.now()); err != nil {
							return err
						}
						return x.UpdateIdentity(stored)
					})
				}()
			}
			close(begin)
			refused := 0
			for range 2 {
				if err := <-done; err != nil {
					same(c, "the refusal", 400, problem.As(err).Status)
					refused++
				}
			}
			left, err := c.Identity(c.Context(), i.ID)
			c.ok(err)
			same(c, "refusals", 1, refused)
			same(c, "ways in that are left", 1, left.FirstFactors(identity.Factors{}))
			c.ok(c.DeleteIdentity(c.Context(), i.ID))
		}
	}},
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
