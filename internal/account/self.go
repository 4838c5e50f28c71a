package account

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/session"
	"cardea/internal/ui"
)

// Self is what people may do with their account beside the journeys. Whoever asks
// has to be signed in at the level that settings need; errors are problems.
type Self interface {
	// OwnSessions are the person's active sessions, that of the request first.
	OwnSessions(r *http.Request) ([]*session.Session, error)
	// EndSession ends another session of the person; uuid.Nil ends all others.
	EndSession(r *http.Request, id uuid.UUID) error
	// Export is what is kept about the person, as JSON.
	Export(r *http.Request) ([]byte, error)
	// MayDelete says whether the sign-in is recent enough to delete the account.
	MayDelete(r *http.Request) error
	// Delete deletes the account and signs the browser out.
	Delete(w http.ResponseWriter, r *http.Request) error
}

// sheets are the sections of the settings that no flow has.
type sheets struct {
	Title, Text string
	Done        string // what has just been done, "" for nothing
	Sessions    []sessionLine
	Action      string
	Token, Flow string // that the forms have to bring back
	Others, All string // buttons; "" where there is nothing to end
	Export      *door
	Delete      *door
}

// door is a section that is one link.
type door struct{ Title, Text, Href, Label string }

// sessionLine is a session as its person sees it.
type sessionLine struct {
	ID      string
	Device  string
	Current string // the word for it, "" for others
	Place   string
	Facts   []fact
	Button  string // ends it, "" for the one in use
}

// Values of the field that says which sessions end, beside ids.
const (
	endOthers = "others"
	endAll    = "all"
)

// sheets makes the sections; nil when nobody can tell about the account.
func (p *Pages) sheets(v *visit, f *flow.Flow, forms []form) (*sheets, error) {
	if !ownSettings(p, v.set) {
		return nil, nil
	}
	list, err := p.self.OwnSessions(v.request)
	if err != nil {
		return nil, err
	}
	s := &sheets{
		Title: v.words.Text("sessions.title"), Text: v.words.Text("sessions.text"), All: v.words.Text("sessions.all"),
		Action: v.place("settings/sessions"), Token: tokenOf(forms), Flow: f.ID.String(),
	}
	switch v.query.Get("done") {
	case "":
	case endOthers:
		s.Done = v.words.Text("sessions.done.others")
	default:
		s.Done = v.words.Text("sessions.done")
	}
	for i, one := range list {
		s.Sessions = append(s.Sessions, v.aboutDevice(one, i == 0))
	}
	if len(list) > 1 {
		s.Others = v.words.Text("sessions.others")
	}
	if exports(p, v.set) {
		s.Export = &door{v.words.Text("export.title"), v.words.Text("export.text"), v.place("settings/data"), v.words.Text("export.submit")}
	}
	if deletes(p, v.set) {
		s.Delete = &door{v.words.Text("delete.title"), v.words.Text("delete.text"), v.place("settings/delete"), v.words.Text("delete.title")}
	}
	return s, nil
}

// place is the address of a page of ours.
func (v *visit) place(path string) string { return local(v.set, "/"+path) }

// tokenOf is the anti-CSRF token that the forms of a page carry.
func tokenOf(forms []form) string {
	for _, f := range forms {
		for _, c := range f.Hidden {
			if c.Name == "csrf_token" {
				return c.Value
			}
		}
	}
	return ""
}

