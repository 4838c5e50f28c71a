package flow

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Answer says exactly what the edge has to write: one of Location, Body or
// Problem, and what happens to the session cookie.
type Answer struct {
	Status   int
	Location string         // a redirect when not ""
	Body     any            // *View of a flow, *SignedIn, *SignedUp; nil for none
	Problem  *problem.Error // an error envelope when not nil
	Cookie   *Cookie        // the session cookie to set, nil to leave it alone
	// Continuity is the continuity cookie to set, "" to leave it alone.
	Continuity string
	// Ending is how the request went on with a journey, nil when it only read.
	Ending *Ending
}

// Cookie is a session to be put into the session cookie.
type Cookie struct {
	Token     string
	ExpiresAt time.Time
	Transient bool // it ends with the browser
}

// Page is a flow as a client sees it.
type Page struct {
	Flow         *Flow
	UI           ui.Container
	Identity     *identity.Identity // settings only
	ExchangeCode string             // only in the answer that created the flow
	Trial        *Trial             // what a login tries out; nil for the real thing
	LoginRequest json.RawMessage    // what the OAuth2 server knows of a login; nil for none
	Transient    bool               // the answer to a step that went well repeats the transient payload
	ContinueWith []Continue         // what a recovery or a change of settings leads to
}

// SignedIn is the answer to a successful login.
type SignedIn struct {
	Session      *session.Session
	Token        string // native clients only
	ContinueWith []Continue
	Traded       bool // for the codes of an exchange; there is nothing to go on with
}

// SignedUp is the answer to a successful registration.
type SignedUp struct {
	Identity     *identity.Identity
	Session      *session.Session // nil without the session hook
	Token        string           // native clients only
	ContinueWith []Continue
}

// Continue is one thing the client may do next (section 14 of the HTTP
// reference).
type Continue struct {
	Action     string
	RedirectTo string
	Token      string
	Flow       uuid.UUID
	FlowURL    string
	Address    string
}

// The actions of Continue.
const (
	RedirectBrowserTo  = "redirect_browser_to"
	SetSessionToken    = "set_ory_session_token"
	ShowVerificationUI = "show_verification_ui"
	ShowSettingsUI     = "show_settings_ui"
	ShowRecoveryUI     = "show_recovery_ui"
)

func redirect(status int, to string) *Answer { return &Answer{Status: status, Location: to} }

func envelope(p *problem.Error) *Answer { return &Answer{Status: p.Status, Problem: p} }

// goElsewhere sends the browser on: pages are redirected, applications are told
// where to go.
func (v *Visit) goElsewhere(to string) *Answer {
	if !v.JSON {
		return redirect(303, to)
	}
	return locationChange(to)
}

// locationChange tells an application where its browser has to go.
func locationChange(to string) *Answer {
	return envelope(problem.New(422, "The browser has to be sent to the address in redirect_browser_to to go on.").
		Named(problem.BrowserLocationChangeNeeded).Beside("redirect_browser_to", to))
}
