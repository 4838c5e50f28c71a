package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/problem"
)

// createIdentity serves POST /admin/identities.
func (s *Server) createIdentity(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	var body createBody
	if err := decodeBody(r, &body, strict); err != nil {
		s.fail(w, r, err)
		return
	}
	i, err := s.newIdentity(r.Context(), set, &body)
	if err == nil {
		err = s.Identities.CreateIdentity(r.Context(), i)
	}
	if err != nil {
		s.fail(w, r, duplicate(err))
		return
	}
	s.tagWritten(w, r, i)
	w.Header().Set("Location", strings.TrimSuffix(set.Serve.Admin.BaseURL.String(), "/")+"/identities/"+i.ID.String())
	writeIdentity(w, 201, set.Setup, i, identityView{credentials: true, admin: body.MetadataAdmin != nil, region: body.Region})
}

// duplicate is a conflict as creating tells it: that there is one, never with what.
func duplicate(err error) error {
	var taken *problem.ConflictError
	if errors.As(err, &taken) {
		return problem.Conflict("An identity with one of these identifiers, addresses or the external id exists already.").With(err)
	}
	return err
}

// newIdentity makes the identity that a body describes.
func (s *Server) newIdentity(ctx context.Context, set *compiled, b *createBody) (*identity.Identity, error) {
	now := s.clock.Now()
	i, err := s.draftIdentity(ctx, set, b, now)
	if err != nil {
		return nil, err
	}
	return i, s.derive(set, i, now)
}

// draftIdentity is newIdentity up to what follows from traits.
func (s *Server) draftIdentity(ctx context.Context, set *compiled, b *createBody, now time.Time) (*identity.Identity, error) {
	return s.draftIdentityAs(ctx, set, s.newID(), b, now)
}

// draftIdentityAs is draftIdentity with an id that is known already.
func (s *Server) draftIdentityAs(ctx context.Context, set *compiled, id uuid.UUID, b *createBody, now time.Time) (*identity.Identity, error) {
	i := identity.New(id, b.SchemaID, now)
	i.OrganizationID = b.OrganizationID
	i.SetMetadata(b.MetadataPublic, b.MetadataAdmin)
	if b.Traits != nil {
		i.Traits = b.Traits
	}
	if err := errors.Join(i.SetState(cmp.Or(b.State, identity.Active), now), i.SetExternalID(b.ExternalID), checkRegion(b.Region)); err != nil {
		return nil, err
	}
	for _, a := range b.VerifiableAddresses {
		row, err := a.address(now)
		if err != nil {
			return nil, err
		}
		i.VerifiableAddresses = append(i.VerifiableAddresses, row)
	}
	for _, a := range b.RecoveryAddresses {
		row, err := a.address()
		if err != nil {
			return nil, err
		}
		i.RecoveryAddresses = append(i.RecoveryAddresses, row)
	}
	imports := b.Credentials.imports()
	if err := imports.Prepare(ctx, importer{s.Importer, set.Snapshot}); err != nil {
		return nil, err
	}
	return i, imports.Bring(i, set.Vault(s.rand), now, s.newID)
}

func checkRegion(region string) error {
	if region == "" {
		return nil
	}
	return identity.CheckRegion(region)
}

// derive checks an identity's traits and lets everything follow from them. What is
// wrong with them is a problem with status 400.
func (s *Server) derive(set *compiled, i *identity.Identity, now time.Time) error {
	compiled, err := set.Schema(i.SchemaID)
	if err != nil {
		return problem.BadRequest("There is no identity schema %q.", i.SchemaID).With(err)
	}
	derived, violations, err := compiled.Validate(i.Traits)
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return problem.New(http.StatusBadRequest, schema.ErrorText(violations))
	}
	i.SchemaID = compiled.ID()
	identity.Apply(i, *derived, now, s.newID)
	i.AvailableAAL = identity.HighestAAL(i, set.Factors())
	return nil
}

// changeAttempts is how often a change is made anew because somebody else was
// faster.
const changeAttempts = 4

// errStale is a change that was made on what is not there any more.
var errStale = errors.New("the identity has changed in the meantime")

