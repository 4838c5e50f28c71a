package flow

import (
	"encoding/json"
	"time"

	"cardea/internal/identity"
)

// Letter begins a message about the flow with what the texts of all messages
// know. Steps add what theirs know besides, by the keys of the contract's
// template_data.
func (x *Exec) Letter(template string, to identity.Address) Outgoing {
	var transient any = map[string]any{}
	if len(x.Flow.Transient) > 0 {
		transient = x.Flow.Transient
	}
	return Outgoing{
		Template: template, Channel: to.Via, Recipient: to.Value,
		Data: map[string]any{"to": to.Value, "request_url": x.Flow.RequestURL, "transient_payload": transient},
	}
}

// About adds the account that a message is about, in whose language it is written,
// and how long its code or link can be used.
func (o Outgoing) About(s *Setup, i *identity.Identity, lifespan time.Duration) Outgoing {
	if i != nil {
		o.Data["identity"], o.Locale = s.publicIdentity(i), s.LanguageOf(i.SchemaID, i.Traits)
	}
	o.Data["expires_in_minutes"] = int(lifespan / time.Minute)
	return o
}

// LanguageOf is the language in which somebody with these traits wants to be
// written to, BCP 47; "" when they do not say.
func (s *Setup) LanguageOf(schemaID string, traits json.RawMessage) string {
	compiled, err := s.Schema(schemaID)
	if err != nil { // not configured any more
		return ""
	}
	return compiled.Language(traits)
}

// addressFacts is an address as people see it.
type addressFacts struct {
	ID         string     `json:"id"`
	Value      string     `json:"value"`
	Verified   *bool      `json:"verified,omitempty"`
	Via        string     `json:"via"`
	Status     string     `json:"status,omitempty"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

// publicIdentity is an identity as its owner may see it, by the contract's keys.
// Messages show it; no credential and no metadata of the operator is in it.
func (s *Setup) publicIdentity(i *identity.Identity) map[string]any {
	out := map[string]any{
		"id": i.ID, "schema_id": i.SchemaID, "schema_url": s.SchemaURL(i.SchemaID), "state": i.State,
		"state_changed_at": i.StateChangedAt, "traits": i.Traits, "metadata_public": orNull(i.MetadataPublic),
		"created_at": i.CreatedAt, "updated_at": i.UpdatedAt, "organization_id": i.OrganizationID,
	}
	if i.ExternalID != "" {
		out["external_id"] = i.ExternalID
	}
	var verifiable, recovery []addressFacts
	for _, a := range i.VerifiableAddresses {
		verifiable = append(verifiable, addressFacts{
			ID: a.ID.String(), Value: a.Value, Verified: &a.Verified, Via: string(a.Via), Status: string(a.Status),
			VerifiedAt: a.VerifiedAt, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
		})
	}
	for _, a := range i.RecoveryAddresses {
		recovery = append(recovery, addressFacts{
			ID: a.ID.String(), Value: a.Value, Via: string(a.Via), CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
		})
	}
	if verifiable != nil {
		out["verifiable_addresses"] = verifiable
	}
	if recovery != nil {
		out["recovery_addresses"] = recovery
	}
	return out
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
