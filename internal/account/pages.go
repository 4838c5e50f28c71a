package account

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
	"cardea/web"
)

// Journeys are the questions a page asks about the browser that requested it.
// Errors are problems.
type Journeys interface {
	// Setup is the configuration in force.
	Setup() *flow.Setup
	// Page reads a flow with the checks of the fetch endpoint: the browser owns it
	// and its time is not over.
	Page(r *http.Request, k flow.Kind, id string) (*flow.Page, error)
	// Session is who is signed in, nil for nobody.
	Session(r *http.Request) (*session.Session, error)
	// LogoutURL is the address that signs the browser out, "" for nobody.
	LogoutURL(r *http.Request) (string, error)
	// Failure reads an error that a journey sent the browser here with.
	Failure(r *http.Request, id string) (*problem.Error, error)
}

// Options are the parts the pages are made of.
type Options struct {
	Journeys  Journeys
	Catalogue *ui.Catalogue
	Mailbox   Mailbox      // nil for none
	Files     fs.FS        // css and icons; nil for the embedded ones
	Log       *slog.Logger // for failures of ours; nil for none
}

// Pages serves the built-in pages. Safe for concurrent use.
type Pages struct {
	journeys  Journeys
	mailbox   Mailbox
	catalogue *ui.Catalogue
	templates *templates
	assets    *assets
	log       *slog.Logger
}

// New reads templates and assets. An error names the one that is broken.
func New(o Options) (*Pages, error) {
	if o.Files == nil {
		o.Files = web.Files
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pages{journeys: o.Journeys, mailbox: o.Mailbox, catalogue: o.Catalogue, log: o.Log}
	var errs [2]error
	p.templates, errs[0] = parseTemplates()
	p.assets, errs[1] = readAssets(o.Files)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return p, nil
}

// page answers for one address.
type page func(p *Pages, v *visit) error

// route gives the page of a path when the configuration leaves it to us: the
// page of a kind that has no other ui_url, and the front page when that is so
// for signing in. The mailbox is there in development mode.
func (p *Pages) route(set *flow.Setup, path string) page {
	if path == MailboxPath && p.mailbox != nil && mailboxOpen(set) {
		return (*Pages).mail
	}
	if !set.Cardea.Account.Enabled {
		return nil
	}
	flows := &set.SelfService.Flows
	name := strings.TrimPrefix(path, "/")
	switch {
	case name == "" && flows.Login.UIBuiltIn:
		return (*Pages).home
	case name == trialPath && flows.Login.UIBuiltIn:
		return (*Pages).trial
	case name == "error" && flows.Error.UIBuiltIn:
		return (*Pages).failure
	}
	if f := flows.ByKind(name); f != nil && f.UIBuiltIn {
		return func(p *Pages, v *visit) error { return p.journey(v, flow.Kind(name)) }
	}
	return nil
}

// serves says whether any page is ours, and so the assets.
func (p *Pages) serves(set *flow.Setup) bool {
	for _, path := range []string{MailboxPath, "/login", "/registration", "/settings", "/recovery", "/verification", "/error"} {
		if p.route(set, path) != nil {
			return true
		}
	}
	return false
}

// Claims says whether an address is a page or an asset of ours.
func (p *Pages) Claims(set *flow.Setup, r *http.Request) bool {
	if _, ok := p.assets.files[r.URL.Path]; ok {
		return p.serves(set)
	}
	return p.route(set, r.URL.Path) != nil
}

// ServeHTTP answers for the addresses that Claims says are ours.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	set := p.journeys.Setup()
	if !p.Claims(set, r) {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	if file, ok := p.assets.files[r.URL.Path]; ok {
		file.serve(w)
		return
	}
	v := &visit{ResponseWriter: w, request: r, set: set, query: r.URL.Query()}
	v.listen(p)
	secure(w.Header(), set)
	if p.choose(v) {
		return
	}
	if err := p.route(set, r.URL.Path)(p, v); err != nil {
		p.explain(v, err)
	}
}
