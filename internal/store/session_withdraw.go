package store

import (
	"time"

	"github.com/google/uuid"

	"cardea/internal/session"
)

// WithdrawEvidence takes the evidence of second factors that are gone out of all
// active sessions of an identity: see session.Session.Withdraw.
func (x *Tx) WithdrawEvidence(identityID uuid.UUID, methods []string, now time.Time) error {
	var all []*session.Session
	err := x.c.query(x.db.texts.sessionBare+"s.tenant = ? AND s.identity_id = ? AND s.active = ? AND s.aal = ?",
		[]any{x.tenant, idBytes(identityID), flag(true), string(session.AAL2)}, func(rows row) error {
			r := newSessionRow(false, false, false)
			if err := rows.Scan(r.dest...); err != nil {
				return err
			}
			s, err := r.session()
			all = append(all, s)
			return err
		})
	if err != nil {
		return err
	}
	for _, s := range all {
		if !s.Withdraw(methods, now) {
			continue
		}
		if err := x.UpdateSession(s); err != nil {
			return err
		}
	}
	return nil
}
