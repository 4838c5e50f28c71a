package account

import (
	"net/http"
	"net/url"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// cookieCheck marks the detour that finds out whether the browser keeps cookies.
const cookieCheck = "cookies"

// journey shows a flow. Without one that this browser may see, a new one begins.
func (p *Pages) journey(v *visit, k flow.Kind) error {
	switch {
	case v.query.Has(cookieCheck) && !v.keepsCookies():
		return p.cookiesOff(v, k)
	case v.query.Get("flow") == "":
		v.redirect(v.start(k, v.startQuery()))
		return nil
	case takesToken(k) && v.linked(linkToken) != "":
		return p.confirmLink(v, k, v.linked(linkToken))
	}
	shown, err := p.journeys.Page(v.request, k, v.query.Get("flow"))
	if fault := problem.As(err); fault != nil && fault.Status == http.StatusForbidden && v.linked(linkCode) != "" {
		return p.elsewhere(v, k)
	}
	if err != nil {
		return p.startAfresh(v, k, err)
	}
	return p.showJourney(v, shown)
}

// startAfresh begins a new flow in place of one that cannot be shown.
//
// A browser that does not keep cookies owns no flow, so the new one could not be
// shown either. Such a browser makes a detour: this answer carries the anti-CSRF
// cookie as every page does, and the address with the mark shows whether it comes
// back. With the cookie the new flow is bound to it, and the circle is broken.
func (p *Pages) startAfresh(v *visit, k flow.Kind, err error) error {
	fault := problem.As(err)
	switch {
	case fault == nil:
		return err
	case fault.Status >= 500 || fault.Status == http.StatusTooManyRequests:
		return err
	}
	query := v.startQuery()
	if to, ok := fault.Details["return_to"].(string); ok && !query.Has("return_to") && to != "" {
		query.Set("return_to", to)
	}
	if v.keepsCookies() {
		v.redirect(v.start(k, query))
		return nil
	}
	query.Set(cookieCheck, "check")
	v.redirect(v.set.Public(string(k), query))
	return nil
}

// cookiesOff explains why nothing works without cookies.
func (p *Pages) cookiesOff(v *visit, k flow.Kind) error {
	return p.render(v, http.StatusBadRequest, "notice", notice{
		frame: p.frame(v, v.words.Text("cookies.title")),
		Text:  v.words.Text("cookies.text"),
		Links: []link{{Href: v.set.Public(string(k), v.startQuery()), Text: v.words.Text("again"), Button: true, Primary: true}},
	})
}

// journeyPage is what the template of a flow gets.
type journeyPage struct {
	frame
	Notes   []note // about the form as a whole
	Faulty  []link // fields whose value was not accepted
	Forms   []form
	Nothing string // said instead of a form that would be empty
	Check   string // the words before the faulty fields
	Links   []link // other ways to go on
	SignOut *signOut
}

func (p *Pages) showJourney(v *visit, shown *flow.Page) error {
	f := shown.Flow
	v.speakFor(shown, shown.Identity)
	container := v.locale.Localize(shown.UI)
	fillIn(container.Nodes, v.linked(linkCode))
	view := journeyPage{
		frame: p.frame(v, v.words.Text(titleOf(f))),
		Check: v.words.Text("errors.fields"),
		Notes: notes(container.Messages, "note"),
		Links: v.otherWays(f),
	}
	d := &drafter{visit: v, kind: f.Kind}
	view.Forms = d.forms(container)
	view.Faulty = d.faulty
	if d.scripted {
		view.Script = local(v.set, p.assets.script)
	}
	v.Header().Set("Content-Security-Policy", policy(v.set, openings{script: d.scripted, leaves: d.leaves, awaited: f.Challenge != ""}))
	if len(view.Forms) == 0 {
		view.Nothing = v.words.Text("nothing")
	}
	if f.Kind != flow.Settings || len(view.Faulty) > 0 {
		focus(view.Forms, view.Notes)
	}
	if len(view.Faulty) > 0 || hasError(view.Notes) {
		view.Title = v.words.Text("error.prefix", "title", view.Title)
	}
	if f.Kind == flow.Login && (f.Refresh || f.RequestedAAL == session.AAL2) {
		out, err := p.signOut(v)
		if err != nil {
			return err
		}
		view.SignOut = out
	}
	return p.render(v, http.StatusOK, "journey", view)
}

// titleOf names the words on top of a flow's page.
func titleOf(f *flow.Flow) string {
	switch {
	case f.Kind == flow.Login && f.RequestedAAL == session.AAL2:
		return "login.second.title"
	case f.Kind == flow.Login && f.Refresh:
		return "login.refresh.title"
	}
	return string(f.Kind) + ".title"
}

// otherWays are the links below a form: to the other journeys and back.
func (v *visit) otherWays(f *flow.Flow) []link {
	flows := &v.set.SelfService.Flows
	query := url.Values{}
	if f.ReturnTo != "" {
		query.Set("return_to", f.ReturnTo)
	}
	if f.Challenge != "" {
		query.Set("login_challenge", f.Challenge)
	}
	to := func(k flow.Kind, word string) link {
		return link{Href: v.start(k, query), Lead: v.words.Maybe(word + ".lead"), Text: v.words.Text(word)}
	}
	var links []link
	switch {
	case f.Kind == flow.Login && !f.Refresh && f.RequestedAAL != session.AAL2:
		if flows.Registration.Enabled {
			links = append(links, to(flow.Registration, "to.registration"))
		}
		if flows.Recovery.Enabled {
			links = append(links, to(flow.Recovery, "to.recovery"))
		}
	case f.Kind == flow.Registration:
		links = append(links, to(flow.Login, "to.login"))
	case f.Kind == flow.Recovery:
		links = append(links, to(flow.Login, "to.login.back"))
	default:
		if home := v.home(); home != "" {
			links = append(links, link{Href: home, Text: v.words.Text("to.home")})
		}
	}
	return links
}

// note is something a person is told.
type note struct {
	ID    string
	Text  string
	Class string // info, error or success
}

// Role makes assistive technology read errors out, and the rest when there is
// time for it.
func (n note) Role() string {
	if n.Class == string(ui.Error) {
		return "alert"
	}
	return "status"
}

// notes numbers messages below a prefix.
func notes(messages []ui.Message, prefix string) []note {
	var all []note
	for i, m := range messages {
		all = append(all, note{ID: prefix + "-" + number(i), Text: m.Text, Class: class(m.Type)})
	}
	return all
}

// class keeps foreign message types out of the page.
func class(t ui.MessageType) string {
	switch t {
	case ui.Error, ui.Success:
		return string(t)
	}
	return string(ui.Info)
}

func hasError(all []note) bool {
	for _, n := range all {
		if n.Class == string(ui.Error) {
			return true
		}
	}
	return false
}
