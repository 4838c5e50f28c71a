package account

import (
	"net/http"
	"net/url"
	"strings"

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
	case fault.ID == problem.SessionAAL2Required && k == flow.Settings: // nothing is wrong with the flow
		v.redirect(v.start(flow.Login, url.Values{
			"aal": {string(session.AAL2)}, "return_to": {v.set.Public(string(k), url.Values{"flow": {v.query.Get("flow")}})},
		}))
		return nil
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
	Lead    []string // said below the heading
	Change  *link    // the way out for somebody else
	Nothing string   // said instead of a form that would be empty
	Check   string   // the words before the faulty fields
	Links   []link   // other ways to go on
	SignOut *signOut
	Nav     []link // to the sections of the settings
	Label   string // of Nav
	Sheets  *sheets
}

func (p *Pages) showJourney(v *visit, shown *flow.Page) error {
	f := shown.Flow
	v.speakFor(shown, shown.Identity)
	container := v.locale.Localize(shown.UI)
	fillIn(container.Nodes, v.linked(linkCode))
	p.recognize(v.request, v.set, f, container.Nodes)
	view := journeyPage{
		frame: p.frame(v, v.words.Text(titleOf(f))),
		Check: v.words.Text("errors.fields"),
		Notes: notes(container.Messages, "note"),
		Links: v.otherWays(f),
	}
	d := &drafter{visit: v, kind: f.Kind, schemaID: f.SchemaID}
	if shown.Identity != nil {
		d.schemaID, d.username = shown.Identity.SchemaID, v.nameOf(shown.Identity)
	}
	view.Forms = d.forms(container)
	view.Faulty = d.faulty
	if d.scripted {
		view.Keys = v.asset(v.look.assets.keys)
	}
	if d.guarded {
		view.Captcha = v.asset(v.look.assets.captcha)
	}
	v.Header().Set("Content-Security-Policy", p.policy(v.set, openings{leaves: d.leaves, awaited: f.Challenge != "", guarded: d.guarded}))
	if len(view.Forms) == 0 {
		view.Nothing = v.words.Text("nothing")
	}
	if f.Kind != flow.Settings || len(view.Faulty) > 0 {
		focus(view.Forms, view.Notes)
	}
	if len(view.Faulty) > 0 || hasError(view.Notes) {
		view.Title = v.words.Text("error.prefix", "title", view.Title)
	}
	view.lead(v, shown)
	if f.State == flow.SentEmail {
		comfort(view.Forms, v.words.Text("code.elsewhere"))
	}
	if err := p.surround(v, f, &view); err != nil {
		return err
	}
	return p.render(v, http.StatusOK, "journey", &view)
}

// lead says below the heading for whom and what for this is.
func (view *journeyPage) lead(v *visit, shown *flow.Page) {
	f := shown.Flow
	say := func(text string) {
		if text != "" {
			view.Lead = append(view.Lead, text)
		}
	}
	if name := clientOf(shown.LoginRequest).name(); name != "" {
		say(v.words.Text("login.client", "client", name))
	}
	if f.Kind == flow.Login {
		if who := hiddenIdentifier(view.Forms); who != "" {
			say(v.words.Text("login.as", "who", who))
			if !f.Refresh {
				view.Change = &link{Href: v.start(f.Kind, keep(f)), Text: v.words.Text("login.change")}
			}
		}
	}
	if f.State == flow.ChooseMethod && len(view.Notes) == 0 {
		say(v.words.Maybe(string(f.Kind) + ".text"))
	}
}

// surround adds what stands around the forms: the way out of a sign-in that has
// begun, and in the settings what no flow has.
func (p *Pages) surround(v *visit, f *flow.Flow, view *journeyPage) (err error) {
	switch {
	case f.Kind == flow.Login && (f.Refresh || f.RequestedAAL == session.AAL2):
		view.SignOut, err = p.signOut(v)
	case f.Kind == flow.Settings:
		view.Wide, view.Label = true, v.words.Text("settings.sections")
		if view.Sheets, err = p.sheets(v, f, view.Forms); err != nil {
			return err
		}
		view.Nav = navigation(view.Forms, view.Sheets)
	}
	return err
}

// hiddenIdentifier is whom a sign-in form is about when it does not ask.
func hiddenIdentifier(forms []form) string {
	for _, f := range forms {
		for _, c := range f.Hidden {
			if c.Name == "identifier" {
				return c.Value
			}
		}
	}
	return ""
}

// comfort tells whoever waits for a code that nothing is lost meanwhile.
func comfort(forms []form, text string) {
	if c := first(forms, func(c *control) bool { return c.Name == "code" }); c != nil {
		n := note{ID: c.ID + "-comfort", Text: text, Class: string(ui.Info)}
		c.Notes = append(c.Notes, n)
		c.DescribedBy = strings.TrimSpace(c.DescribedBy + " " + n.ID)
	}
}

// titleOf names the words on top of a flow's page.
func titleOf(f *flow.Flow) string {
	switch {
	case f.Kind == flow.Login && f.RequestedAAL == session.AAL2:
		return "login.second.title"
	case f.Kind == flow.Login && f.Refresh:
		return "login.refresh.title"
	case f.Kind == flow.Registration && f.Stage() == flow.Credentials:
		return "registration.choose.title"
	}
	return string(f.Kind) + ".title"
}

// keep is what another journey in place of this one has to know.
func keep(f *flow.Flow) url.Values {
	query := url.Values{}
	if f.ReturnTo != "" {
		query.Set("return_to", f.ReturnTo)
	}
	if f.Challenge != "" {
		query.Set("login_challenge", f.Challenge)
	}
	return query
}

// otherWays are the links below a form: to the other journeys and back.
func (v *visit) otherWays(f *flow.Flow) []link {
	flows := &v.set.SelfService.Flows
	query := keep(f)
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
