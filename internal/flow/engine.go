package flow

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/identity/schema"
	"cardea/internal/oauth2"
	"cardea/internal/org"
	"cardea/internal/payload"
	"cardea/internal/problem"
	"cardea/internal/risk"
	"cardea/internal/trace"
	"cardea/internal/ui"
)

// Engine runs journeys. Safe for concurrent use.
type Engine struct {
	store     Store
	clock     clock.Clock
	rand      io.Reader
	catalogue *ui.Catalogue
	composer  Composer
	hooks     Hooks
	events    Events
	oauth2    OAuth2
	places    Places
	kinds     map[Kind]*kind
	steps     map[Kind][]*Step
	floor     time.Duration
	desk      *gate.Desk
	flood     *gate.Flood
	tarpit    *gate.Tarpit
	watch     Watch
	robots    Robots
	meter     *gate.Meter
	failures  Failures
	odds      Odds
}

// Options are the parts an engine is made of; all are needed.
type Options struct {
	Store     Store
	Clock     clock.Clock
	Rand      io.Reader // cryptographic randomness
	Catalogue *ui.Catalogue
	Composer  Composer // nil as long as no step sends anything
	Hooks     Hooks    // nil as long as no web hook is configured
	Events    Events   // nil as long as nobody wants to hear what happens
	OAuth2    OAuth2   // nil as long as no OAuth2 server is configured
	Places    Places   // nil as long as nobody knows where addresses are
	Steps     []*Step  // in the order in which they are offered
	// Floor is how long a sign-in that failed takes at least, so that what is
	// wrong with an account cannot be told from the time.
	Floor time.Duration
	// Watch hears of guesses; nil when nobody does.
	Watch Watch
	// Robots is who is asked where a service guards journeys; nil when there is none.
	Robots Robots
	// Failures collects what has failed, for the audit log; nil for none.
	Failures Failures
	// Odds hears of unusual sign-ins; nil when nobody does.
	Odds Odds
}

// A client's address may have so many wrong guesses at once, and then one more each
// time, before it is not even asked what it wants.
const (
	floodBurst = 300
	floodEvery = 100 * time.Millisecond
)

// What is not looked at leaves the process at this pace.
const (
	refusalBurst   = 100
	refusalEvery   = 20 * time.Millisecond
	refusalLongest = 8 * time.Second
	refusalsHeld   = 1000
)

// New builds an engine.
func New(o Options) *Engine {
	e := &Engine{store: o.Store, clock: o.Clock, rand: o.Rand, catalogue: o.Catalogue, composer: o.Composer, hooks: o.Hooks, events: o.Events, oauth2: o.OAuth2, places: o.Places, kinds: kinds(), steps: map[Kind][]*Step{}, floor: o.Floor,
		desk: gate.NewDesk(o.Store, o.Clock), flood: gate.NewFlood(floodBurst, floodEvery), tarpit: gate.NewTarpit(gate.Pace{Burst: refusalBurst, Every: refusalEvery, Longest: refusalLongest, Most: refusalsHeld}, o.Clock), watch: o.Watch, robots: o.Robots, meter: gate.NewMeter(), failures: o.Failures, odds: o.Odds}
	if e.watch == nil {
		e.watch = func(string, gate.Scope) {}
	}
	if e.odds == nil {
		e.odds = func(Kind, uuid.UUID, risk.Verdict) {}
	}
	for _, s := range o.Steps {
		e.steps[s.Kind] = append(e.steps[s.Kind], s)
	}
	return e
}

// Drain lets everybody go who waits to be refused: the process ends.
func (e *Engine) Drain() { e.tarpit.Drain() }

// Refusals is the work of the tarpit in which submissions wait that are not looked at.
func (e *Engine) Refusals() gate.TarpitStats { return e.tarpit.Stats() }

// run is one request on its way through the pipeline.
type run struct {
	*Engine
	*Visit
	kind *kind
	now  time.Time
	flow *Flow // nil until it is made or loaded

	body   *payload.Body // what was submitted, once it was read
	opened bool          // a link in a mail was opened
	// returned says that the browser came back from a provider, handed that it acts
	// for an app.
	returned bool
	handed   *handed
	told     []ui.Message // what the form said before this submission

	realm   Realm             // whose ways of signing in the flow offers: see enterRealm
	vouched *org.Organization // whose connection has vouched for somebody, nil for nobody's
	tied    bool              // only that connection can make a session live longer
	joins   bool              // somebody becomes a member, and leaves other sessions behind

	attempt attempt      // at passing the barrier against robots
	verdict risk.Verdict // on the sign-in, once it was weighed

	ledger *ledger // what other systems are to be told

	starting bool               // the request starts the flow
	begun    bool               // and has stored it
	request  *oauth2.Request    // what the OAuth2 server said about the start
	own      *identity.Identity // of whoever is signed in, as it was last read
}

