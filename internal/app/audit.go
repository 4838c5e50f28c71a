package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/google/uuid"

	"cardea/internal/audit"
	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/httpapi"
	"cardea/internal/secret"
	"cardea/internal/store"
)

const (
	// sealInterval is how often rows of the audit log get their places: they have them
	// within a second.
	sealInterval = 500 * time.Millisecond
	// failuresInterval is how long failures are collected before they are written.
	failuresInterval = time.Second

	sealLabel secret.Label = "audit log"
)

// auditing is what the audit log needs besides the transactions that write it.
type auditing struct {
	rows     *store.Tenant
	failures *audit.Failures
	sealer   *audit.Sealer
}

// AuditKeys are the keys of the audit log, as a configuration names them.
func AuditKeys(s *config.Snapshot) (audit.Keys, error) {
	if len(s.Cardea.Audit.Secrets) == 0 {
		return audit.Keys{}, errors.New("the audit log has no key: set secrets.default or cardea.audit.secrets")
	}
	ring, err := secret.NewKeyring(s.Cardea.Audit.Secrets...)
	if err != nil {
		return audit.Keys{}, err
	}
	var others []ed25519.PublicKey
	for _, text := range s.Cardea.Audit.PublicKeys {
		if key := audit.ParseKey(text); key != nil {
			others = append(others, key)
		}
	}
	return audit.NewKeys(ring.Seeds(sealLabel), others...), nil
}

// auditKeys are those of the configuration in force. Where it lists no secrets they
// last as long as the process.
func (a *App) auditKeys() audit.Keys {
	set := a.setup.load()
	keys, err := AuditKeys(set.Snapshot)
	if err != nil {
		return audit.NewKeys(set.Keys.Seeds(sealLabel))
	}
	return keys
}

func (a *App) audits() bool {
	set := a.setup.load()
	return set != nil && set.Cardea.Audit.Enabled
}

func (a *App) newAuditing() auditing {
	rows := a.db.Tenant(store.DefaultTenant).Audited(a.audits)
	return auditing{
		rows: rows,
		failures: &audit.Failures{
			Write: rows.RecordAll, Now: a.clock.Now, NewID: uuid.New,
			Limit: func() int { return a.setup.load().Cardea.Audit.FailuresPerMinute },
		},
		sealer: NewSealer(a.db, a.auditKeys, a.clock),
	}
}

// NewSealer makes a sealer of the audit log of a database.
func NewSealer(db *store.DB, keys func() audit.Keys, c clock.Clock) *audit.Sealer {
	return &audit.Sealer{Chains: db.System(), Keys: keys, Clock: c}
}

// writeFailures writes what has failed until ctx is done; Close writes the rest.
func (a *App) writeFailures(ctx context.Context) {
	for ctx.Err() == nil {
		a.clock.SleepUntil(ctx, a.clock.Now().Add(failuresInterval))
		if err := a.auditing.failures.Flush(context.WithoutCancel(ctx)); err != nil {
			a.log.Error("failures were not written into the audit log", "error", err)
		}
	}
}

// cutAudit drops what was kept long enough, and has the key in force sign.
func (a *App) cutAudit(ctx context.Context) error {
	if err := a.auditing.sealer.Renew(ctx); err != nil {
		return err
	}
	keep := a.config.Current().Cardea.Audit.Keep
	if keep <= 0 {
		return nil
	}
	return a.auditing.sealer.Cut(ctx, a.clock.Now().Add(-keep))
}

// recordConfigured tells that a configuration is in force.
func (a *App) recordConfigured(set *flow.Setup) {
	if !set.Cardea.Audit.Enabled {
		return
	}
	mark, err := set.Mark()
	if err != nil {
		a.log.Warn("the audit log is not told which configuration is in force", "error", err)
	}
	a.auditing.failures.Tell(audit.Entry{
		Action: audit.Configured, Outcome: audit.Success, Actor: audit.System, Details: audit.Details{Configuration: mark, Version: a.version}.JSON(),
	})
}

// auditLog is the audit log for operators.
type auditLog struct {
	*store.Tenant
	failures *audit.Failures
}

// ListAudit is AuditLog, with what this process has collected.
func (l auditLog) ListAudit(ctx context.Context, f httpapi.AuditFilter) ([]audit.Link, error) {
	if err := l.failures.Flush(ctx); err != nil {
		return nil, err
	}
	return l.AuditLog(ctx, store.AuditFilter(f))
}
