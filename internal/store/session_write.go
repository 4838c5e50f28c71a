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
	err = x.c.later(failure(x.orphaned), x.db.texts.sessions.texts[1],
		x.tenant, idBytes(s.ID), idBytes(s.IdentityID), flag(s.Active), string(s.AAL), methods, micros(s.IssuedAt),
		micros(s.AuthenticatedAt), micros(s.ExpiresAt), micros(s.LastUsedAt), micros(s.CreatedAt), micros(s.UpdatedAt), flag(s.Transient), textOrNull(s.Source))
	if err != nil {
		return err
	}
	x.told.issued++
	if err := x.createDevices(s); err != nil {
		return err
	}
	if tokenHash != nil {
		if err := x.AddToken(s.ID, tokenHash); err != nil {
			return err
		}
	}
	return x.report(Change{Type: SessionCreated, Session: s})
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
	return x.db.texts.devices.later(x.c, args, func(int) judge { return nil })
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
	return x.c.later(failure(x.orphaned), x.db.texts.tokens.texts[1], x.tenant, tokenHash, idBytes(sessionID), micros(x.db.clock.Now()))
}

// orphaned judges an INSERT of a row that hangs on another one.
func (x *Tx) orphaned(err error) error {
	if x.db.dialect.orphan(err) {
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
	if err := x.tell(s.ID, s.IdentityID); err != nil {
		return err
	}
	return x.c.later(outcome(touched), "UPDATE sessions SET active = ?, aal = ?, methods = ?, issued_at = ?, authenticated_at = ?, "+
		"expires_at = ?, last_used_at = ?, updated_at = ? WHERE tenant = ? AND id = ?",
		flag(s.Active), string(s.AAL), methods, micros(s.IssuedAt), micros(s.AuthenticatedAt),
		micros(s.ExpiresAt), micros(s.LastUsedAt), micros(s.UpdatedAt), x.tenant, idBytes(s.ID))
}

// RevokeSession makes a session inactive. ErrNotFound when there is none; revoking
// twice is no error. owner limits it to sessions of one identity; zero for any.
func (x *Tx) RevokeSession(id, owner uuid.UUID, now time.Time) error {
	where, args := "tenant = ? AND id = ?", []any{x.tenant, idBytes(id)}
	if owner != uuid.Nil {
		where, args = where+" AND identity_id = ?", append(args, idBytes(owner))
	}
	x.forget(id, uuid.Nil)
	if err := x.tellOf(oneSession, session.Revoked, where+" AND active = ?", append(slices.Clip(args), flag(true))...); err != nil {
		return err
	}
	return x.c.later(outcome(touched), "UPDATE sessions SET active = ?, updated_at = ? WHERE "+where, append([]any{flag(false), micros(now)}, args...)...)
}

// RevokeSessionsOf revokes all active sessions of an identity but one (zero for no
// exception) and tells how many there were.
func (x *Tx) RevokeSessionsOf(identityID, except uuid.UUID, now time.Time) (int, error) {
	const where = "tenant = ? AND identity_id = ? AND active = ? AND id <> ?"
	args := []any{x.tenant, idBytes(identityID), flag(true), idBytes(except)}
	x.forget(uuid.Nil, identityID)
	if err := x.tellOf(ofIdentity, session.Revoked, where, args...); err != nil {
		return 0, err
	}
	n, err := x.c.exec("UPDATE sessions SET active = ?, updated_at = ? WHERE "+where, append([]any{flag(false), micros(now)}, args...)...)
	return int(n), err
}

// DeleteSessionsOf removes all sessions of an identity. ErrNotFound when it has none.
func (x *Tx) DeleteSessionsOf(identityID uuid.UUID) error {
	if err := x.tellOver(session.Deleted, identityID); err != nil {
		return err
	}
	return touched(x.c.exec("DELETE FROM sessions WHERE tenant = ? AND identity_id = ?", x.tenant, idBytes(identityID)))
}

// tellOver tells that all sessions of an identity end.
func (x *Tx) tellOver(why session.EndReason, identityID uuid.UUID) error {
	x.forget(uuid.Nil, identityID)
	return x.tellOf(ofIdentity, why, "tenant = ? AND identity_id = ? AND active = ?", x.tenant, idBytes(identityID), flag(true))
}

// ExtendSession moves the end of a session to until, if it ends before earliest;
// otherwise nothing changes. It says whether it did.
func (x *Tx) ExtendSession(id uuid.UUID, until, earliest, now time.Time) (bool, error) {
	x.forget(id, uuid.Nil)
	if err := x.tellOf(oneSession, session.Changed, "tenant = ? AND id = ? AND expires_at < ?", x.tenant, idBytes(id), micros(earliest)); err != nil {
		return false, err
	}
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
	if by == EverySession {
		var err error
		if ids, err = x.someSessions(do, limit); err != nil {
			return 0, err
		}
		by = SessionsByID
	}
	total := 0
	for part := range slices.Chunk(ids, 512) {
		n, err := x.bulk(do, by, part, now)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// someSessions picks sessions that a bulk action changes.
func (x *Tx) someSessions(do BulkAction, limit int) (ids []uuid.UUID, err error) {
	where, args := "tenant = ?", []any{x.tenant}
	if do == DisableSessions {
		where, args = where+" AND active = ?", append(args, flag(true))
	}
	err = x.c.query("SELECT id FROM sessions WHERE "+where+" LIMIT ?", append(args, int64(limit)), func(rows row) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func (x *Tx) bulk(do BulkAction, by BulkTarget, ids []uuid.UUID, now time.Time) (int, error) {
	list, values := padded(ids, idBytes)
	where, args := "tenant = ? AND "+string(by)+" IN ("+list+")", append([]any{x.tenant}, values...)
	for _, id := range ids {
		if by == SessionsByID {
			x.forget(id, uuid.Nil)
		} else {
			x.forget(uuid.Nil, id)
		}
	}
	why := session.Revoked
	if do == DeleteSessions {
		why = session.Deleted
	}
	active := append(slices.Clip(args), flag(true))
	if err := x.tellOf(ofMany, why, where+" AND active = ?", active...); err != nil {
		return 0, err
	}
	if do == DeleteSessions {
		n, err := x.c.exec("DELETE FROM sessions WHERE "+where, args...)
		return int(n), err
	}
	n, err := x.c.exec("UPDATE sessions SET active = ?, updated_at = ? WHERE "+where+" AND active = ?",
		append([]any{flag(false), micros(now)}, active...)...)
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
