package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
	"cardea/internal/session"
)

// CreateSession stores a session with its devices and, when tokenHash is not nil,
// a token. ErrNotFound when its identity is gone.
func (x *Tx) CreateSession(s *session.Session, tokenHash []byte) error {
	x.stamp(&s.ID, &s.CreatedAt, &s.UpdatedAt, x.db.clock.Now())
	if s.LastUsedAt.IsZero() {
		s.LastUsedAt = s.AuthenticatedAt
	}
	methods, err := encodeMethods(s)
	if err != nil {
		return err
	}
	_, err = x.db.texts.sessions.run(x.c, []any{
		x.tenant, idBytes(s.ID), idBytes(s.IdentityID), flag(s.Active), string(s.AAL), methods, micros(s.IssuedAt),
		micros(s.AuthenticatedAt), micros(s.ExpiresAt), micros(s.LastUsedAt), micros(s.CreatedAt), micros(s.UpdatedAt),
	})
	if err != nil && x.db.dialect.orphan(err) {
		return problem.ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := x.createDevices(s); err != nil || tokenHash == nil {
		return err
	}
	return x.AddToken(s.ID, tokenHash)
}

func (x *Tx) createDevices(s *session.Session) error {
	var args []any
	for k := range s.Devices {
		d := &s.Devices[k]
		if d.ID == uuid.Nil {
			d.ID = x.db.newID()
		}
		args = append(args, x.tenant, idBytes(s.ID), idBytes(d.ID), header(d.IPAddress), header(d.UserAgent),
			header(d.Location), micros(s.CreatedAt))
	}
	_, err := x.db.texts.devices.run(x.c, args)
	return err
}

// header makes text of what came in an HTTP header, which may be any bytes.
func header(s *string) any {
	if s == nil {
		return nil
	}
	return strings.ReplaceAll(strings.ToValidUTF8(*s, "\uFFFD"), "\x00", "")
}

func encodeMethods(s *session.Session) (string, error) {
	methods := s.Methods
	if methods == nil {
		methods = []session.Method{}
	}
	raw, err := json.Marshal(methods)
	if err != nil {
		return "", fmt.Errorf("encoding authentication methods: %w", err)
	}
	return string(raw), nil
}

// AddToken gives a session one more token. ErrNotFound when the session is gone.
func (x *Tx) AddToken(sessionID uuid.UUID, tokenHash []byte) error {
	_, err := x.db.texts.tokens.run(x.c, []any{x.tenant, tokenHash, idBytes(sessionID), micros(x.db.clock.Now())})
	if err != nil && x.db.dialect.orphan(err) {
		return problem.ErrNotFound
	}
	return err
}

// UpdateSession stores level, methods, times and the active flag of a session.
func (x *Tx) UpdateSession(s *session.Session) error {
	methods, err := encodeMethods(s)
	if err != nil {
		return err
	}
	s.UpdatedAt = x.db.clock.Now().Truncate(time.Microsecond)
	return touched(x.c.exec("UPDATE sessions SET active = ?, aal = ?, methods = ?, issued_at = ?, authenticated_at = ?, "+
		"expires_at = ?, last_used_at = ?, updated_at = ? WHERE tenant = ? AND id = ?",
		flag(s.Active), string(s.AAL), methods, micros(s.IssuedAt), micros(s.AuthenticatedAt),
		micros(s.ExpiresAt), micros(s.LastUsedAt), micros(s.UpdatedAt), x.tenant, idBytes(s.ID)))
}

// RevokeSession makes a session inactive. ErrNotFound when there is none; revoking
// twice is no error. owner limits it to sessions of one identity; zero for any.
func (x *Tx) RevokeSession(id, owner uuid.UUID, now time.Time) error {
	query, args := "UPDATE sessions SET active = ?, updated_at = ? WHERE tenant = ? AND id = ?",
		[]any{flag(false), micros(now), x.tenant, idBytes(id)}
	if owner != uuid.Nil {
		query, args = query+" AND identity_id = ?", append(args, idBytes(owner))
	}
	return touched(x.c.exec(query, args...))
}

// RevokeSessionsOf revokes all active sessions of an identity but one (zero for no
// exception) and tells how many there were.
func (x *Tx) RevokeSessionsOf(identityID, except uuid.UUID, now time.Time) (int, error) {
	n, err := x.c.exec("UPDATE sessions SET active = ?, updated_at = ? WHERE tenant = ? AND identity_id = ? AND active = ? AND id <> ?",
		flag(false), micros(now), x.tenant, idBytes(identityID), flag(true), idBytes(except))
	return int(n), err
}

// DeleteSessionsOf removes all sessions of an identity. ErrNotFound when it has none.
func (x *Tx) DeleteSessionsOf(identityID uuid.UUID) error {
	return touched(x.c.exec("DELETE FROM sessions WHERE tenant = ? AND identity_id = ?", x.tenant, idBytes(identityID)))
}

// ExtendSession moves the end of a session to until, if it ends before earliest;
// otherwise nothing changes. It says whether it did.
func (x *Tx) ExtendSession(id uuid.UUID, until, earliest, now time.Time) (bool, error) {
	n, err := x.c.exec("UPDATE sessions SET expires_at = ?, updated_at = ? WHERE tenant = ? AND id = ? AND expires_at < ?",
		micros(until), micros(now), x.tenant, idBytes(id), micros(earliest))
	return n > 0, err
}

// BulkAction is what happens to many sessions at once.
type BulkAction int

// The bulk actions. Disabling counts only sessions that were active.
const (
	DisableSessions BulkAction = iota
	DeleteSessions
)

// BulkSessions does the same to many sessions and counts those it changed. by is
// whether ids are those of sessions or of identities; no ids mean any session, at
// most limit of them.
func (x *Tx) BulkSessions(do BulkAction, by BulkTarget, ids []uuid.UUID, limit int, now time.Time) (int, error) {
	var where string
	var args []any
	if by == EverySession {
		where, args = "tenant = ?", []any{x.tenant}
		if do == DisableSessions {
			where, args = where+" AND active = ?", append(args, flag(true))
		}
		where, args = "tenant = ? AND id IN (SELECT id FROM sessions WHERE "+where+" LIMIT ?)", append([]any{x.tenant}, append(args, int64(limit))...)
	} else {
		list, values := padded(append(slices.Clip(ids), uuid.Nil), idBytes)
		where, args = "tenant = ? AND "+string(by)+" IN ("+list+")", append([]any{x.tenant}, values...)
	}
	if do == DeleteSessions {
		n, err := x.c.exec("DELETE FROM sessions WHERE "+where, args...)
		return int(n), err
	}
	n, err := x.c.exec("UPDATE sessions SET active = ?, updated_at = ? WHERE "+where+" AND active = ?",
		append(append([]any{flag(false), micros(now)}, args...), flag(true))...)
	return int(n), err
}

// BulkTarget says what the ids of a bulk action name.
type BulkTarget string

// The targets of bulk actions.
const (
	SessionsByID         BulkTarget = "id"
	SessionsByIdentityID BulkTarget = "identity_id"
	EverySession         BulkTarget = "*"
)
