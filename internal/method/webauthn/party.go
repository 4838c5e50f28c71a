package webauthn

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	gowebauthn "github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// How long a browser is told to wait for somebody, unless it is configured.
const (
	patience     = 5 * time.Minute
	unverifiedIn = 2 * time.Minute // when nobody has to show who they are
)

// challengeSize is in bytes; the specification asks for 16 at least (section 13.4.3).
const challengeSize = 32

// party is the relying party of one method, as it is configured.
type party struct {
	lib     *gowebauthn.WebAuthn
	allowed []string       // models; empty: any
	roots   *x509.CertPool // that have to vouch for new keys; nil: nobody has to
}

// keyParty is the relying party of security keys.
func keyParty(s *flow.Setup) (*party, error) {
	return newParty(s, s.SelfService.Methods.WebAuthn.Config.RP, gowebauthn.Config{
		AuthenticatorSelection: protocol.AuthenticatorSelection{UserVerification: protocol.VerificationDiscouraged},
	})
}

// passkeyParty is the relying party of passkeys. In a login that asks for two factors
// the user has to be verified.
func passkeyParty(s *flow.Setup, f *flow.Flow) (*party, error) {
	c := s.SelfService.Methods.Passkey.Config
	if f.RequestedAAL == session.AAL2 {
		c.AuthenticatorSelection.UserVerification = string(protocol.VerificationRequired)
	}
	resident := c.AuthenticatorSelection.ResidentKey == string(protocol.ResidentKeyRequirementRequired)
	return newParty(s, c.RP, gowebauthn.Config{
		AttestationPreference: protocol.ConveyancePreference(c.Attestation.Preference),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			AuthenticatorAttachment: protocol.AuthenticatorAttachment(c.AuthenticatorSelection.Attachment),
			RequireResidentKey:      &resident,
			ResidentKey:             protocol.ResidentKeyRequirement(c.AuthenticatorSelection.ResidentKey),
			UserVerification:        protocol.UserVerificationRequirement(c.AuthenticatorSelection.UserVerification),
		},
		Timeouts: gowebauthn.TimeoutsConfig{Registration: timeout(c.Timeouts.Registration), Login: timeout(c.Timeouts.Login)},
	})
}

// timeout is advertised only: how long an answer counts is the flow's business.
func timeout(configured time.Duration) gowebauthn.TimeoutConfig {
	if configured > 0 {
		return gowebauthn.TimeoutConfig{Timeout: configured, TimeoutUVD: configured}
	}
	return gowebauthn.TimeoutConfig{Timeout: patience, TimeoutUVD: unverifiedIn}
}

func newParty(s *flow.Setup, rp config.RelyingParty, c gowebauthn.Config) (*party, error) {
	c.RPID, c.RPDisplayName, c.RPOrigins = rp.ID, rp.DisplayName, rp.Origins
	// Password managers answer with extensions that nobody asked for. Nothing here
	// reads them.
	c.ExtensionsUnsolicitedOutputPolicy = protocol.UnsolicitedOutputPolicyIgnore
	if c.Timeouts == (gowebauthn.TimeoutsConfig{}) {
		c.Timeouts = gowebauthn.TimeoutsConfig{Registration: timeout(0), Login: timeout(0)}
	}
	p := &party{allowed: s.Cardea.WebAuthn.AllowedAAGUIDs, roots: s.AttestationRoots}
	if (len(p.allowed) > 0 || p.roots != nil) && (c.AttestationPreference == "" || c.AttestationPreference == protocol.PreferNoAttestation) {
		c.AttestationPreference = protocol.PreferDirectAttestation // else browsers hide the model
	}
	lib, err := gowebauthn.New(&c)
	if err != nil {
		return nil, fmt.Errorf("relying party %q: %w", rp.ID, err)
	}
	p.lib = lib
	return p, nil
}

// permits says whether new keys may come from a model. A model that hides is
// none of those on a list.
func (p *party) permits(aaguid []byte) bool {
	if len(p.allowed) == 0 {
		return true
	}
	model, err := uuid.FromBytes(aaguid)
	return err == nil && slices.ContainsFunc(p.allowed, func(a string) bool { return strings.EqualFold(a, model.String()) })
}

