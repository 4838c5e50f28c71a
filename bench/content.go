package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

const (
	// slowPeople is how many people have a password with a costly hash.
	slowPeople = 256
	// sampleSize is how many identities the operations of the admin API ask for, from
	// all over the database, so that no cache holds just those.
	sampleSize = 2048
	// samplePages is how many pages of the list they turn.
	samplePages = 32
	// sparePerSecond is how many sessions are made for each second in which they are
	// ended: as many as the goal asks for.
	sparePerSecond = 5000
)

// A known identity is one that operations ask for.
type known struct{ id, email string }

// newContent fills the database of a server through its public API and its admin API.
func newContent(ctx context.Context, s *server, o options) (*dataset, error) {
	d := &dataset{
		addr: s.addr, admin: s.admin, unique: strings.ToLower(rand.Text()[:10]),
		next: new(atomic.Uint64), batches: new(atomic.Int64),
	}
	if err := d.populate(ctx, o.people); err != nil {
		return nil, err
	}
	var done atomic.Int64
	if err := sendAll(ctx, s.admin, max(0, o.identities-o.people), &done); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	d.batches.Store((done.Load() + importBatch - 1) / importBatch)
	if o.only.has(slowLogin) {
		if err := d.addSlow(ctx, o.cost); err != nil {
			return nil, fmt.Errorf("people with costly hashes: %w", err)
		}
	}
	return d, d.takeSample(ctx, int(done.Load()))
}

// addSlow imports people who share one costly hash.
func (d *dataset) addSlow(ctx context.Context, cost int) error {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return err
	}
	var b strings.Builder
	for n := range slowPeople {
		d.slow = append(d.slow, d.email())
		fmt.Fprintf(&b, `,{"create":{"schema_id":"default","traits":{"email":%q},"credentials":{"password":{"config":{"hashed_password":%q}}}}}`, d.slow[n], hash)
	}
	ctx, cancel := context.WithTimeout(ctx, populateTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	c := newClient(ctx, d.admin, deadline)
	defer c.close()
	res, err := c.expect(200, patch(d.admin, "/admin/identities", `{"identities":[`+b.String()[1:]+`]}`))
	if err != nil {
		return withBody(err, res)
	}
	return allCreated(res.body, slowPeople)
}

// takeSample picks identities from all over the database, and pages of the list.
func (d *dataset) takeSample(ctx context.Context, imported int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, populateTimeout)
	defer cancel()
	d.sample, err = each(ctx, d.admin, min(sampleSize, len(d.emails)+imported), func(c *client, n int) (known, error) {
		email := d.emails[n%len(d.emails)]
		if imported > 0 {
			email = importedEmail(n * imported / sampleSize)
		}
		return d.find(c, email)
	})
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	c := newClient(ctx, d.admin, deadline)
	defer c.close()
	for next := fmt.Sprintf("/admin/identities?page_size=%d", listSize); next != "" && len(d.pages) < samplePages; {
		d.pages = append(d.pages, next)
		res, err := c.expect(200, get(d.admin, next))
		if err != nil {
			return withBody(err, res)
		}
		next = ""
		for link := range res.values("Link") {
			next = nextLink(link)
		}
	}
	return nil
}

// find asks for the only identity with an identifier.
func (d *dataset) find(c *client, email string) (known, error) {
	res, err := c.expect(200, get(d.admin, byIdentifier(email)))
	if err != nil {
		return known{}, withBody(err, res)
	}
	var list []struct{ ID string }
	if err := json.Unmarshal(res.body, &list); err != nil {
		return known{}, err
	}
	if len(list) != 1 {
		return known{}, errUnexpectedBody
	}
	return known{list[0].ID, email}, nil
}

// stock opens sessions that are there to be ended.
func (d *dataset) stock(ctx context.Context, w float64) error {
	ctx, cancel := context.WithTimeout(ctx, populateTimeout)
	defer cancel()
	tokens, err := each(ctx, d.addr, int(w*sparePerSecond)+1, func(c *client, n int) (string, error) {
		return d.signIn(c, d.emails[n%len(d.emails)])
	})
	d.spare = make(chan string, len(tokens))
	for _, t := range tokens {
		d.spare <- t
	}
	return err
}
