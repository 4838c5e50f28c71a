package identity

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Address is a value and the channel that reaches it.
type Address struct {
	Value string // normalised
	Via   Channel
}

// Derived is what an identity schema makes of valid traits.
type Derived struct {
	// Traits are the traits to store: as they were given, with phone numbers that
	// are reached by SMS rewritten to E.164.
	Traits json.RawMessage
	// Identifiers are the normalised identifiers of the password, webauthn and code
	// credentials. A type that the schema marks nowhere has no entry; one that it
	// marks, but for which the traits hold no value, has an empty one.
	Identifiers map[CredentialType][]string
	// CodeAddresses say how the identifiers of the code credential are reached,
	// sorted by value, then channel.
	CodeAddresses []Address
	// Verifiable and Recovery are in the order of the schema.
	Verifiable []Address
	Recovery   []Address
	// PasskeyDisplayName and TOTPAccountName are how authenticators show the
	// account; "" when the schema marks no trait for it.
	PasskeyDisplayName string
	TOTPAccountName    string
	// Search are the traits that operators can search by, each once.
	Search []SearchValue
	// SearchStamp tells the list of searchable traits from another one; "" for none.
	SearchStamp string
}

// derivedTypes are the credentials that exist because of the schema alone. The
// others belong to their methods and are never touched here.
var derivedTypes = []struct {
	Type    CredentialType
	Version int
}{{Password, 0}, {WebAuthn, 0}, {Code, 1}}

// Apply makes the identity follow its new traits. The identity must carry its
// credentials and addresses, unless it is new. Rows without an id are given one:
// what an import brings survives when the schema derives it, too.
//
//   - Credentials of the derived types get the new identifiers and keep their
//     config; one that is missing is created with an empty config. Identifiers
//     whose trait is gone are gone. Types that the schema does not mark keep theirs.
//   - Address rows with the same channel and normalised value stay: id, proof and
//     status survive a change of spelling. Others vanish, new ones start unproven.
func Apply(i *Identity, d Derived, now time.Time, newID func() uuid.UUID) {
	i.Traits = d.Traits
	i.Search, i.SearchStamp = append([]SearchValue{}, d.Search...), d.SearchStamp
	i.UpdatedAt = now
	for _, t := range derivedTypes {
		identifiers, marked := d.Identifiers[t.Type]
		if !marked {
			continue
		}
		c, exists := i.Credentials[t.Type]
		if !exists {
			if len(identifiers) == 0 {
				continue
			}
			c = Credential{Type: t.Type, Config: json.RawMessage(`{}`), Version: t.Version}
		}
		born(&c.ID, &c.CreatedAt, &c.UpdatedAt, now, newID)
		if !slices.Equal(c.Identifiers, identifiers) {
			c.Identifiers, c.UpdatedAt = slices.Clone(identifiers), now
		}
		if t.Type == Code {
			c.Config, c.Version = codeConfig(d.CodeAddresses), t.Version
		}
		if i.Credentials == nil {
			i.Credentials = map[CredentialType]Credential{}
		}
		i.Credentials[t.Type] = c
	}
	i.VerifiableAddresses = follow(i.VerifiableAddresses, d.Verifiable, VerifiableAddress.address, func(r VerifiableAddress, a Address) VerifiableAddress {
		r.Value, r.Via, r.Status = a.Value, a.Via, cmp.Or(r.Status, AddressPending)
		born(&r.ID, &r.CreatedAt, &r.UpdatedAt, now, newID)
		return r
	})
	i.RecoveryAddresses = follow(i.RecoveryAddresses, d.Recovery, RecoveryAddress.address, func(r RecoveryAddress, a Address) RecoveryAddress {
		r.Value, r.Via = a.Value, a.Via
		born(&r.ID, &r.CreatedAt, &r.UpdatedAt, now, newID)
		return r
	})
}

// born completes a row that is not stored yet.
func born(id *uuid.UUID, created, updated *time.Time, now time.Time, newID func() uuid.UUID) {
	if *id == uuid.Nil {
		*id = newID()
	}
	if created.IsZero() {
		*created, *updated = now, now
	}
}

// TouchesSignIn says whether new traits would change how the identity is signed
// in to or recovered: identifiers, verifiable or recovery addresses. A change of
// spelling does not.
func TouchesSignIn(i *Identity, d Derived) bool {
	for _, t := range derivedTypes {
		identifiers, marked := d.Identifiers[t.Type]
		if marked && !sameSet(normalized(i.Credentials[t.Type].Identifiers), identifiers) {
			return true
		}
	}
	return !sameSet(addresses(i.VerifiableAddresses, VerifiableAddress.address), d.Verifiable) ||
		!sameSet(addresses(i.RecoveryAddresses, RecoveryAddress.address), d.Recovery)
}

// follow puts the rows in the wanted order: each completed from the one that is
// there already, or from nothing.
func follow[Row any](rows []Row, wanted []Address, address func(Row) Address, complete func(Row, Address) Row) []Row {
	var out []Row
	var done []Address
	for _, w := range wanted {
		w.Value = NormalizeIdentifier(w.Value)
		if slices.Contains(done, w) {
			continue
		}
		done = append(done, w)
		var row Row
		if at := slices.IndexFunc(rows, func(r Row) bool { return address(r) == w }); at >= 0 {
			row = rows[at]
		}
		out = append(out, complete(row, w))
	}
	return out
}

// address is what a row is recognised by; rows from before normalisation count.
func (a VerifiableAddress) address() Address { return Address{NormalizeIdentifier(a.Value), a.Via} }

// address is what a row is recognised by; rows from before normalisation count.
func (a RecoveryAddress) address() Address { return Address{NormalizeIdentifier(a.Value), a.Via} }

func addresses[Row any](rows []Row, address func(Row) Address) []Address {
	var out []Address
	for _, r := range rows {
		out = append(out, address(r))
	}
	return out
}

func normalized(identifiers []string) []string {
	var out []string
	for _, id := range identifiers {
		out = append(out, NormalizeIdentifier(id))
	}
	return out
}

func sameSet[T comparable](a, b []T) bool {
	in := func(list []T) func(T) bool { return func(v T) bool { return !slices.Contains(list, v) } }
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

// codeConfig is the config of a code credential, whose shape is the contract's.
func codeConfig(list []Address) json.RawMessage {
	type row struct {
		Channel Channel `json:"channel"`
		Address string  `json:"address"`
	}
	rows := []row{}
	for _, a := range list {
		rows = append(rows, row{a.Via, a.Value})
	}
	raw, err := json.Marshal(map[string]any{"addresses": rows})
	if err != nil {
		panic("identity: texts do not marshal: " + err.Error())
	}
	return raw
}

// SortAddresses orders by value, then channel, and drops repetitions.
func SortAddresses(list []Address) []Address {
	slices.SortStableFunc(list, func(a, b Address) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Via, b.Via))
	})
	return slices.Compact(list)
}
