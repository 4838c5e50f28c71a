package account

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// homePage is what the template of the front page gets.
type homePage struct {
	frame
	Text    string // said to strangers
	Who     string
	Facts   []fact // about the person
	Session []fact
	Links   []link
	Doors   []link // to the parts of the settings
	SignOut *signOut
	Said    homeLabels
}

// homeLabels are the headings of the front page.
type homeLabels struct{ Facts, Session string }

// fact is one line of what is known.
type fact struct {
	Name, Value   string
	Before, After string // words around the value, which then is a time
	Time          string // RFC 3339, when the value is a time
}

// signOut is a form that ends the session.
type signOut struct {
	Action string
	Hidden []control
	Text   string
}

// home says who is signed in, or offers to sign in.
func (p *Pages) home(v *visit) error {
	s, err := p.journeys.Session(v.request)
	if fault := problem.As(err); fault != nil && fault.ID == problem.SessionAAL2Required {
		v.redirect(v.start(flow.Login, url.Values{"aal": {string(session.AAL2)}}))
		return nil
	}
	if fault := problem.As(err); fault != nil && fault.Status == http.StatusUnauthorized {
		s, err = nil, nil
	}
	if err != nil {
		return err
	}
	if s == nil {
		return p.render(v, http.StatusOK, "home", &homePage{
			frame: p.frame(v, v.words.Text("welcome.title", "name", productName(v.set))),
			Text:  v.words.Text("welcome.text"), Links: v.ways(),
		})
	}
	return p.homeOf(v, s)
}

// ways are the buttons for strangers.
func (v *visit) ways() []link {
	query := v.startQuery()
	links := []link{{Href: v.start(flow.Login, query), Text: v.words.Text("login.title"), Button: true, Primary: true}}
	if v.set.SelfService.Flows.Registration.Enabled {
		links = append(links, link{Href: v.start(flow.Registration, query), Text: v.words.Text("registration.title"), Button: true})
	}
	return links
}

func (p *Pages) homeOf(v *visit, s *session.Session) error {
	v.speakFor(nil, s.Identity)
	view := homePage{
		frame:   p.frame(v, v.words.Text("home.title")),
		Session: v.aboutSession(s),
		Said:    homeLabels{Facts: v.words.Text("home.facts"), Session: v.words.Text("home.session")},
	}
	if s.Identity != nil {
		facts := v.aboutPerson(s.Identity)
		if len(facts) > 0 {
			view.Who = v.words.Text("home.who", "who", facts[0].Value)
		}
		if len(facts) > 1 { // a single one has just been said
			view.Facts = facts
		}
	}
	view.Doors = v.doors()
	out, err := p.signOut(v)
	if err != nil {
		return err
	}
	view.SignOut = out
	return p.render(v, http.StatusOK, "home", &view)
}

// doors lead to the parts of the settings that people look for.
func (v *visit) doors() []link {
	settings := &v.set.SelfService.Flows.Settings
	if settings.UIURL == "" {
		return nil
	}
	start := v.start(flow.Settings, nil)
	if !settings.UIBuiltIn {
		return []link{{Href: start, Text: v.words.Text("settings.title"), Button: true, Primary: true}}
	}
	return []link{
		{Href: start + "#profile", Text: v.words.Text("home.profile")},
		{Href: start + "#password", Text: v.words.Text("home.security")},
		{Href: start + "#sessions", Text: v.words.Text("home.sessions")},
	}
}

// nameOf is what a person is called: the first trait that they sign in with, else
// the first of all.
func (v *visit) nameOf(i *identity.Identity) string {
	facts := v.aboutPerson(i)
	if len(facts) == 0 {
		return ""
	}
	return facts[0].Value
}

// signOut is the button that ends the session, nil when there is none. A form
// and no link, so that nothing that only looks ahead signs a person out.
func (p *Pages) signOut(v *visit) (*signOut, error) {
	address, err := p.journeys.LogoutURL(v.request)
	if fault := problem.As(err); fault != nil && fault.Status == http.StatusUnauthorized {
		return nil, nil
	}
	if err != nil || address == "" {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	out := &signOut{Text: v.words.Text("sign_out")}
	for name, values := range u.Query() {
		out.Hidden = append(out.Hidden, control{Name: name, Value: values[0]})
	}
	u.RawQuery = ""
	out.Action = u.String()
	return out, nil
}

// aboutPerson lists the traits that have a value, as the schema names them.
func (v *visit) aboutPerson(i *identity.Identity) []fact {
	s, err := v.set.Schema(i.SchemaID)
	if err != nil {
		return nil // a schema that is gone; the session is still worth showing
	}
	var traits any
	if json.Unmarshal(i.Traits, &traits) != nil {
		return nil
	}
	var facts []fact
	for _, f := range s.Fields() {
		text := traitText(below(traits, f.Path))
		if text == "" {
			continue
		}
		name := v.locale.Title(f.Title)
		if name == "" {
			name = f.Name
		}
		facts = append(facts, fact{Name: name, Value: text})
	}
	return facts
}

// traitText is a trait for reading.
func traitText(value any) string {
	list, ok := value.([]any)
	if !ok {
		return valueText(value)
	}
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = valueText(v)
	}
	return strings.Join(all, ", ")
}

func (v *visit) aboutSession(s *session.Session) []fact {
	facts := []fact{v.moment("home.since", s.AuthenticatedAt), v.moment("home.until", s.ExpiresAt)}
	var with []string
	for _, m := range s.Methods {
		name := v.words.Maybe("method." + strings.TrimSuffix(m.Method, "_recovery"))
		if name == "" {
			name = m.Method
		}
		with = append(with, name)
	}
	if len(with) > 0 {
		facts = append(facts, fact{Name: v.words.Text("home.with"), Value: strings.Join(with, ", ")})
	}
	return facts
}

// moment is a fact about a time.
func (v *visit) moment(word string, t time.Time) fact {
	return fact{Name: v.words.Text(word), Value: v.spell(t), Time: t.UTC().Format(time.RFC3339)}
}

// spell writes a time in UTC: a page without scripts cannot know another zone.
func (v *visit) spell(t time.Time) string {
	t = t.UTC()
	months := strings.Split(v.words.Text("time.months"), ", ")
	month := strconv.Itoa(int(t.Month()))
	if len(months) == 12 {
		month = months[t.Month()-1]
	}
	return v.words.Text("time.moment", "day", t.Day(), "month", month, "year", t.Year(), "clock", t.Format("15:04"))
}
