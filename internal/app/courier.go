package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cardea/internal/account"
	"cardea/internal/config"
	"cardea/internal/courier"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/telemetry"
	"cardea/internal/ui"
)

// post is the courier of a process: what composes messages and what sends them.
type post struct {
	templates  atomic.Pointer[courier.Templates]
	composer   *courier.Composer
	deliverers *courier.Deliverers
	worker     *courier.Worker
}

// newPost builds the courier. It needs the database and the pool for Jsonnet.
func (a *App) newPost(m *telemetry.Metrics) *post {
	p := &post{}
	p.composer = &courier.Composer{
		Templates: p.templates.Load, Clock: a.clock, Rand: a.rand,
		Report: func(ctx context.Context, err error) {
			a.log.WarnContext(ctx, "a message goes out without its HTML body", "error", err)
		},
	}
	p.deliverers = newDeliverers(courier.Load(a.load), a.jsonnet)
	p.worker = courier.NewWorker(courier.WorkerOptions{
		Outbox: outbox{a.db.System()}, Deliverer: tracedDeliverer{a.tracer, mailboxFirst{p.deliverers}}, Setup: a.setup.load,
		Clock: a.clock, Rand: a.rand, Holder: a.holder(), Report: a.reportMessage,
		Delivered: func(e *courier.Envelope, took time.Duration) { m.Delivered(string(e.Channel), took.Seconds()) },
		Settled: func(e *courier.Envelope, s courier.Status) {
			outcome := string(s)
			if s == courier.Queued {
				outcome = "failed"
			}
			m.Settled(e.Template, string(e.Channel), outcome)
		},
	})
	return p
}

// newDeliverers makes the ways out of this process.
func newDeliverers(load courier.Load, programs courier.Evaluator) *courier.Deliverers {
	return courier.NewDeliverers(courier.DeliveryOptions{
		Load: load, Jsonnet: programs,
		Client: func(s *config.Snapshot) (courier.Doer, error) {
			return newFetcher(s, fetch.Options{Timeout: courier.RequestTimeout})
		},
		DialPublic: courier.Dial(fetch.NewPublicDialer(fetch.Options{})),
	})
}

// compile prepares the texts of messages under a configuration. The result puts
// them in force.
func (p *post) compile(ctx context.Context, s *config.Snapshot, catalogue *ui.Catalogue, load flow.Load, log *slog.Logger) (use func(), err error) {
	made, err := courier.Compile(ctx, s, catalogue, courier.Load(load))
	if err != nil {
		return nil, err
	}
	for _, w := range made.Warnings {
		log.Warn(w)
	}
	return func() { p.templates.Store(made) }, nil
}

// reportMessage logs what went wrong with a message; not to whom it was.
func (a *App) reportMessage(m *courier.Envelope, err error) {
	if m == nil {
		a.log.Error("messages cannot be sent", "error", err)
		return
	}
	a.log.Warn("a message was not sent", "message", m.ID, "template", m.Template, "channel", m.Channel, "error", err)
}

// sendsMessages says whether the server itself sends messages, without a process
// of their own.
func sendsMessages(s *config.Snapshot) bool { return s.Cardea.Courier.InProcess || s.WatchCourier }

// mailboxFirst leaves messages in the mailbox of development mode as long as
// nothing else is configured for them: they count as sent.
type mailboxFirst struct{ next courier.Deliverer }

func (m mailboxFirst) Deliver(ctx context.Context, s *flow.Setup, e courier.Envelope, l courier.Letter) error {
	if s.Dev && s.Cardea.Development.Mailbox && !deliverable(s.Courier, e.Channel) {
		return nil
	}
	return m.next.Deliver(ctx, s, e, l)
}

// deliverable says whether a way out is configured for a channel.
func deliverable(c config.Courier, channel identity.Channel) bool {
	for _, other := range c.Channels {
		if other.ID == string(channel) {
			return true
		}
	}
	switch {
	case channel != identity.Email:
		return false
	case c.DeliveryStrategy == "http":
		return c.HTTP.RequestConfig.URL != ""
	}
	return c.SMTP.ConnectionURI != ""
}

// MailboxURL is where a developer reads what the server sends; "" when there is no
// such page.
func MailboxURL(s *config.Snapshot) string {
	if !s.Dev || !s.Cardea.Development.Mailbox {
		return ""
	}
	return strings.TrimSuffix(s.Serve.Public.BaseURLRaw, "/") + account.MailboxPath
}

// WatchCourier sends messages until ctx is done, without serving any port but
// that of the metrics, which are on the admin host when metricsPort is not 0.
func (a *App) WatchCourier(ctx context.Context, metricsPort int) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { a.watchConfig(ctx) })
	background.Go(func() { a.post.worker.Run(ctx) })
	if a.spans != nil {
		background.Go(func() { a.spans.Run(ctx) })
	}
	err := a.serveMetrics(ctx, metricsPort)
	stop()
	background.Wait()
	return err
}

// serveMetrics serves the metrics alone until ctx is done.
func (a *App) serveMetrics(ctx context.Context, port int) error {
	if port == 0 {
		<-ctx.Done()
		return nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(a.config.Current().Serve.Admin.Host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics/prometheus", a.metrics.Handler())
	srv, failed := server(mux, adminTimeouts), make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return shutdown([]*http.Server{srv})
	}
}
