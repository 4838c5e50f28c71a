package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/org"
	"cardea/internal/problem"
)

// Organizations is what the wire needs of stored organizations. A row that is not
// there is problem.ErrNotFound, a taken id or domain a *problem.ConflictError.
type Organizations interface {
	Organization(ctx context.Context, id uuid.UUID) (*org.Organization, error)
	// Organizations lists those behind an id.
	Organizations(ctx context.Context, after uuid.UUID, limit int) ([]*org.Organization, error)
	CreateOrganization(ctx context.Context, o *org.Organization) error
	UpdateOrganization(ctx context.Context, o *org.Organization) error
	// DeleteOrganization refuses one with members: a *problem.ConflictError.
	DeleteOrganization(ctx context.Context, id uuid.UUID) error
	// RevokeMembers ends those sessions of members of which end says so.
	RevokeMembers(ctx context.Context, id uuid.UUID, now time.Time, end func(vouched bool) bool) error
}

// organizationTable are the addresses on which operators manage organizations.
func (s *Server) organizationTable() []Route {
	return under(apikey.Organizations, []entry{
		{"GET", "/admin/organizations", "listOrganizations", s.listOrganizations},
		{"POST", "/admin/organizations", "createOrganization", s.createOrganization},
		{"GET", "/admin/organizations/{id}", "getOrganization", s.getOrganization},
		{"PUT", "/admin/organizations/{id}", "updateOrganization", s.updateOrganization},
		{"DELETE", "/admin/organizations/{id}", "deleteOrganization", s.deleteOrganization},
	})
}

// organizationBody is an organization as operators send it. What an update leaves
// out stays as it is.
type organizationBody struct {
	ID              *uuid.UUID   `json:"id"`
	Label           *string      `json:"label"`
	Enabled         *bool        `json:"enabled"`
	Domains         []domainBody `json:"domains"`
	SignIn          *org.Way     `json:"sign_in"`
	SignUp          *org.Way     `json:"sign_up"`
	SessionLifespan *string      `json:"session_lifespan"`
}

type domainBody struct {
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
}

// onto lays the body over an organization.
func (b *organizationBody) onto(o org.Organization) (*org.Organization, error) {
	take(&o.Label, b.Label)
	take(&o.Enabled, b.Enabled)
	take(&o.SignIn, b.SignIn)
	take(&o.SignUp, b.SignUp)
	if text := b.SessionLifespan; text != nil {
		var err error
		if o.SessionLifespan, err = time.ParseDuration(cmp.Or(*text, "0s")); err != nil {
			return nil, problem.BadRequest("The session_lifespan is not a duration such as 8h or 90m.").With(err)
		}
		o.SessionLifespan = o.SessionLifespan.Truncate(time.Microsecond)
	}
	if b.Domains != nil {
		o.Domains = nil
		for _, d := range b.Domains {
			o.Domains = append(o.Domains, org.Domain(d))
		}
	}
	return o.Settled()
}

