package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Snapshot is one complete, validated configuration. Field names follow the keys
// of the file; durations, sizes and addresses are parsed, and everything that has
// a default or is derived from another key is filled in. Nothing in it may be
// changed, also not through its slices, maps and pointers.
type Snapshot struct {
	DSN               string
	Version           string
	Revision          string
	Dev               bool // development mode: --dev, DEV=true, or no installation configured
	SQAOptOut         bool
	WatchCourier      bool
	ExposeMetricsPort int

	Serve          Serve
	Secrets        Secrets
	Ciphers        Ciphers
	Hashers        Hashers
	Cookies        Cookies
	Session        Session
	Security       Security
	Clients        Clients
	SelfService    SelfService
	Identity       Identity
	Courier        Courier
	Log            Log
	Tracing        Tracing
	Database       Database
	OAuth2Provider OAuth2Provider
	Preview        Preview
	FeatureFlags   FeatureFlags
	Cardea         Cardea

	// Development says that no installation was configured and the built-in
	// development settings (Options.Defaults) are in force.
	Development bool `mapstructure:"-"`
	// Warnings are things that were accepted but will surprise somebody.
	Warnings []Issue `mapstructure:"-"`
	// Unsupported are keys that were set and that Cardea does not act on yet.
	Unsupported []Issue `mapstructure:"-"`

	files   []file
	layers  layers
	opts    Options
	remarks []Issue // the warnings of loading, without those of deriving
}