func (e *Engine) begin(k Kind, v *Visit) *run {
	return &run{Engine: e, Visit: v, kind: e.kinds[k], now: e.clock.Now().Truncate(time.Microsecond), ledger: &ledger{}}
}

// guard is one check of a kind; an answer ends the request.
type guard func(context.Context, *run) *Answer

func (r *run) pass(ctx context.Context, guards []guard) *Answer {
	for _, g := range guards {
		if a := g(ctx, r); a != nil {
			return a
		}
	}
	return nil
}

// Start begins a journey: GET /self-service/{kind}/browser or /api.
func (e *Engine) Start(ctx context.Context, k Kind, t Type, v *Visit) (a *Answer) {
	ctx, span := trace.Start(ctx, "start "+string(k))
	defer span.End()
	r := e.begin(k, v)
	defer func() { r.end(ctx, a) }()
	r.flow, r.starting = r.fresh(t), true
	if a := r.pass(ctx, r.kind.start); a != nil {
		return a
	}
	if err := r.create(ctx); err != nil {
		return r.notStarted(ctx, err)
	}
	r.begun = true
	if t == Browser && !r.AcceptsJSON {
		return redirect(303, r.uiURL(k, r.flow.ID))
	}
	return r.show(ctx, 200)
}

// fresh makes a flow that nobody has stored yet.
func (r *run) fresh(t Type) *Flow {
	f := &Flow{
		ID: uuid.Must(uuid.NewRandomFromReader(r.rand)), Kind: r.kind.name, Type: t, State: r.kind.initial,
		IssuedAt: r.now, CreatedAt: r.now, UpdatedAt: r.now,
		ExpiresAt:  r.now.Add(r.SelfService.Flows.ByKind(string(r.kind.name)).Lifespan),
		RequestURL: r.URL,
		ReturnTo:   r.param("return_to"),
	}
	if r.kind.primary {
		f.Active = r.SelfService.Flows.ByKind(string(r.kind.name)).Use
	}
	if t == Browser {
		f.CSRFHash = r.CSRF.Hash()
	}
	return f
}

// create stores a new flow, together with what its steps do as soon as there is
// one.
func (r *run) create(ctx context.Context) error {
	if err := r.firstScreen(); err != nil {
		return err
	}
	e, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	if err := r.beforeHooks(ctx); err != nil {
		return err
	}
	if e == nil && len(r.ledger.owed) == 0 {
		return r.store.CreateFlow(ctx, r.flow)
	}
	if e == nil {
		e = &Effects{}
	}
	p, err := r.ready(ctx, r.flow, *e)
	if err != nil {
		return err
	}
	return r.write(ctx, nil, func(tx Tx) error {
		if err := tx.InsertFlow(r.flow); err != nil {
			return err
		}
		return p.write(tx, r.now)
	})
}