func take[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

// organization finds an organization wherever it stands.
func (s *Server) organization(ctx context.Context, set *compiled, id uuid.UUID) (*org.Organization, error) {
	if o := set.Organizations().ByID(id); o != nil {
		return o, nil
	}
	return s.Organizations.Organization(ctx, id)
}

// listOrganizations serves GET /admin/organizations: those of the configuration and
// those of the database, by id.
func (s *Server) listOrganizations(w http.ResponseWriter, r *http.Request) {
	list, err := s.organizationsByKey(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	set := s.compiled.Load()
	b := []byte{'['}
	for n, o := range list {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendOrganization(b, set, o)
	}
	writeRaw(w, 200, append(b, ']'))
}

// organizationsByKey loads a page and adds its links.
func (s *Server) organizationsByKey(w http.ResponseWriter, r *http.Request) ([]*org.Organization, error) {
	q := r.URL.Query()
	size, err := keySize(q.Get("page_size"), largestIdentityPage)
	if err != nil {
		return nil, err
	}
	var after uuid.UUID
	p := keyPage{scope: s.pageScope("organizations", nil), first: firstIdentityToken, size: size, mark: len(after)}
	return byMark(s, w, r, p, func(mark []byte) ([]*org.Organization, error) {
		copy(after[:], mark)
		list, err := s.Organizations.Organizations(r.Context(), after, size+1)
		if err != nil {
			return nil, err
		}
		configured := s.compiled.Load().Organizations()
		list = slices.DeleteFunc(list, func(o *org.Organization) bool { return configured.ByID(o.ID) != nil })
		for _, o := range configured.All() {
			if slices.Compare(o.ID[:], after[:]) > 0 {
				list = append(list, o)
			}
		}
		slices.SortFunc(list, func(a, b *org.Organization) int { return slices.Compare(a.ID[:], b.ID[:]) })
		return list, nil
	}, func(o *org.Organization) []byte { return o.ID[:] })
}

// getOrganization serves GET /admin/organizations/{id}.
func (s *Server) getOrganization(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	id, err := identityID(r)
	var o *org.Organization
	if err == nil {
		o, err = s.organization(r.Context(), set, id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeRaw(w, 200, appendOrganization(nil, set, o))
}

// createOrganization serves POST /admin/organizations.
func (s *Server) createOrganization(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	var body organizationBody
	if err := decodeBody(r, &body, strict); err != nil {
		s.fail(w, r, err)
		return
	}
	draft := org.Organization{ID: s.newID(), Enabled: true}
	take(&draft.ID, body.ID)
	o, err := body.onto(draft)
	if err == nil {
		err = s.keepOrganization(r.Context(), set, o, s.Organizations.CreateOrganization)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", strings.TrimSuffix(set.Serve.Admin.BaseURL.String(), "/")+"/admin/organizations/"+o.ID.String())
	writeRaw(w, 201, appendOrganization(nil, set, o))
}

// updateOrganization serves PUT /admin/organizations/{id}.
func (s *Server) updateOrganization(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	o, err := s.updatedOrganization(r)
	if err == nil {
		err = s.keepOrganization(r.Context(), set, o, s.Organizations.UpdateOrganization)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeRaw(w, 200, appendOrganization(nil, set, o))
}

func (s *Server) updatedOrganization(r *http.Request) (*org.Organization, error) {
	id, err := identityID(r)
	if err != nil {
		return nil, err
	}
	var body organizationBody
	if err := decodeBody(r, &body, lenient); err != nil {
		return nil, err
	}
	if body.ID != nil && *body.ID != id {
		return nil, problem.BadRequest("The id of an organization cannot change.")
	}
	stored, err := s.organization(r.Context(), s.compiled.Load(), id)
	if err != nil {
		return nil, err
	}
	return body.onto(*stored)
}

// keepOrganization stores an organization unless the configuration has a say in it, and ends
// the sessions of members who would not get in like that any more.
func (s *Server) keepOrganization(ctx context.Context, set *compiled, o *org.Organization, store func(context.Context, *org.Organization) error) error {
	if err := reserved(set, o.ID); err != nil {
		return err
	}
	for _, d := range o.Domains {
		if set.Organizations().ByDomain(d.Name) != nil {
			return problem.Conflict("The domain %q belongs to another organization.", d.Name)
		}
	}
	if err := store(ctx, o); err != nil {
		return conflicting(err)
	}
	return s.Organizations.RevokeMembers(ctx, o.ID, s.clock.Now(), o.Ends)
}

// reserved refuses to change what stands in the configuration.
func reserved(set *compiled, id uuid.UUID) error {
	if set.Organizations().ByID(id) != nil {
		return problem.Conflict("The organization stands in the configuration and can be changed there only.")
	}
	return nil
}

// conflicting tells operators with what an organization collides.
func conflicting(err error) error {
	var taken *problem.ConflictError
	if !errors.As(err, &taken) {
		return err
	}
	switch taken.What {
	case "domain":
		return problem.Conflict("The domain %q belongs to another organization.", taken.Value).With(err)
	case "member":
		return problem.Conflict("The organization has members. Move them to another organization or to none first, or switch it off.").With(err)
	}
	return problem.Conflict("There is an organization with this id already.").With(err)
}

// deleteOrganization serves DELETE /admin/organizations/{id}.
func (s *Server) deleteOrganization(w http.ResponseWriter, r *http.Request) {
	id, err := identityID(r)
	if err == nil {
		err = reserved(s.compiled.Load(), id)
	}
	if err == nil {
		err = conflicting(s.Organizations.DeleteOrganization(r.Context(), id))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// organizationJSON is an organization on the wire.
type organizationJSON struct {
	ID              uuid.UUID        `json:"id"`
	Label           string           `json:"label"`
	Enabled         bool             `json:"enabled"`
	Domains         []domainBody     `json:"domains"`
	SignIn          org.Way          `json:"sign_in"`
	SignUp          org.Way          `json:"sign_up"`
	SessionLifespan string           `json:"session_lifespan,omitempty"`
	Connections     []connectionJSON `json:"connections"`
	Source          string           `json:"source"`
	CreatedAt       *time.Time       `json:"created_at,omitempty"`
	UpdatedAt       *time.Time       `json:"updated_at,omitempty"`
}

// connectionJSON is a way of signing in that an organization has.
type connectionJSON struct {
	Method   string `json:"method"`
	Provider string `json:"provider"`
	Label    string `json:"label"`
}

func appendOrganization(b []byte, set *compiled, o *org.Organization) []byte {
	out := organizationJSON{
		ID: o.ID, Label: o.Label, Enabled: o.Enabled, SignIn: o.SignIn, SignUp: o.SignUp, Source: "database",
		Domains: []domainBody{}, Connections: []connectionJSON{},
	}
	for _, d := range o.Domains {
		out.Domains = append(out.Domains, domainBody(d))
	}
	for _, c := range set.Connections(o.ID) {
		out.Connections = append(out.Connections, connectionJSON{Method: "oidc", Provider: c.ID, Label: c.Label})
	}
	if o.SessionLifespan > 0 {
		out.SessionLifespan = o.SessionLifespan.String()
	}
	if o.Configured {
		out.Source = "configuration"
	} else {
		out.CreatedAt, out.UpdatedAt = &o.CreatedAt, &o.UpdatedAt
	}
	raw, err := json.Marshal(out)
	if err != nil {
		panic(err) // nothing of it can fail
	}
	return append(b, raw...)
}
