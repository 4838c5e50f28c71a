package hook

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/payload"
	"cardea/internal/ui"
)

var errNonsense = errors.New("what it answers cannot be understood")

// refusal reads the messages with which a hook ends a journey.
func refusal(body []byte) (*flow.Rejected, error) {
	var in struct {
		Messages []struct {
			Pointer  string `json:"instance_ptr"`
			Messages []struct {
				ID      ui.MessageID   `json:"id"`
				Text    string         `json:"text"`
				Type    string         `json:"type"`
				Context map[string]any `json:"context"`
			} `json:"messages"`
		} `json:"messages"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.Messages) == 0 {
		return nil, errNonsense
	}
	refused := &flow.Rejected{}
	for _, place := range in.Messages {
		node := nodeOf(place.Pointer)
		for _, m := range place.Messages {
			typ := ui.Info
			if m.Type == string(ui.Error) {
				typ = ui.Error
			}
			message := ui.Foreign(m.ID, m.Text, typ, m.Context)
			if node == "" {
				refused.Form = append(refused.Form, message)
				continue
			}
			refused.Fields = append(refused.Fields, flow.FieldMessage{Node: node, Message: message})
		}
	}
	return refused, nil
}

// nodeOf is the node that a JSON pointer in a fragment means (RFC 6901, section 6);
// "" for the form as a whole.
func nodeOf(pointer string) string {
	path := strings.TrimPrefix(strings.TrimPrefix(pointer, "#"), "/")
	if path == "" {
		return ""
	}
	tokens := strings.Split(path, "/")
	for n, token := range tokens {
		tokens[n] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return payload.Name(tokens...)
}

// change reads what a hook wants to make of the identity; nil for nothing. An
// answer without a body changes nothing.
func change(body []byte) (*flow.IdentityChange, error) {
	var in struct {
		Identity *struct {
			SchemaID       string          `json:"schema_id"`
			State          identity.State  `json:"state"`
			ExternalID     *string         `json:"external_id"`
			Traits         json.RawMessage `json:"traits"`
			MetadataPublic json.RawMessage `json:"metadata_public"`
			MetadataAdmin  json.RawMessage `json:"metadata_admin"`
			Verifiable     []struct {
				Value      string                 `json:"value"`
				Via        identity.Channel       `json:"via"`
				Verified   bool                   `json:"verified"`
				VerifiedAt *time.Time             `json:"verified_at"`
				Status     identity.AddressStatus `json:"status"`
			} `json:"verifiable_addresses"`
		} `json:"identity"`
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, errNonsense
	}
	if in.Identity == nil {
		return nil, nil
	}
	c := &flow.IdentityChange{
		SchemaID: in.Identity.SchemaID, State: in.Identity.State, ExternalID: in.Identity.ExternalID,
		Traits: given(in.Identity.Traits), MetadataPublic: given(in.Identity.MetadataPublic), MetadataAdmin: given(in.Identity.MetadataAdmin),
	}
	for _, a := range in.Identity.Verifiable {
		c.Verifiable = append(c.Verifiable, identity.VerifiableAddress{
			Value: a.Value, Via: a.Via, Verified: a.Verified, VerifiedAt: a.VerifiedAt, Status: a.Status,
		})
	}
	return c, nil
}

// given is nil for a value that is null: it counts as not given.
func given(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
