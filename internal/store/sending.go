package store

import (
	"errors"
	"slices"
	"time"

	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/identity"
)

// Enqueue puts a message into the outbox, due at once, and counts it for its budgets in
// the same transaction. Withheld is what kept it out of it; "" for nothing.
func (x *Tx) Enqueue(m flow.Message) (withheld gate.Scope, err error) {
	if m.Withheld != "" {
		return m.Withheld, nil
	}
	suppressed, err := x.suppressed(m.Channel, m.Recipient, m.CreatedAt)
	switch {
	case err != nil:
		return "", err
	case suppressed:
		return gate.Suppressed, nil
	}
	if withheld, err = x.countSend(m.Budgets, m.CreatedAt); withheld != "" || err != nil {
		return withheld, err
	}
	_, err = x.c.exec("INSERT INTO messages (tenant, id, template, channel, recipient, status, sealed, next_at, created_at, updated_at) "+
		"VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)", x.tenant, idBytes(m.ID), m.Template, string(m.Channel), m.Recipient,
		m.Sealed, micros(m.CreatedAt), micros(m.CreatedAt), micros(m.CreatedAt))
	return "", err
}

// errBudgets is a race that serializable transactions do not have.
var errBudgets = errors.New("send budgets changed between question and count")

// countSend counts a message for all of its budgets, or for none: then it tells the one
// that is used up. Rows are locked and written in the order of their keys.
func (x *Tx) countSend(budgets []gate.Counter, now time.Time) (over gate.Scope, err error) {
	if len(budgets) == 0 {
		return "", nil
	}
	now = now.Truncate(time.Microsecond).UTC()
	sorted := slices.Clone(budgets)
	slices.SortStableFunc(sorted, func(a, b gate.Counter) int { return slices.Compare(a.Subject[:], b.Subject[:]) })
	rows := map[gate.Key]gate.Row{}
	in, args := padded(sorted, func(c gate.Counter) any { return c.Subject[:] })
	err = x.guessRows("SELECT subject, "+guessState+" FROM guesses WHERE tenant = ? AND subject IN ("+in+") ORDER BY subject"+x.db.dialect.lockRow,
		append([]any{x.tenant}, args...), func(k gate.Key, row gate.Row) { rows[k] = row })
	if err != nil {
		return "", err
	}
	for _, c := range budgets {
		if !c.Rule.Until(rows[c.Subject], now).IsZero() {
			return c.Scope, nil
		}
	}
	take := x.takeReturning
	if !x.db.dialect.returning {
		take = x.takeLocked
	}
	states, err := take(sorted, now)
	if err == nil && len(states) < len(sorted) {
		err = errBudgets
	}
	return "", err
}

// suppressed says whether an address gets nothing any more.
func (x *Tx) suppressed(via identity.Channel, recipient string, now time.Time) (yes bool, err error) {
	err = x.c.query("SELECT expires_at FROM suppressions WHERE tenant = ? AND via = ? AND address = ?",
		[]any{x.tenant, string(via), identity.NormalizeIdentifier(recipient)}, func(rows row) error {
			var ends *time.Time
			err := rows.Scan(timeOrNil{&ends})
			yes = ends == nil || ends.After(now)
			return err
		})
	return yes, err
}