// changeIdentity lets edit work on an identity and stores the result. The edit runs
// outside of the transaction, which then only has to find the identity as it was
// before: validation never holds up other writers, and no write is lost. met, which
// may be nil, says whether the identity is the one that the client means.
func (s *Server) changeIdentity(ctx context.Context, id uuid.UUID, met func(*identity.Identity) error, edit func(*identity.Identity, time.Time) error) (*identity.Identity, error) {
	if met == nil {
		met = func(*identity.Identity) error { return nil }
	}
	for range changeAttempts {
		edited, err := s.Identities.Identity(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := met(edited); err != nil {
			return nil, err
		}
		seen := edited.UpdatedAt
		if err := edit(edited, s.clock.Now()); err != nil {
			return nil, err
		}
		var stored *identity.Identity
		err = s.Identities.ChangeIdentity(ctx, id, func(i *identity.Identity) error {
			if !i.UpdatedAt.Equal(seen) {
				return errStale
			}
			if err := met(i); err != nil {
				return err
			}
			*i = *edited
			stored = i
			return nil
		})
		if !errors.Is(err, errStale) {
			return stored, err
		}
	}
	return nil, problem.Conflict("The identity is being changed by others. Please try again.").With(errStale)
}

// replaceIdentity serves PUT /admin/identities/{id}.
func (s *Server) replaceIdentity(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	id, body, imports, err := s.replacement(r, set)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	i, err := s.changeIdentity(r.Context(), id, precondition(r), func(i *identity.Identity, now time.Time) error {
		i.SchemaID = cmp.Or(body.SchemaID, i.SchemaID)
		i.SetMetadata(body.MetadataPublic, body.MetadataAdmin)
		i.Traits = body.Traits
		if i.Traits == nil {
			i.Traits = json.RawMessage(`{}`)
		}
		if err := errors.Join(i.SetState(cmp.Or(body.State, i.State), now), i.SetExternalID(body.ExternalID)); err != nil {
			return err
		}
		if err := imports.Bring(i, set.Vault(s.rand), now, s.newID); err != nil {
			return err
		}
		return s.derive(set, i, now)
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.tagWritten(w, r, i)
	writeIdentity(w, 200, set.Setup, i, identityView{credentials: true, upgraded: true, admin: body.MetadataAdmin != nil, region: body.Region})
}

// replacement reads what a PUT brings, and does the slow part of importing.
func (s *Server) replacement(r *http.Request, set *compiled) (id uuid.UUID, body replaceBody, imports *identity.Imports, err error) {
	if !isJSON(r) {
		return id, body, nil, problem.BadRequest("The Content-Type has to be application/json.")
	}
	if err := decodeBody(r, &body, lenient); err != nil {
		return id, body, nil, err
	}
	if id, err = identityID(r); err != nil {
		return id, body, nil, err
	}
	if err := checkRegion(body.Region); err != nil {
		return id, body, nil, err
	}
	imports = body.Credentials.imports()
	return id, body, imports, imports.Prepare(r.Context(), importer{s.Importer, set.Snapshot})
}

// patchIdentity serves PATCH /admin/identities/{id}.
func (s *Server) patchIdentity(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	id, err := identityID(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var body []operationBody
	if err := decodeBody(r, &body, lenient); err != nil || body == nil {
		s.fail(w, r, problem.BadRequest("The body has to be a JSON Patch: a list of operations.").With(err))
		return
	}
	ops := make([]identity.PatchOperation, len(body))
	region := ""
	for n, op := range body {
		ops[n] = identity.PatchOperation(op)
		if op.Path == "/region" {
			_ = json.Unmarshal(op.Value, &region) // what is no text is refused below
		}
	}
	i, err := s.changeIdentity(r.Context(), id, precondition(r), func(i *identity.Identity, now time.Time) error {
		if err := i.Patch(ops, importer{s.Importer, set.Snapshot}, now, s.newID); err != nil {
			return err
		}
		return s.derive(set, i, now)
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.tagWritten(w, r, i)
	writeIdentity(w, 200, set.Setup, i, identityView{credentials: true, upgraded: true, admin: true, region: region})
}

// deleteIdentity serves DELETE /admin/identities/{id}.
func (s *Server) deleteIdentity(w http.ResponseWriter, r *http.Request) {
	id, err := identityID(r)
	if err == nil {
		err = s.Identities.DeleteIdentity(r.Context(), id, precondition(r))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// deleteCredential serves DELETE /admin/identities/{id}/credentials/{type}.
func (s *Server) deleteCredential(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	id, err := identityID(r)
	if err == nil {
		_, err = s.changeIdentity(r.Context(), id, precondition(r), func(i *identity.Identity, now time.Time) error {
			t := identity.CredentialType(r.PathValue("type"))
			if err := i.RemoveCredential(t, r.URL.Query().Get("identifier"), set.Factors(), now); err != nil {
				return err
			}
			i.AvailableAAL = identity.HighestAAL(i, set.Factors())
			return nil
		})
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
