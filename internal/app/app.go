package app

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"cardea/internal/account"
	"cardea/internal/captcha"
	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/hook"
	"cardea/internal/httpapi"
	"cardea/internal/jsonnet"
	"cardea/internal/method/code"
	"cardea/internal/method/idfirst"
	"cardea/internal/method/link"
	"cardea/internal/method/lookup"
	"cardea/internal/method/oidc"
	"cardea/internal/method/password"
	"cardea/internal/method/profile"
	"cardea/internal/method/totp"
	"cardea/internal/method/webauthn"
	"cardea/internal/secret"
	"cardea/internal/session"
	"cardea/internal/store"
	"cardea/internal/task"
	"cardea/internal/telemetry"
	"cardea/internal/trace"
	"cardea/internal/ui"
	"cardea/web"
)

// Options say what to build.
type Options struct {
	Config  *config.Manager
	Log     *slog.Logger
	Version string
	// Migrate applies pending migrations at the start. The embedded development
	// database is always migrated.
	Migrate bool

	Clock clock.Clock // nil: the system's
	Rand  io.Reader   // nil: the system's
	// BreachURL replaces the address of the breached-password service; "" for the
	// configured host.
	BreachURL string
	// JsonnetWorker starts a child that evaluates Jsonnet; nil starts this program
	// with its hidden command.
	JsonnetWorker []string
}

// App is a built server. Public and Admin can be served as they are; Run serves
// them where the configuration says.
type App struct {
	Public, Admin http.Handler

	config   *config.Manager
	log      *slog.Logger
	clock    clock.Clock
	rand     io.Reader
	db       *store.DB
	wire     *httpapi.Server
	pool     *secret.Pool
	tasks    *task.Runner
	feed     *sessionFeed
	uses     session.Uses
	load     flow.Load
	schemas  *lastGood
	setup    *setupHolder
	jsonnet  *jsonnet.Pool
	post     *post
	pages    *account.Pages
	words    *ui.Catalogue // ours, without an operator's changes
	hooks    *hook.Runner
	errands  *errands
	places   places
	auditing auditing
	version  string

	breached breachedFile
	metrics  *telemetry.Metrics
	tracer   *trace.Tracer   // nil when nobody traces
	spans    *trace.Exporter // nil when nobody traces

	drain   func()      // lets requests go that only wait
	leaving atomic.Bool // the process ends: others should not be sent here any more
}

// queueOfHashes is how many passwords may wait to be hashed before the server
// says that it is busy, unless cardea.hashing.queue says otherwise.
const queueOfHashes = 512

// failureFloor is how long a failed sign-in takes at least, whatever the account.
const failureFloor = 120 * time.Millisecond

