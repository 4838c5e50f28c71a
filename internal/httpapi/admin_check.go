package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"cardea/internal/identity"
)

// CheckCreateBody says what is wrong with the form of a body for
// POST /admin/identities, as far as that can be seen without a configuration and
// without hashing a password.
func CheckCreateBody(raw []byte) error {
	var body createBody
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return malformed(faultOf(err), err)
	}
	var wrong []error
	if body.State != "" {
		wrong = append(wrong, (&identity.Identity{}).SetState(body.State, time.Time{}))
	}
	wrong = append(wrong, (&identity.Identity{}).SetExternalID(body.ExternalID), checkRegion(body.Region))
	for _, a := range body.VerifiableAddresses {
		_, err := a.address(time.Time{})
		wrong = append(wrong, err)
	}
	for _, a := range body.RecoveryAddresses {
		_, err := a.address()
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}
