package account

import (
	"cmp"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/text/language"

	"cardea/internal/flow"
	"cardea/internal/identity"
)

// The language of a page is what the person chose in the menu, else what the
// journey was started with, else what the identity says, else what the browser
// prefers. The choice goes first, because a menu that changes nothing is broken.

// chooseParameter is the parameter with which the menu's links choose a language.
const chooseParameter = "lang"

// yearInSeconds is how long a choice is kept.
const yearInSeconds = 365 * 24 * 60 * 60

// listen finds out about the language from what the request says by itself.
func (v *visit) listen() {
	if c, err := v.request.Cookie(flow.LanguageCookie); err == nil {
		v.chosen = tags(c.Value)
	}
	// A header that cannot be read is no preference.
	v.browser, _, _ = language.ParseAcceptLanguage(v.request.Header.Get("Accept-Language"))
	v.speak()
}

// speakFor takes what a flow and an identity say about the language; both may be nil.
func (v *visit) speakFor(shown *flow.Page, i *identity.Identity) {
	if shown != nil {
		v.asked = append(askedLanguages(shown.Flow.RequestURL), clientOf(shown.LoginRequest).languages()...)
	}
	if i != nil {
		v.own = tags(i.Language())
	}
	v.speak()
}

// speak settles on a language that there is. Each voice is asked alone: a language
// that the next one wants must not win because it is closer to what this one wants.
func (v *visit) speak() {
	for _, wanted := range [][]language.Tag{v.chosen, v.asked, v.own, v.browser} {
		if l, ok := v.look.catalogue.Speaks(wanted...); ok {
			v.locale, v.words = l, l.Pages()
			return
		}
	}
	v.locale = v.look.catalogue.Locale()
	v.words = v.locale.Pages()
}

// askedLanguages are those that a journey was started with: ui_locales as OpenID
// Connect has it (Core, section 3.1.2.1), or lang.
func askedLanguages(requestURL string) []language.Tag {
	u, err := url.Parse(requestURL)
	if err != nil {
		return nil
	}
	query := u.Query()
	return tags(query.Get("ui_locales") + " " + query.Get(chooseParameter))
}

// client is what an OAuth2 server says about the application that a person signs in
// to; its zero value is none.
type client struct {
	Client struct {
		Name string `json:"client_name"`
		ID   string `json:"client_id"`
	} `json:"client"`
	Context struct {
		Locales []string `json:"ui_locales"`
	} `json:"oidc_context"`
}

// clientOf reads a login request as it came; one that cannot be read says nothing.
func clientOf(request json.RawMessage) client {
	var c client
	if len(request) == 0 || json.Unmarshal(request, &c) != nil {
		return client{}
	}
	return c
}

// name is what the application is called, "" for none.
func (c client) name() string { return cmp.Or(c.Client.Name, c.Client.ID) }

func (c client) languages() []language.Tag { return tags(strings.Join(c.Context.Locales, " ")) }

// tags reads languages that are divided by spaces, and leaves out what is none.
func tags(list string) []language.Tag {
	const most = 100 // bytes; what is longer is no list of languages
	if len(list) > most {
		return nil
	}
	var all []language.Tag
	for _, name := range strings.Fields(list) {
		if tag, err := language.Parse(strings.ReplaceAll(name, "_", "-")); err == nil {
			all = append(all, tag)
		}
	}
	return all
}

// choose keeps the language that a link of the menu chose and shows the page again,
// without the choice in its address. It reports whether it answered.
func (p *Pages) choose(v *visit) bool {
	name := v.query.Get(chooseParameter)
	if name == "" {
		return false
	}
	query := v.query
	query.Del(chooseParameter)
	for _, l := range v.look.catalogue.Languages() {
		if l.Tag.String() != name {
			continue
		}
		http.SetCookie(v, &http.Cookie{
			Name: flow.LanguageCookie, Value: name, Path: v.set.Cookies.Path, Domain: v.set.Cookies.Domain, MaxAge: yearInSeconds,
			Secure: v.set.Cookies.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		v.redirect(v.set.Public(strings.TrimPrefix(v.request.URL.Path, "/"), query))
		return true
	}
	return false
}

// languageLink is a line of the language menu. Link is all of it at once: written
// piece by piece by the template, the menu was a third of the work for a page.
type languageLink struct {
	Link                 template.HTML
	Tag, Direction, Name string
	Current              bool
}

// menu lists the languages there are; nil when there is only one.
func (v *visit) menu() []languageLink {
	all := v.look.catalogue.Languages()
	if len(all) < 2 {
		return nil
	}
	query := maps.Clone(v.query)
	query.Del(chooseParameter)
	start := "?"
	if rest := query.Encode(); rest != "" {
		start += rest + "&"
	}
	start += chooseParameter + "="
	lines := make([]languageLink, len(all))
	for i, l := range all {
		lines[i] = languageLink{Tag: l.Tag.String(), Direction: l.Direction(), Name: l.Name, Current: l.Tag == v.locale.Tag()}
		lines[i].Link = lines[i].html(start + lines[i].Tag)
	}
	return lines
}

func (l *languageLink) html(href string) template.HTML {
	var a attributes
	a.set("href", href)
	a.set("hreflang", l.Tag)
	a.set("lang", l.Tag)
	a.set("dir", l.Direction)
	a.set("rel", "nofollow")
	if l.Current {
		a.set("aria-current", "true")
	}
	return template.HTML("<a " + a.String() + ">" + template.HTMLEscapeString(l.Name) + "</a>")
}

// languageName is what the page's language calls itself.
func (v *visit) languageName() string {
	for _, l := range v.look.catalogue.Languages() {
		if l.Tag == v.locale.Tag() {
			return l.Name
		}
	}
	return ""
}
