package config

import (
	"encoding/json"
	"time"
)

// Methods are the ways to sign up, sign in and prove a second factor.
type Methods struct {
	Password     PasswordMethod
	Profile      PlainMethod
	Link         LinkMethod
	Code         CodeMethod
	TOTP         TOTPMethod
	LookupSecret PlainMethod
	WebAuthn     WebAuthnMethod
	Passkey      PasskeyMethod
	OIDC         OIDCMethod
	B2B          B2BMethod
}

// PlainMethod has nothing to configure but whether it is on.
type PlainMethod struct {
	Enabled bool
}

// PasswordMethod settings.
type PasswordMethod struct {
	Enabled bool
	Config  PasswordConfig
}

// PasswordConfig is the password policy.
type PasswordConfig struct {
	HaveIBeenPwnedHost               string
	HaveIBeenPwnedEnabled            bool
	MaxBreaches                      int
	IgnoreNetworkErrors              bool
	MinPasswordLength                int // characters
	IdentifierSimilarityCheckEnabled bool
	MigrateHook                      MigrateHook
}

// ChecksBreaches says whether passwords that are known from breaches are refused.
func (s *Snapshot) ChecksBreaches() bool {
	return s.SelfService.Methods.Password.Config.HaveIBeenPwnedEnabled || s.Cardea.BreachedPasswords.File != ""
}

// MigrateHook asks another system whether a password is right.
type MigrateHook struct {
	Enabled bool
	Config  RequestConfig
}

// RequestConfig describes an outgoing HTTP request.
type RequestConfig struct {
	URL                string
	Method             string
	Headers            map[string]string
	Body               string // where the Jsonnet of the body is; "" for the built-in one
	Auth               *RequestAuth
	EmitAnalyticsEvent bool
}

// RequestAuth is how a request proves itself: Type "api_key" uses Config's Name,
// Value and In ("header" or "cookie"), "basic_auth" its User and Password.
type RequestAuth struct {
	Type   string
	Config struct {
		Name     string
		Value    string
		In       string
		User     string
		Password string
	}
}

// LinkMethod proves control of an address by a link.
type LinkMethod struct {
	Enabled bool
	Config  struct {
		BaseURL  string
		Lifespan time.Duration
	}
}

// CodeMethod proves control of an address by a code.
type CodeMethod struct {
	Enabled             bool // true whenever PasswordlessEnabled is
	PasswordlessEnabled bool
	MFAEnabled          bool
	Config              struct {
		Lifespan                         time.Duration
		MaxSubmissions                   int // per flow
		MissingCredentialFallbackEnabled bool
	}
}

// TOTPMethod is an authenticator app.
type TOTPMethod struct {
	Enabled bool
	Config  struct {
		Issuer string // the public host name unless configured
	}
}

// RelyingParty is what WebAuthn credentials are bound to.
type RelyingParty struct {
	ID          string
	DisplayName string
	Origin      string // deprecated; already part of Origins
	Origins     []string
	Icon        string
}

// WebAuthnMethod settings.
type WebAuthnMethod struct {
	Enabled bool
	Config  struct {
		Passwordless bool
		RP           RelyingParty
	}
}

// PasskeyMethod settings.
type PasskeyMethod struct {
	Enabled bool
	Config  struct {
		RP                     RelyingParty
		AuthenticatorSelection struct {
			Attachment       string // "platform", "cross-platform" or ""
			ResidentKey      string // "required", "preferred" or "discouraged"
			UserVerification string // likewise
		}
		Attestation struct {
			Preference string // "none", "indirect", "direct" or "enterprise"
		}
		Timeouts struct {
			Registration time.Duration // 0: the library's default
			Login        time.Duration // 0: the library's default
		}
	}
}

// OIDCMethod is signing in through other providers.
type OIDCMethod struct {
	Enabled bool
	Config  struct {
		BaseRedirectURI string // the public base URL unless configured
		Providers       []OIDCProvider
	}
}

// OIDCProvider is one provider; empty enumerations are already defaulted.
type OIDCProvider struct {
	ID                         string
	Provider                   string
	Label                      string // ID unless configured
	ClientID                   string
	ClientSecret               string
	IssuerURL                  string
	AuthURL                    string
	TokenURL                   string
	MapperURL                  string
	Scope                      []string
	MicrosoftTenant            string
	SubjectSource              string // "userinfo", "me" or "oid"
	AppleTeamID                string
	ApplePrivateKeyID          string
	ApplePrivateKey            string
	RequestedClaims            json.RawMessage // nil when not configured
	OrganizationID             string
	AdditionalIDTokenAudiences []string
	AAL2ACRValues              []string
	AAL2AMRValues              []string
	ClaimsSource               string // "id_token" or "userinfo"
	PKCE                       string // "auto", "never" or "force"
	FedCMConfigURL             string
	NetIDTokenOriginHeader     string
	AccountLinkingMode         string // "confirm_with_existing_credential" or "automatic"
	UpdateIdentityOnLogin      string // "never" or "automatic"
	// Cardea is the entry of this id in cardea.federation.providers.
	Cardea CardeaProvider
}

// Mediates says whether browsers can ask the provider by themselves (Federated
// Credential Management). Its tokens have to be such as can be checked without a code.
func (p OIDCProvider) Mediates() bool {
	switch p.Provider {
	case "generic", "google", "apple", "line":
		return p.FedCMConfigURL != ""
	case "netid":
		return p.FedCMConfigURL != "" && p.NetIDTokenOriginHeader != ""
	}
	return false
}

// CardeaFederation is what the contract cannot say about other providers.
type CardeaFederation struct {
	Order     string // in forms: "configured" or "id"
	Providers []CardeaProvider
}

// CardeaProvider is what the contract cannot say about one of them.
type CardeaProvider struct {
	ID             string
	Claims         []ClaimRule     // in place of a mapper; nil for none
	Verified       []string        // claims with addresses, "email" or "phone_number"
	Update         []AttributeRule // what a sign-in does to an attribute
	TrustedDomains []string        // of addresses that it verifies; "*" for all
}

// ClaimRule fills an attribute ("traits.name.first") with the first claim of a list.
type ClaimRule struct {
	To   string
	From []string
}

// AttributeRule is what a sign-in does to an attribute: Mode is "always", "if_empty"
// or "never".
type AttributeRule struct {
	Attribute string
	Mode      string
}

// B2BMethod lists organizations.
type B2BMethod struct {
	Config struct {
		Organizations []Organization
	}
}

// Organization is a customer with domains of its own.
type Organization struct {
	ID              string
	Label           string
	Domains         []string
	SessionLifespan time.Duration // 0: Session.Lifespan
}

// CardeaOrganization is a customer with domains and connections of its own.
type CardeaOrganization struct {
	ID              string
	Label           string
	Enabled         *bool // nil: it is
	Domains         []string
	SignIn          string        // "anywhere" or "connections"; "" for "anywhere"
	SignUp          string        // the same
	SessionLifespan time.Duration // 0: Session.Lifespan
}
