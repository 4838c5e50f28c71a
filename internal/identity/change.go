package identity

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"cardea/internal/problem"
)

// MaxExternalID is how long an external id may be, in bytes.
const MaxExternalID = 64

// SetState changes whether the identity may sign in; the moment is kept. The error
// is a problem with status 400.
func (i *Identity) SetState(s State, now time.Time) error {
	if s != Active && s != Inactive {
		return problem.BadRequest("The state must be %q or %q.", Active, Inactive)
	}
	if i.State != s {
		i.State, i.StateChangedAt = s, &now
	}
	return nil
}

// SetExternalID changes the name under which an application knows the identity; ""
// for none. The error is a problem with status 400.
func (i *Identity) SetExternalID(id string) error {
	if len(id) > MaxExternalID || strings.ContainsRune(id, 0) {
		return problem.BadRequest("The external_id must be text of at most %d bytes.", MaxExternalID)
	}
	i.ExternalID = id
	return nil
}

// SetMetadata replaces both metadata; nil and JSON's null are both "none".
func (i *Identity) SetMetadata(public, admin json.RawMessage) {
	i.MetadataPublic, i.MetadataAdmin = orNil(public), orNil(admin)
}

func orNil(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// CheckRegion refuses words that name no region. Where data lies is the business of
// whoever runs the database, so a valid one has no effect.
func CheckRegion(region string) error {
	switch region {
	case "eu-central", "asia-northeast", "us-east", "us-west", "eu", "asia", "us", "global":
		return nil
	}
	return problem.BadRequest("There is no region of that name.")
}

// Settled makes an address that an operator wrote consistent: a proof has a time,
// what is not proven has none, and channel and status have their defaults. The error
// is a problem with status 400.
func (a VerifiableAddress) Settled(now time.Time) (VerifiableAddress, error) {
	a.Value = NormalizeIdentifier(a.Value)
	a.Via = cmp.Or(a.Via, Email)
	if err := checkChannel(a.Via); err != nil {
		return a, err
	}
	switch {
	case !a.Verified:
		a.VerifiedAt = nil
	case a.VerifiedAt == nil || a.VerifiedAt.IsZero():
		a.VerifiedAt = &now
	}
	switch a.Status {
	case AddressPending, AddressSent, AddressCompleted:
	case "":
		a.Status = AddressPending
		if a.Verified {
			a.Status = AddressCompleted
		}
	default:
		return a, problem.BadRequest("The status of an address must be %q, %q or %q.", AddressPending, AddressSent, AddressCompleted)
	}
	return a, nil
}

// Settled is the same for an address to recover with.
func (a RecoveryAddress) Settled() (RecoveryAddress, error) {
	a.Value = NormalizeIdentifier(a.Value)
	a.Via = cmp.Or(a.Via, Email)
	return a, checkChannel(a.Via)
}

func checkChannel(via Channel) error {
	if via != Email && via != SMS {
		return problem.BadRequest("An address must be reached via %q or %q.", Email, SMS)
	}
	return nil
}
