package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// maxIDs is how many ids one request may name.
const maxIDs = 500

// identifierGroups are the credentials that a search looks at, and whether their
// identifiers are stored normalised.
var identifierGroups = []struct {
	types      []identity.CredentialType
	normalized bool
}{
	{[]identity.CredentialType{identity.Password, identity.WebAuthn, identity.Code}, true},
	{[]identity.CredentialType{identity.OIDC, identity.SAML}, false},
}

// listIdentities serves GET /admin/identities.
func (s *Server) listIdentities(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	set := s.compiled.Load()
	filter, err := identityFilter(q)
	if err == nil {
		err = set.narrow(q, &filter)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	configs, err := included(q)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	filter.Credentials = len(configs) > 0 || len(filter.Identifiers) > 0
	var list []*identity.Identity
	if numberedIdentities(q) {
		list, err = s.identitiesByNumber(w, r, filter)
	} else {
		list, err = s.identitiesByKey(w, r, filter)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := identityView{credentials: filter.Credentials, configs: configs, upgraded: true, admin: true}
	body := []byte{'['}
	for n, i := range list {
		if n == 1 { // the others are about as long as the first one
			body = slices.Grow(body, len(list)*(len(body)+len(body)/8))
		}
		if n > 0 {
			body = append(body, ',')
		}
		body = appendFullIdentity(body, set.Setup, i, v)
	}
	writeRaw(w, 200, append(body, ']'))
}

// identityFilter reads the one condition that a list may have.
func identityFilter(q url.Values) (f IdentityFilter, err error) {
	exact, similar, organization := q.Get("credentials_identifier"), q.Get("preview_credentials_identifier_similar"), q.Get("organization_id")
	conditions := 0
	for _, given := range []bool{len(q["ids"]) > 0, exact != "", similar != "", organization != ""} {
		if given {
			conditions++
		}
	}
	if conditions > 1 {
		return f, problem.BadRequest("Identities can be filtered by one condition only: ids, organization_id, credentials_identifier or preview_credentials_identifier_similar.")
	}
	if len(q["ids"]) > maxIDs {
		return f, problem.BadRequest("At most %d ids can be asked for at once.", maxIDs)
	}
	for _, text := range q["ids"] {
		id, err := uuid.Parse(text)
		if err != nil {
			return f, problem.BadRequest("One of the ids is not a UUID.")
		}
		f.IDs = append(f.IDs, id)
	}
	if organization != "" {
		id, err := uuid.Parse(organization)
		if err != nil {
			return f, problem.BadRequest("The organization_id is not a UUID.")
		}
		f.OrganizationID = &id
	}
	f.Identifiers = matches(exact, false)
	if similar != "" {
		f.Identifiers = matches(similar, true)
	}
	return f, nil
}

// matches are the identifiers that a text may stand for: as it is, for rows from
// before normalisation, and normalised.
func matches(text string, prefix bool) []IdentifierMatch {
	if text == "" {
		return nil
	}
	var all []IdentifierMatch
	for _, g := range identifierGroups {
		m := IdentifierMatch{Types: g.types, Values: []string{text}, Prefix: prefix}
		if n := identity.NormalizeIdentifier(text); g.normalized && n != text && n != "" {
			m.Values = append(m.Values, n)
		}
		all = append(all, m)
	}
	return all
}

// included reads which credentials' configs are to be shown.
func included(q url.Values) (map[identity.CredentialType]bool, error) {
	types := map[identity.CredentialType]bool{}
	for _, word := range q["include_credential"] {
		switch t := identity.CredentialType(word); {
		case t.Known():
			types[t] = true
		case word == "deviceauthn", word == "link_recovery", word == "code_recovery":
			// Words of the contract for which no credential is ever stored.
		default:
			return nil, problem.BadRequest("include_credential names a type of credentials that does not exist.")
		}
	}
	return types, nil
}

// revealing says whether a query asks for what is in credentials.
func revealing(q url.Values) bool { return q.Has("include_credential") || everything(q) }

// getIdentity serves GET /admin/identities/{id}.
func (s *Server) getIdentity(w http.ResponseWriter, r *http.Request) {
	s.showIdentity(w, r, func(ctx context.Context) (*identity.Identity, error) {
		id, err := identityID(r)
		if err != nil {
			return nil, err
		}
		return s.Identities.Identity(ctx, id)
	})
}

// getIdentityByExternalID serves GET /admin/identities/by/external/{externalID}.
func (s *Server) getIdentityByExternalID(w http.ResponseWriter, r *http.Request) {
	s.showIdentity(w, r, func(ctx context.Context) (*identity.Identity, error) {
		return s.Identities.IdentityByExternalID(ctx, r.PathValue("externalID"))
	})
}

// showIdentity answers with one identity. That it does not exist is told before
// what is wrong with the rest of the request.
func (s *Server) showIdentity(w http.ResponseWriter, r *http.Request, find func(context.Context) (*identity.Identity, error)) {
	i, err := find(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	configs, err := included(r.URL.Query())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if s.unchanged(w, r, i) {
		return
	}
	writeIdentity(w, 200, s.compiled.Load().Setup, i, identityView{credentials: true, configs: configs, upgraded: true, admin: true})
}