// Mark tells this configuration from another one: its revision, or else the
// SHA-256 of all values that are in force, in hexadecimal.
func (s *Snapshot) Mark() (string, error) {
	if s.Revision != "" {
		return s.Revision, nil
	}
	content, err := json.Marshal(s.layers.tree)
	if err != nil {
		return "", fmt.Errorf("a mark of the configuration: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// String hides the content: a configuration is full of secrets.
func (s *Snapshot) String() string { return "configuration (hidden)" }

// GoString hides the content like String.
func (s *Snapshot) GoString() string { return s.String() }

// LogValue hides the content like String.
func (s *Snapshot) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Secrets are key lists: the first entry writes, all entries read.
type Secrets struct {
	Default    []string
	Cookie     []string // falls back to Default
	Cipher     []string // exactly 32 bytes each; empty when not configured
	Pagination []string // falls back to Default
}

// Ciphers selects the encryption of stored values: "noop", "aes" or
// "xchacha20-poly1305".
type Ciphers struct {
	Algorithm string
}

// Hashers describes password hashes: Algorithm ("bcrypt" or "argon2") makes new ones.
type Hashers struct {
	Algorithm string
	Bcrypt    Bcrypt
	Argon2    Argon2
}

// Bcrypt cost is a power of two.
type Bcrypt struct {
	Cost           int // in force: at least 12 outside of development mode
	ConfiguredCost int `mapstructure:"-"` // as written
}

// Argon2 parameters have the types and units of golang.org/x/crypto/argon2.
type Argon2 struct {
	Memory            ByteSize
	MemoryKiB         uint32 `mapstructure:"-"` // Memory in KiB
	Iterations        uint32
	Parallelism       uint8
	SaltLength        uint32 // bytes
	KeyLength         uint32 // bytes
	ExpectedDuration  time.Duration
	ExpectedDeviation time.Duration
	DedicatedMemory   ByteSize
}

// Cookies are the attributes of every cookie that says nothing else.
type Cookies struct {
	Domain   string
	Path     string
	SameSite string // "Strict", "Lax" or "None"
	Secure   bool   `mapstructure:"-"` // true outside of development mode unless configured
}

// Session settings.
type Session struct {
	Lifespan               time.Duration
	EarliestPossibleExtend time.Duration // Lifespan, that is always, unless configured
	Cookie                 SessionCookie
	WhoAmI                 WhoAmI
}

// SessionCookie attributes fall back to Cookies.
type SessionCookie struct {
	Name       string
	Domain     string
	Path       string
	Persistent bool // carries Max-Age, so it outlives the browser window
	SameSite   string
	Secure     bool `mapstructure:"-"`
}

// WhoAmI settings of the session check.
type WhoAmI struct {
	RequiredAAL string // "aal1" or "highest_available"
	Tokenizer   Tokenizer
}

// Tokenizer holds the templates of JSON Web Tokens made from sessions, by name.
type Tokenizer struct {
	Templates map[string]TokenizerTemplate
}

// TokenizerTemplate describes one kind of token.
type TokenizerTemplate struct {
	TTL             time.Duration // 0: session.DefaultTTL
	ClaimsMapperURL string
	JWKSURL         string
	SubjectSource   string // "id" or "external_id"
}

// Security settings.
type Security struct {
	AccountEnumeration           AccountEnumeration
	DisallowRefInIdentitySchemas bool
}

// AccountEnumeration protection: answers do not tell whether an account exists.
type AccountEnumeration struct {
	Mitigate bool
}

// Clients are limits on outgoing calls.
type Clients struct {
	HTTP    HTTPClient
	SMTP    SMTPClient
	WebHook WebHookClient
}

// HTTPClient limits outgoing HTTP requests.
type HTTPClient struct {
	DisallowPrivateIPRanges bool
	PrivateIPExceptionURLs  []string // globs with the separators "." and "/"
}

// SMTPClient limits mail connections.
type SMTPClient struct {
	DisallowPrivateIPRanges bool
}

// WebHookClient lists the request headers that hooks are told, canonical names.
type WebHookClient struct {
	HeaderAllowlist []string
}

// Identity lists the identity schemas.
type Identity struct {
	DefaultSchemaID string
	Schemas         []SchemaRef
}

// SchemaRef names one identity schema and where to read it.
type SchemaRef struct {
	ID                    string
	URL                   string // file://, http(s):// or base64://
	SelfserviceSelectable bool
}

// Log settings.
type Log struct {
	Level               string // trace, debug, info, warning, error, fatal or panic
	Format              string // "text" or "json"
	LeakSensitiveValues bool
	RedactionText       string
}

// Tracing settings; Provider is empty when there is none.
type Tracing struct {
	Provider              string // "jaeger", "otel" or "zipkin"
	ServiceName           string
	DeploymentEnvironment string
	Providers             TracingProviders
	// Export is what comes of all this and of the variables of OpenTelemetry.
	Export TraceExport `mapstructure:"-"`
}

// TraceExport says where traces go: to a collector that takes OTLP over HTTP.
type TraceExport struct {
	URL      string            // of the traces; "" when none are sent
	Headers  map[string]string // of each request
	Resource map[string]string // attributes of this process, without its version
	Ratio    float64           // of the traces that begin here and are kept
	Alone    bool              // the ratio decides, too, where a caller has decided
}

// TracingProviders are the settings of each provider.
type TracingProviders struct {
	Jaeger JaegerTracing
	Zipkin ZipkinTracing
	OTLP   OTLPTracing
}

// JaegerTracing sends to a local agent.
type JaegerTracing struct {
	LocalAgentAddress string // host:port
	Sampling          struct {
		ServerURL    string
		TraceIDRatio float64
	}
}

// ZipkinTracing keeps no traces until its ratio is set.
type ZipkinTracing struct {
	ServerURL string
	Sampling  SamplingRatio
}

// OTLPTracing sends OTLP over HTTP.
type OTLPTracing struct {
	ServerURL           string // host:port
	Insecure            bool
	Sampling            SamplingRatio
	AuthorizationHeader string
}

// SamplingRatio is the share of traces that are kept, 0 to 1.
type SamplingRatio struct {
	SamplingRatio float64
}

// Database housekeeping.
type Database struct {
	Cleanup Cleanup
}

// Cleanup of expired rows.
type Cleanup struct {
	BatchSize int // rows per table and run
	Sleep     struct {
		Tables time.Duration // pause between two tables
	}
	OlderThan time.Duration
}

// OAuth2Provider is the OAuth2 server whose login challenges are answered here.
type OAuth2Provider struct {
	URL              string // its admin API; empty when there is none
	Headers          map[string]string
	OverrideReturnTo bool
}

// Preview settings.
type Preview struct {
	DefaultReadConsistencyLevel string // "strong" or "eventual"
}

// FeatureFlags switch single behaviours.
type FeatureFlags struct {
	CacheableSessions                    bool
	CacheableSessionsMaxAge              time.Duration // 0: no cap
	UseContinueWithTransitions           bool
	ChooseRecoveryAddress                bool
	LegacyContinueWithVerificationUI     bool
	LegacyRequireVerifiedLoginError      bool
	FasterSessionExtend                  bool
	PasswordProfileRegistrationNodeGroup string
	LegacyOIDCRegistrationNodeGroup      bool
	LegacyAllowInsecureOrigins           bool
	RefreshLoginChooseAddress            bool
}
