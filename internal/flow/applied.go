package flow

import (
	"encoding/json"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// NewID draws a random id.
func (x *Exec) NewID() uuid.UUID { return uuid.Must(uuid.NewRandomFromReader(x.rand)) }

// Applied makes the identity that traits describe which the flow's schema was not
// asked about yet. What is wrong with them comes as messages on their fields.
func (x *Exec) Applied(traits json.RawMessage) (*identity.Identity, []FieldMessage, error) {
	derived, violations, err := x.Schema.Validate(traits)
	if err != nil {
		return nil, nil, err
	}
	if len(violations) > 0 {
		var why Rejected
		rejectTraits(violations, &why)
		return nil, why.Fields, nil
	}
	i := identity.New(x.NewID(), x.Schema.ID(), x.Now)
	identity.Apply(i, *derived, x.Now, x.NewID)
	return i, nil, nil
}
