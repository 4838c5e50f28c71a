package account

import (
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"cardea/internal/flow"
	"cardea/internal/problem"
	"cardea/internal/session"
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
	// FormToken is the anti-CSRF token for a form that no flow made.
	FormToken(r *http.Request) string
	// Failure reads an error that a journey sent the browser here with.
	Failure(r *http.Request, id string) (*problem.Error, error)
}

// Options are the parts the pages are made of.
type Options struct {
	Journeys Journeys
	Self     Self         // nil for settings that end with the flow's
	Mailbox  Mailbox      // nil for none
	Files    fs.FS        // css and icons; nil for the embedded ones
	Log      *slog.Logger // for failures of ours; nil for none
}

// Pages serves the built-in pages. Safe for concurrent use.
type Pages struct {
	journeys Journeys
	self     Self
	mailbox  Mailbox
	files    fs.FS
	look     atomic.Pointer[look]
	policies atomic.Pointer[policies]
	buffers  sync.Pool // of *bytes.Buffer, for pages in the making
	log      *slog.Logger
}

// New makes pages that are nobody's until Prepare has given them a look.
func New(o Options) *Pages {
	if o.Files == nil {
		o.Files = web.Files
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Pages{journeys: o.Journeys, self: o.Self, mailbox: o.Mailbox, files: o.Files, log: o.Log}
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
	if serve, ok := extras[name]; ok && serve.here(p, set) {
		return serve.page
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
	if _, ok := p.look.Load().assets.files[r.URL.Path]; ok {
		return p.serves(set)
	}
	return p.route(set, r.URL.Path) != nil
}

// ServeHTTP answers for the addresses that Claims says are ours. What changes
// something comes as POST; whoever serves us has checked its anti-CSRF token.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	set, now := p.journeys.Setup(), p.look.Load()
	if !p.Claims(set, r) {
		http.NotFound(w, r)
		return
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if posts := r.Method == http.MethodPost && extras[strings.TrimPrefix(r.URL.Path, "/")].posts; !reads && !posts {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	if file, ok := now.assets.files[r.URL.Path]; ok {
		file.serve(w, r)
		return
	}
	v := &visit{ResponseWriter: w, request: r, set: set, look: now, query: r.URL.Query()}
	v.listen()
	secure(w.Header(), p.policy(set, openings{}))
	if p.choose(v) {
		return
	}
	if err := p.route(set, r.URL.Path)(p, v); err != nil {
		p.explain(v, err)
	}
}
