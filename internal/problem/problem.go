// Package problem owns what goes wrong and may be told: an error with a public
// part (id, status, reason, details) and a private cause that no answer ever
// carries. It knows the status numbers of HTTP because they are the contract's
// vocabulary, but nothing of requests and responses.
//
// Invariant: Reason, Details and Top hold only what a stranger may read.
package problem

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// ID is the machine-readable name of an error, the contract of section 7.3 of
// the HTTP reference. Most errors have none.
type ID string

// The ids that clients switch on.
const (
	SessionAlreadyAvailable     ID = "session_already_available"
	SessionAAL1Required         ID = "session_aal1_required"
	SessionAAL2Required         ID = "session_aal2_required"
	SessionInactive             ID = "session_inactive"
	SessionRefreshRequired      ID = "session_refresh_required"
	SessionVerifiedRequired     ID = "session_verified_address_required"
	CSRFViolation               ID = "security_csrf_violation"
	IdentityMismatch            ID = "security_identity_mismatch"
	ReturnToForbidden           ID = "self_service_flow_return_to_forbidden"
	FlowExpired                 ID = "self_service_flow_expired"
	FlowReplaced                ID = "self_service_flow_replaced"
	FlowDisabled                ID = "self_service_flow_disabled"
	FlowRefused                 ID = "self_service_flow_refused" // by a web hook: not of the contract
	BrowserLocationChangeNeeded ID = "browser_location_change_required"
	IdentityDisabled            ID = "identity_disabled"
	InvalidConfiguration        ID = "invalid_configuration"
	Upstream                    ID = "upstream_error"
	TooManyAttempts             ID = "too_many_attempts" // our own
	SignInBlocked               ID = "sign_in_blocked"   // by a policy about unusual sign-ins; our own
)

// Error is one problem. The zero value is not useful; use the constructors.
type Error struct {
	ID      ID
	Status  int            // HTTP status of the answer
	Code    int            // the code inside the envelope; 0 means the same as Status
	Message string         // short public name of the class of problem
	Reason  string         // public explanation for a human; may be empty
	Details map[string]any // public facts of this occurrence; may be nil
	Top     map[string]any // keys beside "error" in the envelope; may be nil
	// RetryAfter is when it is worth trying again; 0 for soon.
	RetryAfter time.Duration

	cause error
}

// Error gives the private sentence for logs: reason and cause.
func (e *Error) Error() string {
	s := e.Message
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.cause }

// With returns a copy with the private cause attached.
func (e *Error) With(cause error) *Error {
	c := e.clone()
	c.cause = cause
	return c
}

// Named returns a copy with an id.
func (e *Error) Named(id ID) *Error {
	c := e.clone()
	c.ID = id
	return c
}

// After returns a copy that says when it is worth trying again, in full seconds.
func (e *Error) After(d time.Duration) *Error {
	c := e.clone()
	c.RetryAfter = d
	return c
}

// Detail returns a copy with one more public detail.
func (e *Error) Detail(key string, value any) *Error {
	c := e.clone()
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[key] = value
	return c
}

// Beside returns a copy with one more key beside "error" in the envelope.
func (e *Error) Beside(key string, value any) *Error {
	c := e.clone()
	if c.Top == nil {
		c.Top = map[string]any{}
	}
	c.Top[key] = value
	return c
}

func (e *Error) clone() *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	c.Top = maps.Clone(e.Top)
	return &c
}

// classes are the short public names by status.
var classes = map[int]string{
	400: "The request was malformed or contained invalid parameters",
	401: "The request could not be authorized",
	403: "The requested action was forbidden",
	404: "The requested resource could not be found",
	405: "The request method is not allowed here",
	409: "The resource could not be created due to a conflict",
	410: "The requested resource is gone",
	413: "The request body is too large",
	422: "The browser has to continue at another address",
	429: "Too many requests",
	499: "The client went away before the answer was ready",
	500: "An internal server error occurred, please contact the system administrator",
	502: "An upstream service did not answer as expected",
	503: "The service is not ready to answer, please try again",
	504: "An upstream service did not answer in time",
}

// New makes a problem of any status. The reason is formatted like fmt.Sprintf.
func New(status int, reason string, args ...any) *Error {
	if len(args) > 0 {
		reason = fmt.Sprintf(reason, args...)
	}
	return &Error{Status: status, Message: classes[status], Reason: reason}
}

// BadRequest is a 400: inside a flow's submission it becomes message 4000001.
func BadRequest(reason string, args ...any) *Error { return New(400, reason, args...) }

// Unauthorized is a 401.
func Unauthorized(reason string, args ...any) *Error { return New(401, reason, args...) }

// Forbidden is a 403.
func Forbidden(reason string, args ...any) *Error { return New(403, reason, args...) }

// NotFound is a 404.
func NotFound(reason string, args ...any) *Error { return New(404, reason, args...) }

// Conflict is a 409.
func Conflict(reason string, args ...any) *Error { return New(409, reason, args...) }

// Internal is a 500 whose cause stays private.
func Internal(cause error) *Error { return New(500, "").With(cause) }

// Busy is a 503: the work was refused so that the rest can go on.
func Busy(reason string, args ...any) *Error { return New(503, reason, args...) }

// ErrNotFound is what stores answer for a row that is not there. Edges show it
// as a 404 without a reason.
var ErrNotFound = errors.New("no such row")

// ConflictError is what stores answer when a unique value is taken.
type ConflictError struct {
	What  string // "identifier", "verifiable_address", "recovery_address", "external_id", "id"
	Value string // the value that is taken; private, never shown to strangers
	Type  string // credential type of an identifier, "" otherwise
}

// Error names what was taken but not by whom.
func (e *ConflictError) Error() string { return "the " + e.What + " is taken" }

// As finds the problem in an error chain, or nil.
func As(err error) *Error {
	var p *Error
	if errors.As(err, &p) {
		return p
	}
	return nil
}
