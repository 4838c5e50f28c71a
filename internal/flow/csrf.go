package flow

import "cardea/internal/problem"

// docsCSRF is where the contract's clients expect help to be linked.
const docsCSRF = "https://www.ory.com/docs/troubleshooting/csrf"

// What a developer can do about a failed anti-CSRF check.
const (
	hintAJAX   = "This looks like a call from a script in a browser. Let it send cookies (credentials: include), and make sure that the page and this service share a site."
	hintServer = "This looks like a page load or a call from a server. A server has to pass on the Cookie header of the browser it acts for."
	hintSilent = "The anti-CSRF cookie arrived, but neither the field csrf_token nor the header X-CSRF-Token did."
)

// Violation explains why the anti-CSRF check failed, as far as the request
// tells (section 8.5 of the HTTP reference).
func (c *CSRF) Violation() *problem.Error {
	p := problem.Forbidden("The request does not carry the anti-CSRF token that belongs to its browser.").
		Named(problem.CSRFViolation).Detail("docs", docsCSRF)
	hint := hintServer
	if c.AJAX {
		hint = hintAJAX
	}
	switch {
	case !c.HasCookies:
		return p.Detail("reject_reason", "No cookie was sent.").Detail("hint", hint)
	case !c.HasOurs:
		return p.Detail("reject_reason", "Cookies were sent, but the anti-CSRF cookie is not among them.").Detail("hint", hint)
	case c.Silent && !c.JSON:
		return p.Detail("hint", hintSilent)
	}
	return p.Detail("reject_reason", "The anti-CSRF cookie and the token that was sent do not belong together.").Detail("hint", hint)
}
