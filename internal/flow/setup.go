package flow

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/org"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/secret"
	"cardea/internal/session"
)

// Setup is a configuration snapshot with everything compiled that requests
// would otherwise compile again: identity schemas and the list of allowed
// return addresses. It is immutable and made once per snapshot.
type Setup struct {
	*config.Snapshot
	schemas    map[string]*schema.Schema
	documents  map[string]json.RawMessage
	schemaURLs map[string]string
	returnURLs []*url.URL
	publicURL  *url.URL
	// organizations are those of the configuration.
	organizations *org.Catalogue
	// Keys make codes, links and sealed payloads out of the configured secrets.
	Keys *secret.Keyring
	// Limits end sessions before their time.
	Limits session.Limits
	// AttestationRoots vouch for authenticators; nil when nobody has to.
	AttestationRoots *x509.CertPool
	// risks are what is unusual about sign-ins; nil when no policy asks.
	risks *risk.Rules
	// policy says who has to show two factors.
	policy session.Policy
	// vault seals what credentials keep: see Vault.
	vault *secret.Keyring
}

// Load fetches a document that the configuration points to.
type Load func(ctx context.Context, url string) ([]byte, error)

// Compile prepares a snapshot. Errors name the schema that could not be used.
func Compile(ctx context.Context, snapshot *config.Snapshot, load Load) (*Setup, error) {
	s := &Setup{Snapshot: snapshot, schemas: map[string]*schema.Schema{}, documents: map[string]json.RawMessage{}, schemaURLs: map[string]string{}, publicURL: snapshot.Serve.Public.BaseURL}
	for _, ref := range snapshot.Identity.Schemas {
		raw, err := load(ctx, ref.URL)
		if err != nil {
			return nil, fmt.Errorf("identity.schemas: load the schema %q: %w", ref.ID, err)
		}
		compiled, err := schema.Compile(ref.ID, raw, schema.Options{})
		if err != nil {
			return nil, fmt.Errorf("identity.schemas: compile the schema %q: %w", ref.ID, err)
		}
		var document bytes.Buffer
		if err := json.Compact(&document, raw); err != nil {
			return nil, fmt.Errorf("identity.schemas: read the schema %q: %w", ref.ID, err)
		}
		s.schemas[ref.ID], s.documents[ref.ID] = compiled, document.Bytes()
		s.schemaURLs[ref.ID] = s.schemaURL(ref.ID)
	}
	var err error
	if s.AttestationRoots, err = attestationRoots(ctx, snapshot.Cardea.WebAuthn.AttestationRoots, load); err != nil {
		return nil, fmt.Errorf("cardea.webauthn.attestation_roots: %w", err)
	}
	if s.organizations, err = organizations(snapshot); err != nil {
		return nil, err
	}
	if _, ok := s.schemas[snapshot.Identity.DefaultSchemaID]; !ok {
		return nil, fmt.Errorf("identity.default_schema_id: there is no schema %q in identity.schemas", snapshot.Identity.DefaultSchemaID)
	}
	secrets := snapshot.Secrets.Cookie
	if len(secrets) == 0 {
		secrets = snapshot.Secrets.Default
	}
	keys, err := secret.NewKeyring(secrets...)
	if err != nil {
		return nil, fmt.Errorf("secrets.cookie: %w", err)
	}
	s.Keys = keys
	if s.policy, err = policyOf(snapshot.Cardea.Assurance); err != nil {
		return nil, fmt.Errorf("cardea.assurance.require_aal2: %w", err)
	}
	if s.risks, err = riskRules(snapshot.Cardea.Risk); err != nil {
		return nil, fmt.Errorf("cardea.risk: %w", err)
	}
	if s.vault, err = secret.NewKeyring(vaultSecrets(snapshot.Secrets)...); err != nil {
		return nil, fmt.Errorf("secrets.cipher: %w", err)
	}
	ends := snapshot.Cardea.Session
	s.Limits = session.Limits{
		Idle: ends.IdleTimeout, Absolute: ends.AbsoluteTimeout, Concurrent: ends.MaxConcurrent, Refuse: ends.OnTooMany == "refuse",
	}
	own := *s.publicURL
	own.Path, own.RawQuery = "/self-service", ""
	s.returnURLs = append(append([]*url.URL{}, snapshot.SelfService.AllowedReturnURLs...), &own)
	if settings := &snapshot.SelfService.Flows.Settings; settings.UIBuiltIn {
		// Our page sends people to prove who they are and wants them back, so it is a place to return to.
		page, err := url.Parse(settings.UIURL)
		if err != nil {
			return nil, fmt.Errorf("selfservice.flows.settings.ui_url: %w", err)
		}
		s.returnURLs = append(s.returnURLs, page)
	}
	return s, nil
}

