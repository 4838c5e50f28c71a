package storetest

import (
	"strings"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/store"
)

// searchable is an identity with traits to search by, stored.
func (c *Case) searchable(mail string, values ...string) *identity.Identity {
	c.Helper()
	i := c.person(mail)
	for _, text := range values {
		v, ok := identity.NewSearchValue("name", text)
		if !ok {
			c.Fatalf("%q is not searchable", text)
		}
		i.Search = append(i.Search, v)
	}
	c.ok(c.CreateIdentity(c.Context(), i))
	return i
}

func (c *Case) search(how identity.Matching, text string) []uuid.UUID {
	c.Helper()
	return c.list(store.IdentityFilter{Traits: []identity.SearchMatch{{Name: "name", Text: text, How: how}}})
}

var searchTests = []test{
	{"searchable traits are found by what they are, begin with and contain", func(c *Case) {
		a := c.searchable("a", "Banana", "abc")
		b := c.searchable("b", "Band", strings.Repeat("ö", 300))
		long := strings.Repeat("ö", identity.MaxSearchValue)
		for _, tc := range []struct {
			how  identity.Matching
			text string
			want []uuid.UUID
		}{
			{identity.Equals, "banana", []uuid.UUID{a.ID}},
			{identity.Equals, "ban", nil},
			{identity.Equals, long, nil},
			{identity.Begins, "ban", []uuid.UUID{a.ID, b.ID}},
			{identity.Begins, "anana", nil},
			{identity.Begins, long, []uuid.UUID{b.ID}},
			{identity.Contains, "ana", []uuid.UUID{a.ID}},
			{identity.Contains, "b", []uuid.UUID{a.ID, b.ID}},
			{identity.Contains, strings.Repeat("ö", identity.MaxSearchPart), []uuid.UUID{b.ID}},
			{identity.Contains, "nab", nil},
		} {
			same(c, tc.text, tc.want, c.search(tc.how, tc.text))
			n, err := c.CountMatching(c.Context(), store.IdentityFilter{Traits: []identity.SearchMatch{{Name: "name", Text: tc.text, How: tc.how}}, After: b.ID})
			c.ok(err)
			same(c, "count of "+tc.text, len(tc.want), n)
		}
		same(c, "another name", nil, c.list(store.IdentityFilter{Traits: []identity.SearchMatch{{Name: "nam", Text: "banana"}}}))
	}},
	{"searchable traits change with their identity", func(c *Case) {
		i := c.searchable("a", "old")
		i.Search = nil
		c.ok(c.UpdateIdentity(c.Context(), i))
		same(c, "what was not derived stays", []uuid.UUID{i.ID}, c.search(identity.Equals, "old"))
		i.Search = []identity.SearchValue{{Name: "name", Value: "new"}}
		c.ok(c.UpdateIdentity(c.Context(), i))
		same(c, "the old one", nil, c.search(identity.Contains, "l"))
		same(c, "the new one", []uuid.UUID{i.ID}, c.search(identity.Contains, "w"))
		i.Search = []identity.SearchValue{}
		c.ok(c.UpdateIdentity(c.Context(), i))
		same(c, "none", nil, c.search(identity.Begins, "n"))
	}},
	{"searchable traits go with their identity, and with one that conflicts", func(c *Case) {
		i := c.searchable("a", "gone")
		c.ok(c.DeleteIdentity(c.Context(), i.ID))
		same(c, "a deleted one", nil, c.search(identity.Contains, "gone"))
		c.searchable("b", "kept")
		twin := c.person("b")
		twin.Search = []identity.SearchValue{{Name: "name", Value: "never"}}
		if c.CreateIdentity(c.Context(), twin) == nil {
			c.Error("a taken address was given twice")
		}
		same(c, "one that conflicts", nil, c.search(identity.Begins, "never"))
	}},
	{"indexing anew touches nothing else", func(c *Case) {
		i := c.searchable("a", "old")
		before, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		c.Clock.Advance(1)
		gone := c.person("b")
		gone.Search = []identity.SearchValue{{Name: "name", Value: "x"}}
		again := &identity.Identity{ID: i.ID, UpdatedAt: before.UpdatedAt, Search: []identity.SearchValue{{Name: "name", Value: "new"}}}
		c.ok(c.Reindex(c.Context(), []*identity.Identity{again}))
		after, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		same(c, "the identity", before, after)
		same(c, "found", []uuid.UUID{i.ID}, c.search(identity.Equals, "new"))
		stale := &identity.Identity{ID: i.ID, UpdatedAt: before.UpdatedAt.Add(-1000), Search: []identity.SearchValue{}}
		c.ok(c.Reindex(c.Context(), []*identity.Identity{gone, stale}))
		same(c, "found after a stale look", []uuid.UUID{i.ID}, c.search(identity.Equals, "new"))
		same(c, "somebody who is gone", nil, c.search(identity.Equals, "x"))
	}},
	{"the state of indexing is kept by schema", func(c *Case) {
		stamp, err := c.SearchStamp(c.Context(), "s")
		c.ok(err)
		same(c, "before", "", stamp)
		for _, next := range []string{"one", "two"} {
			c.ok(c.BeginIndexing(c.Context(), "s", next))
			stamp, err = c.SearchStamp(c.Context(), "s")
			c.ok(err)
			if stamp == next {
				c.Error("an index that is being made counts as made")
			}
			c.ok(c.EndIndexing(c.Context(), "s", next))
		}
		stamp, err = c.SearchStamp(c.Context(), "s")
		c.ok(err)
		same(c, "after", "two", stamp)
	}},
	{"a writer that follows another description makes indexing start over", func(c *Case) {
		index := func(during func()) string {
			c.ok(c.BeginIndexing(c.Context(), "default", "new"))
			during()
			c.ok(c.EndIndexing(c.Context(), "default", "new"))
			stamp, err := c.SearchStamp(c.Context(), "default")
			c.ok(err)
			return stamp
		}
		write := func(mail, schema, stamp string, search []identity.SearchValue) func() {
			return func() {
				i := c.person(mail)
				i.SchemaID, i.Search, i.SearchStamp = schema, search, stamp
				c.ok(c.CreateIdentity(c.Context(), i))
			}
		}
		none := []identity.SearchValue{}
		same(c, "nobody writes", "new", index(func() {}))
		same(c, "somebody follows the new one", "new", index(write("a", "default", "new", none)))
		same(c, "somebody derives nothing", "new", index(write("b", "default", "", nil)))
		same(c, "somebody of another schema", "new", index(write("c", "other", "old", none)))
		same(c, "somebody follows the old one", "", index(write("d", "default", "old", none)))
		same(c, "the next time", "new", index(func() {}))
		write("e", "default", "", none)()
		stamp, err := c.SearchStamp(c.Context(), "default")
		c.ok(err)
		same(c, "somebody follows the old one afterwards", "", stamp)
		same(c, "the next time", "new", index(func() {}))
		i := c.stored("f")
		i.SchemaID, i.Search, i.SearchStamp = "default", none, "old"
		c.ok(c.UpdateIdentity(c.Context(), i))
		stamp, err = c.SearchStamp(c.Context(), "default")
		c.ok(err)
		same(c, "an update by the old one", "", stamp)
	}},
	{"a trial stores nothing and tells the same", func(c *Case) {
		c.stored("taken")
		list := []*identity.Identity{c.person("a"), c.person("taken"), c.person("a")}
		list[2].ExternalID = "other"
		conflicts, err := c.CheckIdentities(c.Context(), list)
		c.ok(err)
		if conflicts[0] != nil || conflicts[1] == nil || conflicts[2] == nil {
			c.Errorf("conflicts: %v", conflicts)
		}
		n, err := c.CountIdentities(c.Context())
		c.ok(err)
		same(c, "identities", 1, n)
	}},
	{"a deletion under a condition happens or does not", func(c *Case) {
		i := c.stored("a")
		objection := func(*identity.Identity) error { return errObjection }
		if err := c.DeleteIdentityIf(c.Context(), i.ID, objection); err == nil {
			c.Error("the objection was not heard")
		}
		_, err := c.Identity(c.Context(), i.ID)
		c.ok(err)
		c.ok(c.DeleteIdentityIf(c.Context(), i.ID, func(*identity.Identity) error { return nil }))
		c.missing(c.DeleteIdentityIf(c.Context(), i.ID, objection))
		c.missing(c.DeleteIdentityIf(c.Context(), i.ID, nil))
	}},
}
