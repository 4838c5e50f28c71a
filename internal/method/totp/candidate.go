package totp

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/pquerna/otp/totp"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
)

// secretSize is how long keys are, in bytes: the length RFC 4226 section 4
// recommends.
const secretSize = 20

// longestName is how much of an account's name is shown by apps, in characters: what
// still fits into the picture.
const longestName = 100

// candidateLabel is the use for which the key of a flow is sealed.
const candidateLabel secret.Label = "totp candidate"

// facts are what a settings flow remembers: the key that it offers.
type facts struct {
	Sealed string `json:"sealed,omitempty"` // a candidate, for the flow's account
}

// candidate is a key that is shown and not stored with the account yet.
type candidate struct {
	URL     string `json:"url"`
	Picture string `json:"picture"` // a data URL; "" when the key does not fit into one
}

// draw makes a candidate for an account: once per flow.
func (p *painter) draw(x *flow.Exec) (facts, error) {
	key, err := x.Random(secretSize)
	if err != nil {
		return facts{}, err
	}
	made, err := totp.Generate(totp.GenerateOpts{
		Issuer: x.Setup.SelfService.Methods.TOTP.Config.Issuer, AccountName: accountName(x), Secret: key,
	})
	if err != nil {
		return facts{}, fmt.Errorf("make a key for an authenticator app: %w", err)
	}
	c := candidate{URL: made.URL(), Picture: p.picture(made.URL())}
	raw, err := json.Marshal(c)
	if err != nil {
		return facts{}, err
	}
	sealed, err := x.Vault().Seal(candidateLabel, x.Identity.ID, string(raw))
	return facts{Sealed: sealed}, err
}

// accountName is how apps show the account: by the trait that its schema marks for
// it, else by its id.
func accountName(x *flow.Exec) string {
	id := x.Identity.ID.String()
	s, err := x.Setup.Schema(x.Identity.SchemaID)
	if err != nil {
		return id
	}
	derived, _, err := s.Validate(x.Identity.Traits)
	if err != nil || derived == nil || derived.TOTPAccountName == "" {
		return id
	}
	name := []rune(derived.TOTPAccountName)
	return string(name[:min(len(name), longestName)])
}

// offered opens the candidate of a flow; ok is false when it offers none.
func offered(v identity.Vault, owner uuid.UUID, raw json.RawMessage) (c candidate, ok bool) {
	var f facts
	if json.Unmarshal(raw, &f) != nil || f.Sealed == "" {
		return c, false
	}
	text, ok := v.Open(candidateLabel, owner, f.Sealed)
	return c, ok && json.Unmarshal([]byte(text), &c) == nil
}

// prepareSettings draws the key that the form offers, unless there is an app
// already.
func (p *painter) prepareSettings(_ context.Context, x *flow.Exec) (any, error) {
	if x.Identity == nil || x.Identity.Credentials[identity.TOTP].Usable() {
		return nil, nil
	}
	return p.draw(x)
}
