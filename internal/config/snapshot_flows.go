package config

import (
	"net/url"
	"time"
)

// SelfService is what people do for themselves.
type SelfService struct {
	DefaultBrowserReturnURL string
	// AllowedReturnURLs are the entries that survived the loading rules: absolute
	// URIs and absolute paths; a host may start with "*." in front of a
	// registrable domain.
	AllowedReturnURLs []*url.URL `mapstructure:"-"`
	Flows             Flows
	Methods           Methods
}

// Flows are the settings of the journeys. The five kinds share one shape; a kind
// that lacks a key has its zero value, and Enabled is true where there is no switch.
type Flows struct {
	Login        Flow
	Registration Flow
	Settings     Flow
	Recovery     Flow
	Verification Flow
	Logout       Logout
	Error        ErrorFlow
}

// ByKind gives the settings of a kind by its name, nil for an unknown one. The
// result belongs to the snapshot and must not be changed.
func (f *Flows) ByKind(name string) *Flow {
	switch name {
	case "login":
		return &f.Login
	case "registration":
		return &f.Registration
	case "settings":
		return &f.Settings
	case "recovery":
		return &f.Recovery
	case "verification":
		return &f.Verification
	}
	return nil
}

// kinds are the names that ByKind knows.
func kinds() []string {
	return []string{"login", "registration", "settings", "recovery", "verification"}
}

// Flow are the settings of one kind.
type Flow struct {
	Enabled   bool
	UIURL     string // the page browsers are sent to; "" when there is none
	UIBuiltIn bool   `mapstructure:"-"` // UIURL is one of the built-in account pages
	Lifespan  time.Duration
	Before    Before
	After     After

	Style                   string        // login: "unified", "identifier_first"; registration: "unified", "profile_first"
	LoginHints              bool          // registration
	EnableLegacyOneStep     bool          // registration; Style is already "unified" then
	PrivilegedSessionMaxAge time.Duration // settings
	RequiredAAL             string        // settings: "aal1" or "highest_available"
	Use                     string        // recovery, verification: "code" or "link"
	NotifyUnknownRecipients bool          // recovery, verification
}

// Before are the hooks that run when a flow is created.
type Before struct {
	Hooks []Hook
}

// After is what happens on success. Hooks of a method and Hooks for all methods
// are never merged; which list applies is the flow engine's rule.
type After struct {
	DefaultBrowserReturnURL string
	Hooks                   []Hook
	Methods                 map[string]AfterMethod `mapstructure:",remain"`
}

// AfterMethod is what happens on success with one method.
type AfterMethod struct {
	DefaultBrowserReturnURL string
	Hooks                   []Hook
}

// ReturnURL is the configured target after a method: the method's own, else the
// flow's, else "", which stands for SelfService.DefaultBrowserReturnURL.
func (a *After) ReturnURL(method string) string {
	if u := a.Methods[method].DefaultBrowserReturnURL; u != "" {
		return u
	}
	return a.DefaultBrowserReturnURL
}

// Logout settings.
type Logout struct {
	ClearBrowserData bool
	After            struct {
		DefaultBrowserReturnURL string
	}
}

// ErrorFlow is the page that shows errors to browsers.
type ErrorFlow struct {
	UIURL     string
	UIBuiltIn bool `mapstructure:"-"`
}
