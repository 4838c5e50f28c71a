package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/risk"
	"cardea/internal/session"
)

// pastSessions is how many sessions of an account a sign-in is compared with.
const pastSessions = 50

// sourceSessions is how many of the last sessions of a source are looked through for
// other accounts.
const sourceSessions = 1000

const (
	// Sessions that are held have shown nothing that could be compared with.
	earlierSignIns = "SELECT issued_at, source, methods FROM (SELECT s.issued_at, s.source, s.methods FROM sessions s " +
		"WHERE s.tenant = ? AND s.identity_id = ? ORDER BY s.created_at DESC, s.id LIMIT ?) h"
	// What is made distinct is bounded: everybody behind one address may have signed in.
	otherAccounts = "SELECT COUNT(*), NULL, NULL FROM (SELECT c.identity_id FROM (SELECT s.identity_id FROM sessions s " +
		"WHERE s.tenant = ? AND s.source = ? AND s.created_at >= ? AND s.identity_id <> ? ORDER BY s.created_at DESC LIMIT ?) c " +
		"UNION SELECT o.key_hash FROM one_time o WHERE o.tenant = ? AND o.purpose = ? AND o.subject = ? AND o.created_at >= ? AND o.key_hash <> ? LIMIT ?) a"
)

// Past implements flow.Pasts in one statement, whatever is asked.
func (t *Tenant) Past(ctx context.Context, q flow.PastQuestion) (past risk.Past, err error) {
	var parts []string
	var args []any
	if q.Earlier {
		parts, args = append(parts, earlierSignIns), append(args, t.id, idBytes(q.Identity), int64(pastSessions))
	}
	if q.Others {
		source, since, id := q.Source.String(), micros(q.Since), idBytes(q.Identity)
		parts = append(parts, otherAccounts)
		args = append(args, t.id, source, since, id, int64(sourceSessions), t.id, flow.SignUpPurpose, source, since, id, int64(q.Enough))
	}
	if len(parts) == 0 {
		return past, nil
	}
	err = t.read(ctx).query(strings.Join(parts, " UNION ALL "), args, func(rows row) error {
		var number int64
		var source, methods sql.NullString
		if err := rows.Scan(&number, &source, &methods); err != nil {
			return err
		}
		if !methods.Valid {
			past.Others = int(number)
			return nil
		}
		held := session.Session{}
		if err := json.Unmarshal([]byte(methods.String), &held.Methods); err != nil {
			return err
		}
		if held.AAL = session.AALOf(held.Methods); held.Held() {
			return nil
		}
		e := risk.SignIn{At: time.UnixMicro(number).UTC()}
		if p, err := netip.ParsePrefix(source.String); err == nil {
			e.Source = p
		}
		past.Earlier = append(past.Earlier, e)
		return nil
	})
	return past, err
}

// DropSession removes a session and all that is known from it. One that is gone is no
// error.
func (x *Tx) DropSession(id uuid.UUID, now time.Time) error {
	_, err := x.BulkSessions(DeleteSessions, SessionsByID, []uuid.UUID{id}, 1, now)
	return err
}