// New builds a server. Close has to be called when it is not needed any more.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	snapshot := o.Config.Current()
	a := &App{config: o.Config, log: o.Log, clock: o.Clock, rand: o.Rand, setup: &setupHolder{}, version: o.Version}
	a.breached.log = o.Log
	cache := session.NewCache(snapshot.Cardea.Session.Cache.MaxEntries)
	if err = a.traces(snapshot, o); err != nil {
		return nil, err
	}
	if a.db, err = openStore(ctx, snapshot, o, cache.Forget); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = a.db.Close()
		}
	}()
	client, err := newFetcher(snapshot, fetch.Options{})
	if err != nil {
		return nil, err
	}
	// Signing up waits for the answer about breached passwords, so it is asked for
	// with little patience.
	asks, err := newFetcher(snapshot, fetch.Options{Timeout: time.Second, Retries: 2, MinBackoff: 100 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	a.load = documents(client)
	a.schemas = keepLastGood(a.load, snapshot.Cardea.DataDir, o.Log)
	if a.words, err = ui.NewCatalogue(); err != nil {
		return nil, err
	}
	a.pool = newPool(snapshot)
	hashing := a.hashing(o.Rand)
	if a.jsonnet, err = jsonnet.New(jsonnet.Options{Command: o.JsonnetWorker}); err != nil {
		return nil, err
	}
	metrics := telemetry.NewMetrics()
	a.metrics = metrics
	a.measure(cache, o.Version)
	a.post = a.newPost(metrics)
	a.hooks = a.newHooks()
	a.errands = a.newErrands(metrics)
	defer func() {
		if err != nil {
			a.errands.spool.Close()
		}
	}()
	a.auditing = a.newAuditing()
	rows := storage{a.auditing.rows.Witnessed(witness{a}), o.Clock, func() session.Limits { return a.setup.load().Limits }}
	a.feed = a.newSessionFeed(rows, cache)
	mail := letters{rows.Tenant, a.setup.load, a.post.worker.Wake}
	script, err := web.Files.ReadFile("js/webauthn.js")
	if err != nil {
		return nil, err
	}
	federation, err := a.newFederation(snapshot)
	if err != nil {
		return nil, err
	}
	engine := flow.New(flow.Options{
		Store: posting{rows, a.post.worker.Wake, metrics.Queued, a.watchWithheld(metrics)}, Clock: o.Clock, Rand: o.Rand, Catalogue: a.words,
		Composer: a.post.composer, Hooks: a.hooks, Events: a.errands.publisher, OAuth2: newOAuth2(), Places: &a.places,
		Steps: a.steps(hashing, asks, a.hooks, webauthn.Method{Integrity: web.Integrity(script)}, federation, o),
		Floor: failureFloor, Watch: a.watchGuesses(metrics), Failures: a.auditing.failures, Odds: a.watchOdds(metrics), Robots: captcha.Asker{Client: client},
	})
	a.drain = engine.Drain
	metrics.WatchRefusals(func() telemetry.Refusals { return telemetry.Refusals(engine.Refusals()) })
	templates := &tokenizers{load: a.load, pool: a.jsonnet, clock: o.Clock, log: o.Log}
	a.wire = httpapi.New(httpapi.Options{
		Engine: engine, Sessions: rows, Known: a.feed.Known, Feed: a.feed, Uses: &a.uses, Errors: rows, Identities: rows, AdminSessions: rows, Organizations: rows, Importer: importer{hashing},
		Keys: rows, Audit: auditLog{a.auditing.rows, a.auditing.failures}, Tenant: strconv.FormatInt(int64(store.DefaultTenant), 10),
		Courier: mail, Suppressions: suppressions{rows.Tenant}, Deliveries: deliveries{rows.Tenant},
		Tokenizer: templates.find, PublicKeys: templates.publicKeys, WebAuthnJS: script,
		Ready: a.ready, Metrics: metrics.Handler(), Watch: watcher{metrics}, Tracer: a.tracer, Clock: o.Clock, Rand: o.Rand, Log: o.Log, Version: o.Version,
	})
	a.pages = account.New(account.Options{Journeys: a.wire, Self: a.wire, Mailbox: mailbox{mail}, Log: o.Log})
	a.wire.UsePages(a.pages)
	if err := a.use(ctx, snapshot); err != nil {
		return nil, err
	}
	a.Public, a.Admin = a.wire.Public(), a.wire.Admin()
	a.tasks = a.background()
	return a, nil
}

// steps are the methods' steps in the order in which they are offered.
func (a *App) steps(hashing func(*config.Snapshot) password.Hashing, asks *fetch.Client, origin password.Origin, keys webauthn.Method, federation *oidc.Method, o Options) []*flow.Step {
	method := password.Method{
		Hashing:  hashing,
		Breaches: a.breaches(asks, o),
		Origin:   origin,
	}
	return slices.Concat(profile.Steps(), method.Steps(), federation.Steps(), code.Steps(), link.Steps(), totp.Steps(), keys.Steps(), lookup.Steps(), idfirst.Steps())
}

// use puts a configuration in force.
func (a *App) use(ctx context.Context, snapshot *config.Snapshot) error {
	setup, err := flow.Compile(ctx, snapshot, a.schemas.load)
	if err != nil {
		return err
	}
	words, err := account.Texts(snapshot, a.words)
	if err != nil {
		return err
	}
	useTexts, err := a.post.compile(ctx, snapshot, words, a.load, a.log)
	if err != nil {
		return err
	}
	usePages, err := a.pages.Prepare(snapshot, words)
	if err != nil {
		return err
	}
	usePlaces, err := a.places.prepare(snapshot)
	if err != nil {
		return err
	}
	if err := a.post.deliverers.Prepare(ctx, snapshot); err != nil {
		return err
	}
	useList, err := a.breached.prepare(snapshot.Cardea.BreachedPasswords.File)
	if err != nil {
		return err
	}
	if err := a.wire.Use(setup); err != nil {
		return err
	}
	useTexts()
	usePages()
	usePlaces()
	useList()
	a.setup.store(setup)
	a.recordConfigured(setup)
	a.signOutOutsiders(ctx, setup)
	return nil
}

// signOutOutsiders ends the sessions of members who would not get in any more as
// the configuration has it now. Without tables there are none.
func (a *App) signOutOutsiders(ctx context.Context, setup *flow.Setup) {
	for _, o := range setup.Organizations().All() {
		if err := a.auditing.rows.RevokeMembers(ctx, o.ID, a.clock.Now(), o.Ends); err != nil {
			a.log.Warn("the sessions of an organization's members could not be looked through", "organization", o.ID, "error", err)
		}
	}
}

// openStore opens the database and makes sure that its tables are there.
func openStore(ctx context.Context, snapshot *config.Snapshot, o Options, changed func([]session.Change)) (*store.DB, error) {
	db, err := store.Open(ctx, store.Options{DSN: snapshot.DSN, Clock: o.Clock, Changed: changed})
	if err != nil {
		return nil, err
	}
	if o.Migrate || snapshot.Development || snapshot.DSN == "memory" {
		if err := db.Migrate(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	for _, w := range db.Warnings() {
		o.Log.Warn(w, "key", "dsn")
	}
	return db, nil
}

// newPool makes the pool for password hashing. The memory it may use bounds the
// argon2 hashes in flight.
func newPool(s *config.Snapshot) *secret.Pool {
	workers, queue := s.Cardea.Hashing.Workers, s.Cardea.Hashing.Queue
	if workers == 0 {
		workers = secret.DefaultWorkers(runtime.GOMAXPROCS(0))
	}
	if queue == 0 {
		queue = queueOfHashes
	}
	return secret.NewPool(workers, queue, int64(s.Hashers.Argon2.DedicatedMemory))
}

// Close ends what New began.
func (a *App) Close() error {
	a.errands.spool.Close() // before what it needs
	a.post.deliverers.Close()
	a.breached.close()
	if err := a.auditing.failures.Close(context.Background()); err != nil {
		a.log.Error("the audit log was not told everything", "error", err)
	}
	return errors.Join(a.jsonnet.Close(), a.db.Close())
}
