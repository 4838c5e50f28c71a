package config

import (
	"io/fs"
	"net"
	"net/url"
	"strings"
)

// Serve says where the two ports listen.
type Serve struct {
	Public PublicEndpoint
	Admin  Endpoint
}

// PublicEndpoint is the port that people and applications reach.
type PublicEndpoint struct {
	Endpoint `mapstructure:",squash"`
	CORS     CORS
}

// Endpoint is one listening address and how the world sees it.
type Endpoint struct {
	Host       string // interface, or "unix:/path" for a socket
	Port       int
	BaseURL    *url.URL // as configured, or derived from host and port
	BaseURLRaw string   `mapstructure:"-"` // the text of BaseURL exactly as configured, trailing slash or not
	Socket     Socket
	TLS        TLS
	RequestLog RequestLog
}

// Socket is the owner and mode of a Unix socket.
type Socket struct {
	Owner string // user name
	Group string // group name
	Mode  fs.FileMode
}

// TLS is on when both halves are given.
type TLS struct {
	Key  PEMSource
	Cert PEMSource
}

// Enabled says whether a complete pair is configured.
func (t TLS) Enabled() bool {
	return t.Key.Base64 != "" && t.Cert.Base64 != "" || t.Key.Path != "" && t.Cert.Path != ""
}

// PEMSource is a PEM document in the configuration or in a file. A complete pair
// in base64 wins over a pair of paths.
type PEMSource struct {
	Path   string
	Base64 string
}

// RequestLog says which requests are not logged.
type RequestLog struct {
	DisableForHealth bool
}

// CORS of the public port.
type CORS struct {
	Enabled            bool
	AllowedOrigins     []string // without the patterns that loading refused
	AllowedMethods     []string
	AllowedHeaders     []string
	ExposedHeaders     []string
	AllowCredentials   bool
	OptionsPassthrough bool
	MaxAge             int // seconds
	Debug              bool
}

// Local says whether only this machine reaches the endpoint: it is a Unix socket or
// on the loopback interface.
func (e Endpoint) Local() bool {
	if strings.HasPrefix(e.Host, "unix:") || strings.EqualFold(e.Host, "localhost") {
		return true
	}
	ip := net.ParseIP(e.Host)
	return ip != nil && ip.IsLoopback()
}

// AdminGuarded says whether the admin port asks for credentials: an API key or a
// client certificate. It does where others than this machine reach it, unless the
// operator has opened it, and wherever client certificates are set up.
func (s *Snapshot) AdminGuarded() bool {
	if s.Cardea.Admin.ClientCA != "" {
		return true
	}
	return !s.Cardea.Admin.Open && !s.Serve.Admin.Local()
}
