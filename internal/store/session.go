package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/session"
)

// SessionByToken reads the session that a token leads to, with its devices and its
// identity with addresses, active or not: see session.Session.IsActive. It is the
// hottest read of all and takes one statement.
func (t *Tenant) SessionByToken(ctx context.Context, tokenHash []byte) (*session.Session, error) {
	return readSession(t.read(ctx), t.db.texts.sessionByToken, []any{t.id, tokenHash})
}

// Session reads a session with its devices and its identity with addresses.
func (t *Tenant) Session(ctx context.Context, id uuid.UUID) (*session.Session, error) {
	return readSession(t.read(ctx), t.db.texts.sessionWhole+"s.tenant = ? AND s.id = ?", []any{t.id, idBytes(id)})
}

func readSession(c conn, query string, args []any) (*session.Session, error) {
	var r *sessionRow
	err := oneInto(c, query, args, func() []any {
		r = newSessionRow(true, true, true)
		return r.dest
	})
	if err != nil {
		return nil, err
	}
	return r.session()
}

// sessionRow is a row of the session statements while it is read.
type sessionRow struct {
	s         *session.Session
	methods   []byte
	devices   []byte
	addresses identityChildren
	dest      []any
}

func newSessionRow(devices, owner, addresses bool) *sessionRow {
	s := &session.Session{}
	r := &sessionRow{s: s, dest: make([]any, 0, 32)}
	r.dest = append(r.dest, &s.ID, &s.IdentityID, &s.Active, (*string)(&s.AAL), &r.methods, timeAt{&s.IssuedAt},
		timeAt{&s.AuthenticatedAt}, timeAt{&s.ExpiresAt}, timeAt{&s.LastUsedAt}, timeAt{&s.CreatedAt}, timeAt{&s.UpdatedAt}, &s.Transient)
	if devices {
		r.dest = append(r.dest, &r.devices)
	}
	if owner {
		s.Identity = &identity.Identity{}
		r.dest = append(r.dest, identityDest(s.Identity)...)
	}
	if addresses {
		r.dest = append(r.dest, r.addresses.dest(false)...)
	}
	return r
}

// session decodes what came as JSON.
func (r *sessionRow) session() (*session.Session, error) {
	if err := json.Unmarshal(r.methods, &r.s.Methods); err != nil {
		return nil, fmt.Errorf("decoding authentication methods: %w", err)
	}
	if r.devices != nil {
		devices, err := rowsIn[deviceRow](r.devices, deviceColumns)
		if err != nil {
			return nil, err
		}
		r.s.Devices = make([]session.Device, len(devices))
		for k, d := range devices {
			r.s.Devices[k] = session.Device(d)
		}
	}
	if r.s.Identity == nil {
		return r.s, nil
	}
	return r.s, r.addresses.join(r.s.Identity)
}

type deviceRow struct {
	ID        uuid.UUID
	IPAddress *string
	UserAgent *string
	Location  *string
}

func (r *deviceRow) set(column string, v jsonValue) (err error) {
	switch column {
	case "id":
		r.ID, err = v.id()
	case "ip_address":
		r.IPAddress, err = v.textOrNil()
	case "user_agent":
		r.UserAgent, err = v.textOrNil()
	case "location":
		r.Location, err = v.textOrNil()
	}
	return err
}