// aboutDevice describes a session by the device that it was last seen on.
func (v *visit) aboutDevice(s *session.Session, current bool) sessionLine {
	line := sessionLine{ID: s.ID.String(), Device: v.words.Text("sessions.unknown"), Button: v.words.Text("sessions.revoke")}
	if len(s.Devices) > 0 {
		d := s.Devices[len(s.Devices)-1]
		if name := v.device(deref(d.UserAgent)); name != "" {
			line.Device = name
		}
		line.Place = deref(d.Location)
	}
	if current {
		line.Current, line.Button = v.words.Text("sessions.current"), ""
	}
	if n := len(s.Methods); !current && n > 0 && slices.Contains(s.Methods[0].Signals, string(risk.NewDevice)) {
		line.Current = v.words.Text("sessions.new")
	}
	line.Facts = append(line.Facts, v.since("sessions.since", s.AuthenticatedAt))
	if !current && s.LastUsedAt.After(s.AuthenticatedAt) {
		line.Facts = append(line.Facts, v.since("sessions.active", s.LastUsedAt))
	}
	return line
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// device names browser and system; "" when neither is known.
func (v *visit) device(userAgent string) string {
	browser, system := session.Agent(userAgent)
	switch {
	case browser != "" && system != "":
		return v.words.Text("sessions.device", "browser", browser, "system", system)
	case browser != "":
		return browser
	}
	return system
}

// endSessions ends what the form says and shows the settings again.
func (p *Pages) endSessions(v *visit) error {
	back := url.Values{}
	if id := v.request.PostFormValue("flow"); id != "" {
		back.Set("flow", id)
	}
	if v.request.Method != http.MethodPost {
		v.redirect(v.set.Public("settings", back) + "#sessions")
		return nil
	}
	which := v.request.PostFormValue("end")
	id, err := uuid.Nil, error(nil)
	if which != endOthers && which != endAll {
		if id, err = uuid.Parse(which); err != nil || id == uuid.Nil {
			return problem.BadRequest("")
		}
	}
	if err := p.self.EndSession(v.request, id); err != nil {
		return p.askAgain(v, err, "settings")
	}
	if which == endAll {
		out, err := p.journeys.LogoutURL(v.request)
		if err != nil {
			return err
		}
		v.redirect(out)
		return nil
	}
	back.Set("done", "one")
	if which == endOthers {
		back.Set("done", endOthers)
	}
	v.redirect(v.set.Public("settings", back) + "#sessions")
	return nil
}

// askAgain sends people to sign in when that is all that is missing, and back.
func (p *Pages) askAgain(v *visit, err error, to string) error {
	fault := problem.As(err)
	if fault == nil {
		return err
	}
	query := url.Values{"return_to": {v.set.Public(to, nil)}}
	switch {
	case fault.ID == problem.SessionRefreshRequired:
		query.Set("refresh", "true")
	case fault.ID == problem.SessionAAL2Required:
		query.Set("aal", string(session.AAL2))
	case fault.Status != http.StatusUnauthorized:
		return err
	}
	v.redirect(v.start(flow.Login, query))
	return nil
}

// export hands out what is kept about the person, as a file.
func (p *Pages) export(v *visit) error {
	data, err := p.self.Export(v.request)
	if err != nil {
		return p.askAgain(v, err, "settings")
	}
	v.Header().Set("Content-Type", "application/json")
	v.Header().Set("Content-Disposition", `attachment; filename="account.json"`)
	_, _ = v.Write(data) // the browser may be gone
	return nil
}

// deletionPage is what the template of the deletion gets.
type deletionPage struct {
	frame
	Text, Confirm, Submit string
	Notes                 []note
	Token                 string
	Cancel                link
}

// deletion asks whether the account is to be deleted, and deletes it.
func (p *Pages) deletion(v *visit) error {
	if err := p.self.MayDelete(v.request); err != nil {
		return p.askAgain(v, err, "settings/delete")
	}
	s, err := p.journeys.Session(v.request)
	if err != nil {
		return p.askAgain(v, err, "settings/delete")
	}
	v.speakFor(nil, s.Identity)
	view := deletionPage{
		frame: p.frame(v, v.words.Text("delete.title")), Text: v.words.Text("delete.text"),
		Confirm: v.words.Text("delete.confirm"), Submit: v.words.Text("delete.submit"), Token: p.journeys.FormToken(v.request),
		Cancel: link{Href: v.set.Public("settings", nil), Text: v.words.Text("delete.cancel"), Button: true},
	}
	if v.request.Method != http.MethodPost {
		return p.render(v, http.StatusOK, "delete", &view)
	}
	if v.request.PostFormValue("confirm") != "yes" {
		view.Notes = []note{{ID: "note-0", Text: v.words.Text("delete.unconfirmed"), Class: string(ui.Error)}}
		view.Title = v.words.Text("error.prefix", "title", view.Title)
		return p.render(v, http.StatusBadRequest, "delete", &view)
	}
	if err := p.self.Delete(v, v.request); err != nil {
		return err
	}
	v.redirect(v.set.Public("signed-out", url.Values{"account": {"deleted"}}))
	return nil
}

// signedOut says that nobody is signed in any more.
func (p *Pages) signedOut(v *visit) error {
	title, text := "signed_out.title", "signed_out.text"
	if v.query.Get("account") == "deleted" {
		title, text = "delete.done.title", "delete.done.text"
	}
	return p.render(v, http.StatusOK, "notice", &notice{
		frame: p.frame(v, v.words.Text(title)), Text: v.words.Text(text), Links: v.ways(),
	})
}

// navigation links to the sections that have a name.
func navigation(forms []form, s *sheets) []link {
	var all []link
	for _, f := range forms {
		if f.Anchor != "" && !slices.ContainsFunc(all, func(l link) bool { return l.Href == "#"+f.Anchor }) {
			all = append(all, link{Href: "#" + f.Anchor, Text: f.Heading})
		}
	}
	if s == nil {
		return all
	}
	all = append(all, link{Href: "#sessions", Text: s.Title})
	if s.Export != nil {
		all = append(all, link{Href: "#data", Text: s.Export.Title})
	}
	if s.Delete != nil {
		all = append(all, link{Href: "#delete", Text: s.Delete.Title})
	}
	return all
}
