package flow

import (
	"net/url"

	"cardea/internal/payload"
)

// LinkTo is the address, for a mail, that does what a secret is for. Our own page
// asks before it sends the secret on, because mail scanners open links, too. Pages
// of others know nothing of that, so there opening the link is enough, as the
// contract has it.
func (s *Setup) LinkTo(f *Flow, parameter, secret string) string {
	if page := s.SelfService.Flows.ByKind(string(f.Kind)); page.UIBuiltIn {
		return withQuery(s.uiURL(f.Kind, f.ID), parameter, secret)
	}
	return s.Public("self-service/"+string(f.Kind), url.Values{"flow": {f.ID.String()}, parameter: {secret}})
}

// ScreenWith is the address, for a mail, of the screen on which a code is entered;
// the code is in it for pages that fill it in. Opening it does nothing, and shows
// the screen to the browser alone that began the flow: signing in elsewhere must not
// take more than a click on somebody else's mail. "" for a native flow, which has no
// page.
func (s *Setup) ScreenWith(f *Flow, code string) string {
	if f.Type != Browser {
		return ""
	}
	return withQuery(s.uiURL(f.Kind, f.ID), "code", code)
}

// follow finds out whether a link in a mail was opened. Whoever began the flow
// and whatever the request accepts, a link is opened by a page.
func (r *run) follow() {
	for _, s := range r.steps[r.kind.name] {
		if s.Link == "" || !r.followed(s) {
			continue
		}
		v := *r.Visit
		v.JSON, v.AcceptsJSON, v.Page = false, false, true
		r.Visit, r.opened = &v, true
		return
	}
}

// followed says whether the request is one that a link leads to: the link itself,
// or the button of the page that asks first.
func (r *run) followed(s *Step) bool {
	if r.Get {
		return r.Query.Has(s.Link)
	}
	if s.opens || r.Method != "POST" || !r.Page {
		return false
	}
	body, err := r.read()
	return err == nil && body.First(s.Link) != ""
}

// client is the kind of flow that the client of this request goes on with.
func (r *run) client() Type {
	if r.opened {
		return Browser
	}
	return r.flow.Type
}

// rebind gives a browser's flow to the browser of this request, with a new
// anti-CSRF token.
func (r *run) rebind() {
	r.CSRF.Rotate(r.rand)
	if r.flow.Type == Browser {
		r.flow.CSRFHash = r.CSRF.Hash()
	}
}

// read reads what was submitted, once for guards and steps.
func (r *run) read() (*payload.Body, error) {
	if r.body != nil {
		return r.body, nil
	}
	body, err := r.Read()
	r.body = body
	return body, err
}

// handedOutKey marks flows that an operator hands out: they belong to whoever
// has their address, not to the browser that began them.
const handedOutKey = "handed_out"

func (f *Flow) handedOut() bool { return f.Facts[handedOutKey] != nil }
