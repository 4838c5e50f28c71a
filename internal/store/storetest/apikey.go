package storetest

import (
	"errors"
	"time"

	"cardea/internal/apikey"
)

var errObjection = errors.New("no")

func (c *Case) key(hash string, expires *time.Time) *apikey.Key {
	return &apikey.Key{
		ID: c.id(), Name: "k " + hash, Hash: []byte(hash), Scopes: apikey.Scopes{"identities:read", "sessions:*"},
		CreatedAt: c.now(), ExpiresAt: expires,
	}
}

var apiKeyTests = []test{
	{"a key is found by its hash and listed", func(c *Case) {
		ends := c.now().Add(time.Hour)
		one, two := c.key("one", &ends), c.key("two", nil)
		c.ok(c.CreateAPIKey(c.Context(), one))
		c.ok(c.CreateAPIKey(c.Context(), two))
		got, err := c.APIKeyByHash(c.Context(), []byte("one"))
		c.ok(err)
		same(c, "the key", one, got)
		_, err = c.APIKeyByHash(c.Context(), []byte("none"))
		c.missing(err)
		list, err := c.APIKeys(c.Context())
		c.ok(err)
		same(c, "the list", []*apikey.Key{one, two}, list)
	}},
	{"two keys never have one hash", func(c *Case) {
		c.ok(c.CreateAPIKey(c.Context(), c.key("one", nil)))
		if c.CreateAPIKey(c.Context(), c.key("one", nil)) == nil {
			c.Error("a hash was stored twice")
		}
	}},
	{"a key is revoked once", func(c *Case) {
		k := c.key("one", nil)
		c.ok(c.CreateAPIKey(c.Context(), k))
		first := c.now()
		c.ok(c.RevokeAPIKey(c.Context(), k.ID, first))
		c.Clock.Advance(time.Hour)
		c.ok(c.RevokeAPIKey(c.Context(), k.ID, c.now()))
		got, err := c.APIKeyByHash(c.Context(), []byte("one"))
		c.ok(err)
		same(c, "revoked", &first, got.RevokedAt)
		c.missing(c.RevokeAPIKey(c.Context(), c.id(), first))
	}},
	{"a use is noted when the last one is long ago", func(c *Case) {
		k := c.key("one", nil)
		c.ok(c.CreateAPIKey(c.Context(), k))
		first := c.now()
		used := func() time.Time {
			c.Helper()
			c.ok(c.TouchAPIKey(c.Context(), k.ID, c.now(), c.now().Add(-time.Minute)))
			got, err := c.APIKeyByHash(c.Context(), []byte("one"))
			c.ok(err)
			return *got.LastUsedAt
		}
		same(c, "at first", first, used())
		c.Clock.Advance(time.Second)
		same(c, "soon after", first, used())
		c.Clock.Advance(time.Hour)
		same(c, "later", c.now(), used())
	}},
}