// vouched says whether a new key comes with a chain of certificates, of which the first
// signed it, that ends at one of the roots (WebAuthn section 7.1, steps 23 and 24). That
// the statement is right was verified before; here it is asked who made it.
func (p *party) vouched(attestation protocol.AttestationObject, now time.Time) bool {
	if p.roots == nil {
		return true
	}
	chain, _ := attestation.AttStatement["x5c"].([]any)
	var leaf *x509.Certificate
	others := x509.NewCertPool()
	for n, raw := range chain {
		der, _ := raw.([]byte)
		certificate, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			return false
		case n == 0:
			leaf = certificate
		default:
			others.AddCert(certificate)
		}
	}
	if leaf == nil {
		return false // nobody, or the key itself
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: p.roots, Intermediates: others, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}

// offer begins the ceremony that makes a key (section 7.1).
func (p *party) offer(x *flow.Exec, handle []byte) (gowebauthn.SessionData, error) {
	challenge, err := x.Random(challengeSize)
	if err != nil {
		return gowebauthn.SessionData{}, err
	}
	_, begun, err := p.lib.BeginRegistration(account{handle: handle, name: p.lib.Config.RPDisplayName},
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = challenge
			return nil
		})
	if err != nil {
		return gowebauthn.SessionData{}, err
	}
	return *begun, nil
}

// ask begins the ceremony that uses a key (section 7.2): one of these, or with none
// any that the browser knows for this relying party.
func (p *party) ask(x *flow.Exec, keys []identity.SecurityKey) (gowebauthn.SessionData, error) {
	challenge, err := x.Random(challengeSize)
	if err != nil {
		return gowebauthn.SessionData{}, err
	}
	_, begun, err := p.lib.BeginDiscoverableLogin(gowebauthn.WithChallenge(challenge), gowebauthn.WithAllowedCredentials(descriptors(keys)))
	if err != nil {
		return gowebauthn.SessionData{}, err
	}
	return *begun, nil
}

// creation is what the browser is told to make a key with. The keys that are there
// already are excluded.
func (p *party) creation(s gowebauthn.SessionData, name string, there []identity.SecurityKey) (json.RawMessage, error) {
	challenge, err := challengeOf(s)
	if err != nil {
		return nil, err
	}
	c := p.lib.Config
	return json.Marshal(protocol.CredentialCreation{Response: protocol.PublicKeyCredentialCreationOptions{
		RelyingParty:           protocol.RelyingPartyEntity{ID: s.RelyingPartyID, CredentialEntity: protocol.CredentialEntity{Name: c.RPDisplayName}},
		User:                   protocol.UserEntity{ID: protocol.URLEncodedBase64(s.UserID), DisplayName: name, CredentialEntity: protocol.CredentialEntity{Name: name}},
		Challenge:              challenge,
		Parameters:             s.CredParams,
		Timeout:                milliseconds(c.Timeouts.Registration, s.UserVerification),
		CredentialExcludeList:  descriptors(there),
		AuthenticatorSelection: c.AuthenticatorSelection,
		Attestation:            c.AttestationPreference,
	}})
}

// request is what the browser is told to use a key with.
func (p *party) request(s gowebauthn.SessionData, keys []identity.SecurityKey) (json.RawMessage, error) {
	challenge, err := challengeOf(s)
	if err != nil {
		return nil, err
	}
	allow := descriptors(keys)
	if keys == nil {
		for _, id := range s.AllowedCredentialIDs {
			allow = append(allow, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
		}
	}
	return json.Marshal(protocol.CredentialAssertion{Response: protocol.PublicKeyCredentialRequestOptions{
		Challenge:          challenge,
		Timeout:            milliseconds(p.lib.Config.Timeouts.Login, s.UserVerification),
		RelyingPartyID:     s.RelyingPartyID,
		AllowedCredentials: allow,
		UserVerification:   s.UserVerification,
	}})
}

func challengeOf(s gowebauthn.SessionData) (protocol.URLEncodedBase64, error) {
	var challenge protocol.URLEncodedBase64
	err := challenge.UnmarshalJSON([]byte(`"` + s.Challenge + `"`))
	return challenge, err
}

func milliseconds(t gowebauthn.TimeoutConfig, v protocol.UserVerificationRequirement) int {
	if v == protocol.VerificationDiscouraged {
		return int(t.TimeoutUVD.Milliseconds())
	}
	return int(t.Timeout.Milliseconds())
}

func descriptors(keys []identity.SecurityKey) []protocol.CredentialDescriptor {
	var all []protocol.CredentialDescriptor
	for _, k := range keys {
		all = append(all, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID, Transport: transports(k.Transport)})
	}
	return all
}
