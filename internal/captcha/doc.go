// Package captcha owns how a client shows that it is no robot: proof of work in the
// format of ALTCHA, which needs nobody else, and the answers of Turnstile, hCaptcha and
// reCAPTCHA, whose service is asked.
//
// It refuses to decide when somebody has to show it, and what becomes of those who
// cannot. It does not know configuration, forms or storage: whoever calls makes sure
// that a proof is used once.
//
// Invariants: a challenge is good for one flow, until its end, and says how hard it is;
// nothing of that can be changed by whoever solves it. No error holds a key or an answer.
package captcha

import "errors"

// Why somebody has not shown that they are no robot. Services that cannot be asked are
// ErrUnreachable, which says nothing about the client.
var (
	ErrMissing     = errors.New("there is no answer to the challenge")
	ErrWrong       = errors.New("the answer to the challenge is wrong")
	ErrForeign     = errors.New("the challenge was made for something else")
	ErrExpired     = errors.New("the challenge is too old")
	ErrTooEasy     = errors.New("the challenge was easier than the one that is due")
	ErrUsed        = errors.New("the answer was used before")
	ErrUnreachable = errors.New("the service that judges answers cannot be asked")
)