// prepare lets the steps of a new flow collect their facts. A step with which
// the flow begins further on ends that, and says what is to be written with it.
func (r *run) prepare(ctx context.Context) (*Effects, error) {
	x, err := r.exec(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range r.offered() {
		if s.prepare == nil {
			continue
		}
		facts, err := s.prepare(ctx, x)
		if err != nil {
			return nil, err
		}
		if w, further := facts.(Await); further {
			return &w.Effects, r.proceed(s, w)
		}
		if err := r.flow.remember(s.Method, facts); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// account is whom a settings flow is about, or a login in which a second factor is
// set up, with credentials; nil for all others.
func (r *run) account(ctx context.Context) (*identity.Identity, error) {
	if r.Session == nil || r.kind.name != Settings && !r.flow.enrolls(r.Session) {
		return nil, nil
	}
	return r.signedIn(ctx)
}

// signedIn reads the account of whoever is signed in, with credentials. Until this
// request writes something or asks somebody else, one reading serves: what is to be
// changed is read once more in the transaction that changes it.
func (r *run) signedIn(ctx context.Context) (i *identity.Identity, err error) {
	if r.own != nil && r.own.ID == r.Session.IdentityID {
		return r.own.Clone(), nil
	}
	i, err = r.store.Identity(ctx, r.Session.IdentityID)
	if err == nil {
		r.own = i.Clone()
	}
	return i, err
}

// schemaFor is the identity schema of an account; without one, that of the flow.
func (r *run) schemaFor(account *identity.Identity) (*schema.Schema, error) {
	if account != nil {
		return r.Schema(account.SchemaID)
	}
	return r.Schema(r.flow.SchemaID)
}

// exec is what steps of this run may use.
func (r *run) exec(ctx context.Context) (*Exec, error) {
	account, err := r.account(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.schemaFor(account)
	if err != nil {
		return nil, err
	}
	if err := r.enterRealm(ctx); err != nil {
		return nil, err
	}
	return &Exec{
		Identity: account,
		Recent:   r.Session != nil && r.recent(),
		Setup:    r.Setup, Flow: r.flow, Schema: s, Session: r.Session, Now: r.now, Store: r.store,
		Realm: r.realm, Home: r.home, Connecting: r.connecting,
		Methods: r.methodsOf, Brief: r.brief, Headers: r.Headers, Told: r.told, rand: r.rand, write: r.store.Write, consume: r.store.ConsumeCode, spend: r.store.Spend,
	}, nil
}

// methodsOf lists the methods by which an account can be proved in a flow like
// this one, in the order in which they are offered; all of them for nil.
func (r *run) methodsOf(i *identity.Identity) []string {
	var all []string
	for _, s := range r.steps[r.kind.name] {
		if s.usable != nil && s.Enabled(r.Setup) && s.accepts(r.flow) && (i == nil || s.usable(r.Setup, i)) {
			all = append(all, s.Method)
		}
	}
	return all
}

// offered are the steps that take part in the flow.
func (r *run) offered() []*Step {
	var offered []*Step
	for _, s := range r.steps[r.kind.name] {
		if !r.leavesOut(s) && s.Enabled(r.Setup) && s.accepts(r.flow) {
			offered = append(offered, s)
		}
	}
	return offered
}

// Fetch reads a journey: GET /self-service/{kind}/flows. The answer is JSON
// whatever the client is.
func (e *Engine) Fetch(ctx context.Context, k Kind, v *Visit) *Answer {
	ctx, span := trace.Start(ctx, "fetch "+string(k))
	defer span.End()
	r := e.begin(k, v)
	if a := r.pass(ctx, r.kind.fetch); a != nil {
		return a
	}
	return r.show(ctx, 200)
}

// show answers with the flow as the client sees it.
func (r *run) show(ctx context.Context, status int) *Answer {
	page, err := r.page(ctx)
	if err == nil {
		err = r.explain(ctx, page)
	}
	if err != nil {
		return r.forward(ctx, err)
	}
	return &Answer{Status: status, Body: page}
}

// forward answers with an error that no form can show (section 3.5 of the HTTP
// reference): applications and native clients get the envelope, a page is sent
// to the error page.
func (r *run) forward(ctx context.Context, err error) *Answer {
	p := asProblem(err)
	r.ledger.fail(r, nil, p)
	if r.flow != nil && r.flow.Type == API && !r.returned || r.JSON {
		return envelope(p)
	}
	return r.errorPage(ctx, p)
}

// errorPage keeps the error for the page that explains it and sends the browser
// there. A page never sees the private cause.
func (r *run) errorPage(ctx context.Context, p *problem.Error) *Answer {
	return r.ErrorPage(ctx, r.Setup, p)
}

// ErrorPage stores an error and redirects to the page that shows it. When it
// cannot be stored the envelope itself is the answer.
func (e *Engine) ErrorPage(ctx context.Context, s *Setup, p *problem.Error) *Answer {
	id, err := uuid.NewRandomFromReader(e.rand)
	if err != nil {
		return envelope(problem.Internal(err))
	}
	if err := e.store.CreateError(ctx, id, p, e.clock.Now()); err != nil {
		return envelope(p)
	}
	a := redirect(303, withQuery(s.SelfService.Flows.Error.UIURL, "id", id.String()))
	a.Problem = p
	return a
}

// asProblem gives every error a public face.
func asProblem(err error) *problem.Error {
	if p := problem.As(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return problem.New(404, "").With(err)
	case errors.Is(err, context.Canceled):
		return problem.New(499, "").With(err)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Busy("The answer took too long.").With(err)
	}
	return problem.Internal(err)
}
