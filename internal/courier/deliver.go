package courier

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
)

// Dial opens a connection to host:port.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Doer sends a request: the guarded client of fetch.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// DeliveryOptions are what deliveries need of the outside.
type DeliveryOptions struct {
	// Load fetches the Jsonnet of request bodies.
	Load Load
	// Client makes the HTTP client of a configuration. It is expected to give up
	// after RequestTimeout and not to try again by itself.
	Client func(*config.Snapshot) (Doer, error)
	// Jsonnet evaluates request bodies.
	Jsonnet Evaluator
	// Dial opens mail connections; nil is the network. DialPublic opens those of
	// configurations with clients.smtp.disallow_private_ip_ranges and has to check
	// the address that it dials; nil refuses all.
	Dial, DialPublic Dial
	// Roots are the authorities that mail servers are checked against; nil is the
	// system's.
	Roots *x509.CertPool
	// StepTimeout bounds every single step of a mail delivery. Default: 10 s.
	StepTimeout time.Duration
	// IdleTimeout is how long a mail connection waits for the next message.
	// Default: 5 s.
	IdleTimeout time.Duration
}

// RequestTimeout is how long a delivery over HTTP may take.
const RequestTimeout = 10 * time.Second

const (
	defaultStepTimeout = 10 * time.Second
	defaultIdleTimeout = 5 * time.Second
)

var errNoPublicDialer = errors.New("clients.smtp.disallow_private_ip_ranges is set, and nothing here can check addresses")

// Deliverers send every message the way its channel is configured. They keep what
// belongs to one configuration until a message comes with another. Safe for
// concurrent use; Close them to be rid of the connections.
type Deliverers struct {
	options DeliveryOptions

	mu      sync.Mutex
	current *routes
}

var _ Deliverer = (*Deliverers)(nil)

// NewDeliverers makes deliverers; they begin to work with the first message.
func NewDeliverers(o DeliveryOptions) *Deliverers {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.DialPublic == nil {
		o.DialPublic = func(context.Context, string, string) (net.Conn, error) { return nil, errNoPublicDialer }
	}
	if o.StepTimeout <= 0 {
		o.StepTimeout = defaultStepTimeout
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = defaultIdleTimeout
	}
	return &Deliverers{options: o}
}

// Deliver sends a letter over the channel of its envelope. A channel that is not
// configured is an error that names the key and may pass: somebody can configure it.
func (d *Deliverers) Deliver(ctx context.Context, s *flow.Setup, e Envelope, l Letter) error {
	r, err := d.routes(ctx, s.Snapshot)
	if err != nil {
		return err
	}
	route, ok := r.byChannel[e.Channel]
	if !ok {
		return fmt.Errorf("courier.channels: there is no channel %q", e.Channel)
	}
	return route.deliver(ctx, e, l)
}

// Prepare makes a configuration ready and says what in it cannot work. Without
// it the first message finds out. That no way out is configured at all is no
// error: not every server sends messages.
func (d *Deliverers) Prepare(ctx context.Context, s *config.Snapshot) error {
	_, err := d.routes(ctx, s)
	return err
}

// Close ends the connections that wait for messages.
func (d *Deliverers) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil {
		d.current.close()
	}
	d.current = nil
}

// route is one way out.
type route interface {
	deliver(ctx context.Context, e Envelope, l Letter) error
	close()
}

// nowhere is the way of a channel that is not configured: its messages wait, and
// say why they do.
type nowhere struct{ cause error }

func (n nowhere) deliver(context.Context, Envelope, Letter) error { return n.cause }
func (nowhere) close()                                            {}

// routes are the ways out of one configuration.
type routes struct {
	snapshot  *config.Snapshot
	byChannel map[identity.Channel]route
}

func (r *routes) close() {
	for _, way := range r.byChannel {
		way.close()
	}
}

func (d *Deliverers) routes(ctx context.Context, s *config.Snapshot) (*routes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil && d.current.snapshot == s {
		return d.current, nil
	}
	made, err := d.options.routes(ctx, s)
	if err != nil {
		return nil, err
	}
	if d.current != nil {
		d.current.close()
	}
	d.current = made
	return made, nil
}

// routes makes the ways out: mail by courier.delivery_strategy, everything else
// by courier.channels.
func (o DeliveryOptions) routes(ctx context.Context, s *config.Snapshot) (*routes, error) {
	client, err := o.Client(s)
	if err != nil {
		return nil, err
	}
	r := &routes{snapshot: s, byChannel: map[identity.Channel]route{}}
	for _, c := range s.Courier.Channels {
		// A channel has no other type than "http", so that an omitted one is clear.
		key := fmt.Sprintf("courier.channels, id %q, request_config", c.ID)
		if r.byChannel[identity.Channel(c.ID)], err = o.newWebhook(ctx, key, c.RequestConfig, client); err != nil {
			return nil, err
		}
	}
	switch {
	case s.Courier.DeliveryStrategy == "http":
		r.byChannel[identity.Email], err = o.newWebhook(ctx, "courier.http.request_config", s.Courier.HTTP.RequestConfig, client)
	case s.Courier.SMTP.ConnectionURI == "":
		r.byChannel[identity.Email] = nowhere{errNoServer}
	default:
		r.byChannel[identity.Email], err = o.newMailer(s)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}
