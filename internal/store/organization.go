package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/session"
)

const (
	organizationColumns = "id, label, enabled, sign_in, sign_up, session_lifespan, created_at, updated_at"
	whatDomain          = "domain"
)

// sessionsAtATime is how many sessions a batch of RevokeMembers looks at.
const sessionsAtATime = 500

// Organization reads an organization with its domains.
func (t *Tenant) Organization(ctx context.Context, id uuid.UUID) (*org.Organization, error) {
	return readOrganization(t.read(ctx), t.id, "id = ?", idBytes(id))
}

// OrganizationByDomain finds the organization that a normalised domain is verified
// to belong to.
func (t *Tenant) OrganizationByDomain(ctx context.Context, domain string) (*org.Organization, error) {
	return readOrganization(t.read(ctx), t.id,
		"id = (SELECT organization_id FROM organization_domains WHERE tenant = ? AND name = ? AND verified = ?)", t.id, domain, flag(true))
}

// Organizations lists those whose ids follow after, by id.
func (t *Tenant) Organizations(ctx context.Context, after uuid.UUID, limit int) (list []*org.Organization, err error) {
	c := t.read(ctx)
	err = c.query("SELECT "+organizationColumns+" FROM organizations WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?", []any{t.id, idBytes(after), limit}, func(rows row) error {
		var o org.Organization
		list = append(list, &o)
		return rows.Scan(organizationDest(&o)...)
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list, withDomains(c, t.id, list...)
}

func readOrganization(c conn, tenant int64, where string, args ...any) (*org.Organization, error) {
	var o org.Organization
	err := one(c, "SELECT "+organizationColumns+" FROM organizations WHERE tenant = ? AND "+where, append([]any{tenant}, args...), organizationDest(&o)...)
	if err != nil {
		return nil, err
	}
	return &o, withDomains(c, tenant, &o)
}

// withDomains adds the domains, by name.
func withDomains(c conn, tenant int64, list ...*org.Organization) error {
	byID := map[uuid.UUID]*org.Organization{}
	for _, o := range list {
		byID[o.ID] = o
	}
	ids, args := padded(list, func(o *org.Organization) any { return idBytes(o.ID) })
	return c.query("SELECT organization_id, name, verified FROM organization_domains WHERE tenant = ? AND organization_id IN ("+ids+") ORDER BY name",
		append([]any{tenant}, args...), func(rows row) error {
			var id uuid.UUID
			var d org.Domain
			if err := rows.Scan(&id, &d.Name, &d.Verified); err != nil {
				return err
			}
			byID[id].Domains = append(byID[id].Domains, d)
			return nil
		})
}

func organizationDest(o *org.Organization) []any {
	return []any{
		&o.ID, &o.Label, &o.Enabled, (*string)(&o.SignIn), (*string)(&o.SignUp), spanAt{&o.SessionLifespan},
		timeAt{&o.CreatedAt}, timeAt{&o.UpdatedAt},
	}
}

// CreateOrganization stores a new organization and dates it. A taken id or domain is
// a *problem.ConflictError.
func (t *Tenant) CreateOrganization(ctx context.Context, o *org.Organization) error {
	now := t.db.clock.Now().Truncate(time.Microsecond)
	o.CreatedAt, o.UpdatedAt = now, now
	return t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("INSERT INTO organizations (tenant, "+organizationColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			x.tenant, idBytes(o.ID), o.Label, flag(o.Enabled), string(o.SignIn), string(o.SignUp), o.SessionLifespan.Microseconds(),
			micros(o.CreatedAt), micros(o.UpdatedAt))
		if err != nil && x.db.dialect.unique(err) {
			return &problem.ConflictError{What: whatID, Value: o.ID.String()}
		}
		if err != nil {
			return err
		}
		return x.insertDomains(o)
	})
}

// UpdateOrganization replaces an organization. Missing ones are ErrNotFound, taken
// domains a *problem.ConflictError.
func (t *Tenant) UpdateOrganization(ctx context.Context, o *org.Organization) error {
	o.UpdatedAt = t.db.clock.Now().Truncate(time.Microsecond)
	return t.Tx(ctx, func(x *Tx) error {
		err := touched(x.c.exec("UPDATE organizations SET label = ?, enabled = ?, sign_in = ?, sign_up = ?, session_lifespan = ?, updated_at = ? WHERE tenant = ? AND id = ?",
			o.Label, flag(o.Enabled), string(o.SignIn), string(o.SignUp), o.SessionLifespan.Microseconds(), micros(o.UpdatedAt), x.tenant, idBytes(o.ID)))
		if err != nil {
			return err
		}
		if _, err := x.c.exec("DELETE FROM organization_domains WHERE tenant = ? AND organization_id = ?", x.tenant, idBytes(o.ID)); err != nil {
			return err
		}
		return x.insertDomains(o)
	})
}

func (x *Tx) insertDomains(o *org.Organization) error {
	for _, d := range o.Domains {
		_, err := x.c.exec("INSERT INTO organization_domains (tenant, name, organization_id, verified) VALUES (?, ?, ?, ?)",
			x.tenant, d.Name, idBytes(o.ID), flag(d.Verified))
		if err != nil && x.db.dialect.unique(err) {
			return &problem.ConflictError{What: whatDomain, Value: d.Name}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteOrganization removes an organization that has no members. One that has is a
// *problem.ConflictError: what it asks of them would be forgotten with it.
func (t *Tenant) DeleteOrganization(ctx context.Context, id uuid.UUID) error {
	return t.Tx(ctx, func(x *Tx) error {
		members := 0
		err := one(x.c, "SELECT count(*) FROM identities WHERE tenant = ? AND organization_id = ?", []any{x.tenant, idBytes(id)}, &members)
		if err != nil {
			return err
		}
		if members > 0 {
			return &problem.ConflictError{What: "member", Value: id.String()}
		}
		return touched(x.c.exec("DELETE FROM organizations WHERE tenant = ? AND id = ?", x.tenant, idBytes(id)))
	})
}

// RevokeMembers revokes the active sessions of an organization's members that end
// says to end, by whether one of its connections has vouched for the person. It commits in batches, so that many members hold nobody up.
func (t *Tenant) RevokeMembers(ctx context.Context, id uuid.UUID, now time.Time, end func(vouched bool) bool) error {
	var after uuid.UUID
	for {
		read, last := 0, after
		err := t.Tx(ctx, func(x *Tx) error {
			read = 0
			var over []uuid.UUID
			err := x.c.query("SELECT s.id, s.methods FROM sessions s JOIN identities i ON i.tenant = s.tenant AND i.id = s.identity_id "+
				"WHERE i.tenant = ? AND i.organization_id = ? AND s.active = ? AND s.id > ? ORDER BY s.id LIMIT ?",
				[]any{x.tenant, idBytes(id), flag(true), idBytes(after), sessionsAtATime}, func(rows row) error {
					var raw []byte
					var methods []session.Method
					if err := rows.Scan(&last, &raw); err != nil {
						return err
					}
					if err := json.Unmarshal(raw, &methods); err != nil {
						return err
					}
					vouched := slices.ContainsFunc(methods, func(m session.Method) bool { return m.Organization != nil && *m.Organization == id })
					if read++; end(vouched) {
						over = append(over, last)
					}
					return nil
				})
			if err != nil {
				return err
			}
			for _, one := range over {
				if err := x.RevokeSession(one, uuid.Nil, now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || read < sessionsAtATime {
			return err
		}
		after = last
	}
}
