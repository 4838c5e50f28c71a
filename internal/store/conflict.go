package store

import (
	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// What a *problem.ConflictError of this package can be about.
const (
	whatID         = "id"
	whatExternalID = "external_id"
	whatIdentifier = "identifier"
	whatVerifiable = "verifiable_address"
	whatRecovery   = "recovery_address"
)

// pair is the unique part of a child row: a credential type and an identifier, or
// a channel and an address.
type pair struct{ kind, value string }

// conflict finds the value of an identity that another one has, after a table
// refused a row. Databases do not say which of many rows it was. It answers the
// conflict first and a failure to find it second.
func (x *Tx) conflict(i *identity.Identity, table string) (taken, failure error) {
	var wanted []pair
	switch table {
	case "credential_identifiers":
		for _, r := range identifiersOf(i) {
			wanted = append(wanted, pair{r.Type, r.Identifier})
		}
		p, err := x.taken("SELECT type, identifier FROM credential_identifiers WHERE type IN (", ") AND identifier IN (", wanted, i.ID)
		return &problem.ConflictError{What: whatIdentifier, Value: p.value, Type: p.kind}, err
	case "verifiable_addresses":
		for _, a := range i.VerifiableAddresses {
			wanted = append(wanted, pair{string(a.Via), a.Value})
		}
		p, err := x.taken("SELECT via, value FROM verifiable_addresses WHERE via IN (", ") AND value IN (", wanted, i.ID)
		return &problem.ConflictError{What: whatVerifiable, Value: p.value}, err
	case "recovery_addresses":
		for _, a := range i.RecoveryAddresses {
			wanted = append(wanted, pair{string(a.Via), a.Value})
		}
		p, err := x.taken("SELECT via, value FROM recovery_addresses WHERE via IN (", ") AND value IN (", wanted, i.ID)
		return &problem.ConflictError{What: whatRecovery, Value: p.value}, err
	}
	return x.rowConflict(i)
}

// taken finds the first of the wanted pairs that another identity has. When none
// has, the identity names one twice, and that is told instead.
func (x *Tx) taken(head, middle string, wanted []pair, self uuid.UUID) (pair, error) {
	kinds, args := padded(wanted, func(p pair) any { return p.kind })
	values, valueArgs := padded(wanted, func(p pair) any { return p.value })
	args = append(append(args, valueArgs...), x.tenant, idBytes(self))
	owned := map[pair]bool{}
	err := x.c.query(head+kinds+middle+values+") AND tenant = ? AND identity_id <> ?", args, func(rows row) error {
		var p pair
		err := rows.Scan(&p.kind, &p.value)
		owned[p] = true
		return err
	})
	seen := map[pair]bool{}
	var twice pair
	for _, p := range wanted {
		if owned[p] {
			return p, err
		}
		if seen[p] {
			twice = p
		}
		seen[p] = true
	}
	return twice, err
}

// rowConflict tells a taken id from a taken external id.
func (x *Tx) rowConflict(i *identity.Identity) (taken, failure error) {
	var n int
	err := one(x.c, "SELECT count(*) FROM identities WHERE tenant = ? AND id = ?", []any{x.tenant, idBytes(i.ID)}, &n)
	if n > 0 {
		return &problem.ConflictError{What: whatID, Value: i.ID.String()}, err
	}
	return &problem.ConflictError{What: whatExternalID, Value: i.ExternalID}, err
}
