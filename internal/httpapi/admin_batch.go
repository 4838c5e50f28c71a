package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// Limits of one batch. Plain passwords have to be hashed, which is slow on purpose.
const (
	maxBatch          = 1000
	maxBatchPasswords = 200
)

// batchItem is one identity of a batch on its way. Neither an identity nor a failure
// means that the item asks for nothing.
type batchItem struct {
	patchID  *uuid.UUID
	identity *identity.Identity // nil when it is not to be stored
	failure  *problem.Error
}

// createIdentities serves PATCH /admin/identities: as many of the identities as are
// valid and free of conflicts are created.
func (s *Server) createIdentities(w http.ResponseWriter, r *http.Request) {
	var body batchBody
	if err := decodeBody(r, &body, strict); err != nil {
		p := *problemOf(err)
		p.Code = http.StatusInternalServerError // the envelope of the contract disagrees with the status here
		s.fail(w, r, &p)
		return
	}
	items, err := s.batch(r.Context(), &body)
	if err == nil {
		err = s.storeBatch(r.Context(), items)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out, err := appendBatch(nil, items)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeRaw(w, 200, out)
}

// batch makes the identities of a batch. What is wrong with traits, or taken, is an
// item's own failure; anything else ends the whole batch.
func (s *Server) batch(ctx context.Context, body *batchBody) ([]batchItem, error) {
	if len(body.Identities) > maxBatch {
		return nil, problem.BadRequest("A batch holds at most %d identities and this one has %d. Send several, or import them with POST "+importPath+", which knows no limit.", maxBatch, len(body.Identities))
	}
	passwords := 0
	for _, b := range body.Identities {
		if b.Create != nil && b.Create.Credentials.hasPlainPassword() {
			passwords++
		}
	}
	if passwords > maxBatchPasswords {
		return nil, problem.BadRequest("A batch holds at most %d plain passwords, which take long to hash, and this one has %d. Send several, or bring hashes.", maxBatchPasswords, passwords)
	}
	set, now := s.compiled.Load(), s.clock.Now()
	items := make([]batchItem, len(body.Identities))
	for n, b := range body.Identities {
		items[n].patchID = b.PatchID
		if b.Create == nil {
			continue
		}
		i, err := s.draftIdentity(ctx, set, b.Create, now)
		if err != nil {
			if problemOf(err).Status != http.StatusConflict {
				return nil, err
			}
		} else if err = s.derive(set, i, now); err == nil {
			items[n].identity = i
			continue
		}
		if items[n].failure = problemOf(err); items[n].failure.Status >= 500 {
			return nil, err
		}
	}
	return items, nil
}

// storeBatch stores what can be stored. A single identity that conflicts is the
// answer to the whole request, as the contract has it.
func (s *Server) storeBatch(ctx context.Context, items []batchItem) error {
	var list []*identity.Identity
	var from []int
	for n := range items {
		if items[n].identity != nil {
			list, from = append(list, items[n].identity), append(from, n)
		}
	}
	if len(list) == 0 {
		return nil
	}
	conflicts, err := s.Identities.CreateIdentities(ctx, list)
	if err != nil {
		return err
	}
	for k, conflict := range conflicts {
		if conflict == nil {
			continue
		}
		if len(list) == 1 {
			return conflict
		}
		items[from[k]].identity, items[from[k]].failure = nil, problemOf(conflict)
	}
	return nil
}

func appendBatch(b []byte, items []batchItem) ([]byte, error) {
	o := open(b)
	o.key("identities")
	o.b = append(o.b, '[')
	for n, item := range items {
		if n > 0 {
			o.b = append(o.b, ',')
		}
		var err error
		if o.b, err = appendBatchItem(o.b, item); err != nil {
			return nil, err
		}
	}
	o.b = append(o.b, ']')
	return o.close(), nil
}

func appendBatchItem(b []byte, item batchItem) ([]byte, error) {
	if item.identity == nil && item.failure == nil {
		return append(b, "null"...), nil
	}
	o := open(b)
	if item.failure == nil {
		o.plain("action", "create")
		o.id("identity", item.identity.ID)
	} else {
		o.plain("action", "error")
	}
	if item.patchID != nil {
		o.id("patch_id", *item.patchID)
	}
	if item.failure != nil {
		raw, err := json.Marshal(wireError(item.failure, ""))
		if err != nil {
			return nil, err
		}
		o.raw("error", raw)
	}
	return o.close(), nil
}
