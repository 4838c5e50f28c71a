package flow

import "cardea/internal/payload"

// follow finds out whether a link in a mail was opened. Whoever began the flow
// and whatever the request accepts, a link is opened by a page.
func (r *run) follow() {
	if !r.Get {
		return
	}
	for _, s := range r.steps[r.kind.name] {
		if s.Link == "" || !r.Query.Has(s.Link) {
			continue
		}
		v := *r.Visit
		v.JSON, v.AcceptsJSON, v.Page = false, false, true
		r.Visit, r.opened = &v, true
		return
	}
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
