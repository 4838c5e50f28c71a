package oidc

// fault says at which step of a sign-in something was wrong, in the contract's words.
// Only trials tell; everywhere else it is the error that it holds.
type fault struct {
	step, reason string
	error
}

// Unwrap gives the error.
func (f *fault) Unwrap() error { return f.error }

// at notes the step of an error; nil stays nil.
func at(step, reason string, err error) error {
	if err == nil {
		return nil
	}
	return &fault{step, reason, err}
}

// The steps of a sign-in.
const (
	stepState    = "state_validate"
	stepDenied   = "provider_denied"
	stepExchange = "token_exchange"
	stepToken    = "id_token_verify"
	stepClaims   = "claims_decode"
	stepCallback = "callback"
	stepMapper   = "jsonnet_run"
	stepSchema   = "schema_validate"
)
