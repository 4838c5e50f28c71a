package account

import (
	"net/http"
	"net/url"

	"golang.org/x/text/language"

	"cardea/internal/flow"
	"cardea/internal/secret"
	"cardea/internal/ui"
)

// visit is one request for a page.
type visit struct {
	http.ResponseWriter
	request *http.Request
	set     *flow.Setup
	query   url.Values

	look *look
	// Who says what about the language, see speak.
	chosen, asked, own, browser []language.Tag
	locale                      *ui.Locale
	words                       ui.Words
}

// startParameters are the parameters of a start that survive a detour over a
// page. The engine judges them.
var startParameters = []string{
	"ui_locales", "return_to", "after_verification_return_to", "login_challenge", "organization", "identity_schema", "aal", "refresh", "via",
}

// startQuery is what of the page's own query belongs to the start of a journey.
func (v *visit) startQuery() url.Values {
	kept := url.Values{}
	for _, name := range startParameters {
		if v.query.Has(name) {
			kept.Set(name, v.query.Get(name))
		}
	}
	return kept
}

// start is where a journey of a kind begins.
func (v *visit) start(k flow.Kind, query url.Values) string {
	return v.set.Public("self-service/"+string(k)+"/browser", query)
}

// redirect sends the browser to an address below the public URL.
func (v *visit) redirect(to string) {
	http.Redirect(v, v.request, to, http.StatusSeeOther)
}

// keepsCookies says whether the browser brought back the cookie that every page
// gives it.
func (v *visit) keepsCookies() bool {
	name := secret.CSRFCookieName(v.set.Serve.Public.BaseURLRaw)
	for _, c := range v.request.Cookies() {
		if _, ok := secret.DecodeCSRF(c.Value); ok && c.Name == name {
			return true
		}
	}
	return false
}

// home is the front page, "" when it is not ours.
func (v *visit) home() string {
	if !v.set.SelfService.Flows.Login.UIBuiltIn {
		return ""
	}
	return v.set.Public("", nil)
}
