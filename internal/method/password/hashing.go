package password

import (
	"context"
	"encoding/json"
	"errors"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
)

// Hashing is the expensive work, as it is configured at the moment.
type Hashing interface {
	Hash(ctx context.Context, password string) (string, error)
	Compare(ctx context.Context, password, encoded string) error
	Dummy(ctx context.Context, password string) error
	NeedsRehash(encoded string) bool
}

// Method is the password method. Its parts are chosen anew for each
// configuration.
type Method struct {
	// Hashing gives the hasher that a configuration asks for.
	Hashing func(*config.Snapshot) Hashing
	// Breaches gives the lookup that a configuration asks for.
	Breaches func(*config.Snapshot) BreachChecker
	// Origin asks the system that passwords have not moved from yet.
	Origin Origin
}

// Steps are the method's steps.
func (m Method) Steps() []*flow.Step {
	return []*flow.Step{m.login(), m.registration(), m.settings()}
}

func enabled(s *flow.Setup) bool { return s.SelfService.Methods.Password.Enabled }

// stored is the credential's config.
type stored struct {
	Hash string `json:"hashed_password,omitempty"`
	// Elsewhere marks a password that another system knows, as long as there is no hash.
	Elsewhere bool `json:"use_password_migration_hook,omitempty"`
}

// configOf is the password's config; what cannot be read counts as empty.
func configOf(i *identity.Identity) stored {
	var config stored
	if json.Unmarshal(i.Credentials[identity.Password].Config, &config) != nil {
		return stored{}
	}
	return config
}

// hashOf is the stored hash of an identity, "" for none.
func hashOf(i *identity.Identity) string { return configOf(i).Hash }

// elsewhere says whether an identity's password is known to another system only.
func elsewhere(i *identity.Identity) bool {
	config := configOf(i)
	return config.Hash == "" && config.Elsewhere
}

// withHash is the identity's credential with another hash, which is here from now on.
func withHash(c identity.Credential, hash string) (identity.Credential, error) {
	config, err := json.Marshal(stored{Hash: hash})
	if err != nil {
		return identity.Credential{}, err
	}
	c.Type, c.Config = identity.Password, config
	return c, nil
}

// busy gives overload its public face; other errors stay as they are.
func busy(err error) error {
	if errors.Is(err, secret.ErrBusy) {
		return problem.Busy("Too many people are signing in at this moment. Please try again.").With(err)
	}
	return err
}

// policy is what the configuration asks of new passwords.
func (m Method) policy(s *flow.Setup) Policy {
	c := s.SelfService.Methods.Password.Config
	p := Policy{
		MinLength:           c.MinPasswordLength,
		SimilarityCheck:     c.IdentifierSimilarityCheckEnabled,
		MaxBreaches:         c.MaxBreaches,
		IgnoreNetworkErrors: c.IgnoreNetworkErrors,
	}
	if s.Snapshot.ChecksBreaches() {
		p.Breach = m.Breaches(s.Snapshot)
	}
	return p
}