// vaultSecrets are the secrets that credentials are sealed with, which outlive every
// cookie: the first one writes. All that are configured read, so that what was sealed
// before secrets.cipher was set still opens.
func vaultSecrets(s config.Secrets) []string {
	var all []string
	for _, one := range slices.Concat(s.Cipher, s.Default, s.Cookie) {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// Vault seals and opens what credentials must not show. Opening draws nothing from
// rand.
func (s *Setup) Vault(rand io.Reader) identity.Vault {
	return identity.Vault{Keys: cmp.Or(s.vault, s.Keys), Rand: rand}
}

// Schema gives a configured identity schema; "" means the default one.
// The error is a 500 with id invalid_configuration.
func (s *Setup) Schema(id string) (*schema.Schema, error) {
	if id == "" {
		id = s.Identity.DefaultSchemaID
	}
	compiled, ok := s.schemas[id]
	if !ok {
		return nil, problem.New(500, "The identity schema %q is not configured.", id).Named(problem.InvalidConfiguration)
	}
	return compiled, nil
}

// Selectable says whether a person may choose a schema for a journey.
func (s *Setup) Selectable(id string) bool {
	for _, ref := range s.Identity.Schemas {
		if ref.ID == id {
			return ref.SelfserviceSelectable || id == s.Identity.DefaultSchemaID
		}
	}
	return false
}

// Lifespan is how long a session lives that begins or is renewed now.
func (s *Setup) Lifespan(of *session.Session) time.Duration {
	return s.Shortened(of, s.Session.Lifespan)
}

// Shortened is a lifespan for a session that may not be one to be remembered.
func (s *Setup) Shortened(of *session.Session, lifespan time.Duration) time.Duration {
	if own := s.Cardea.Session.RememberMe; own.Enabled && of.Transient {
		return min(lifespan, own.Lifespan)
	}
	return lifespan
}

// SchemaDocument is a configured identity schema as it was written, without
// white space. ErrNotFound for one that is not configured.
func (s *Setup) SchemaDocument(id string) (json.RawMessage, error) {
	document, ok := s.documents[id]
	if !ok {
		return nil, problem.ErrNotFound
	}
	return document, nil
}

// SchemaURL is where an identity schema can be read.
func (s *Setup) SchemaURL(id string) string {
	if known, ok := s.schemaURLs[id]; ok {
		return known
	}
	return s.schemaURL(id)
}

func (s *Setup) schemaURL(id string) string {
	return s.Public("schemas/"+base64.RawURLEncoding.EncodeToString([]byte(id)), nil)
}

// Public builds an address below the configured public URL. It never looks at
// a request.
func (s *Setup) Public(path string, query url.Values) string {
	u := *s.publicURL
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + strings.TrimPrefix(path, "/")
	u.RawQuery = query.Encode()
	return u.String()
}

// uiURL is a kind's page with a flow's id in the query.
func (s *Setup) uiURL(k Kind, id uuid.UUID) string {
	return withQuery(s.SelfService.Flows.ByKind(string(k)).UIURL, "flow", id.String())
}

// withQuery adds one parameter to an address and keeps the others.
func withQuery(address, key, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // checked when the configuration was read
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// hookNames are the hooks of a phase, in order.
type hookNames []string

func (h hookNames) has(name string) bool { return slices.Contains(h, name) }

func hooksOf(hooks []config.Hook) hookNames {
	names := make(hookNames, len(hooks))
	for i, h := range hooks {
		names[i] = h.Name
	}
	return names
}

// after gives the names of the hooks that follow a success: see afterHooks.
func (s *Setup) after(k Kind, method string) hookNames {
	return hooksOf(s.afterHooks(k, method))
}

// defaultReturn is where a journey leads that did not ask for a place.
func (s *Setup) defaultReturn(k Kind, method string) string {
	after := s.SelfService.Flows.ByKind(string(k)).After
	if own, ok := after.Methods[method]; ok && own.DefaultBrowserReturnURL != "" {
		return own.DefaultBrowserReturnURL
	}
	if after.DefaultBrowserReturnURL != "" {
		return after.DefaultBrowserReturnURL
	}
	return s.SelfService.DefaultBrowserReturnURL
}

// Factors says what the methods that can be either factor count as.
func (s *Setup) Factors() identity.Factors {
	m := &s.SelfService.Methods
	f := identity.Factors{
		CodeIsSecond:     m.Code.MFAEnabled,
		CodeIsFirst:      m.Code.PasswordlessEnabled,
		WebAuthnIsSecond: !m.WebAuthn.Config.Passwordless,
		PasskeyIsBoth:    s.Cardea.Assurance.VerifiedPasskeysAreTwoFactors,
	}
	for t, on := range map[identity.CredentialType]bool{
		identity.Password: m.Password.Enabled, identity.OIDC: m.OIDC.Enabled, identity.Passkey: m.Passkey.Enabled,
		identity.WebAuthn: m.WebAuthn.Enabled, identity.TOTP: m.TOTP.Enabled, identity.LookupSecret: m.LookupSecret.Enabled,
	} {
		if !on {
			f.Off = append(f.Off, t)
		}
	}
	return f
}

// availableAAL is the highest level an identity's credentials can reach.
func (s *Setup) availableAAL(i *identity.Identity) string {
	return identity.HighestAAL(i, s.Factors())
}
