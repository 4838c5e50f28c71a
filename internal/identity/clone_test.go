package identity_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
)

// everything is an identity in which nothing is empty.
func everything() *identity.Identity {
	now, organization, glass := time.Unix(1, 0), uuid.UUID{7}, uuid.UUID{7}
	return &identity.Identity{
		ID: uuid.UUID{1}, ExternalID: "x", SchemaID: "s", State: identity.Active, StateChangedAt: &now,
		Traits: json.RawMessage(`{"a":1}`), MetadataPublic: json.RawMessage(`1`), MetadataAdmin: json.RawMessage(`2`),
		OrganizationID: &organization, AvailableAAL: "aal1", CreatedAt: now, UpdatedAt: now,
		Credentials: map[identity.CredentialType]identity.Credential{
			identity.Password: {ID: uuid.UUID{2}, Identifiers: []string{"a"}, Config: json.RawMessage(`{}`)},
		},
		VerifiableAddresses: []identity.VerifiableAddress{{Value: "a", VerifiedAt: &now}},
		RecoveryAddresses:   []identity.RecoveryAddress{{Value: "a", BreakGlass: &glass}},
		Search:              []identity.SearchValue{{Name: "a", Value: "b"}}, SearchStamp: "t",
	}
}

func TestACloneIsTheSameAndSharesNothing(t *testing.T) {
	original := everything()
	for k, v := range reflect.ValueOf(*original).Fields() {
		if v.IsZero() {
			t.Fatalf("%s is empty, and so not tried", k.Name)
		}
	}
	c := original.Clone()
	if !reflect.DeepEqual(c, original) {
		t.Fatalf("%+v, want %+v", c, original)
	}
	*c.StateChangedAt, *c.OrganizationID = time.Unix(2, 0), uuid.UUID{8}
	c.Traits[1], c.MetadataPublic[0], c.MetadataAdmin[0] = 'x', 'x', 'x'
	credential := c.Credentials[identity.Password]
	credential.Identifiers[0], credential.Config[0] = "b", 'x'
	delete(c.Credentials, identity.Password)
	*c.VerifiableAddresses[0].VerifiedAt, *c.RecoveryAddresses[0].BreakGlass = time.Unix(2, 0), uuid.UUID{8}
	c.VerifiableAddresses[0].Value, c.RecoveryAddresses[0].Value, c.Search[0].Value = "b", "b", "c"
	if want := everything(); !reflect.DeepEqual(original, want) {
		t.Errorf("%+v, want %+v", original, want)
	}
}
