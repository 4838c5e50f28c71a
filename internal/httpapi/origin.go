package httpapi

import (
	"context"
	"net/http"
	"net/netip"

	"cardea/internal/apikey"
	"cardea/internal/audit"
	"cardea/internal/gate"
	"cardea/internal/session"
	"cardea/internal/trace"
)

// origin is where a request comes from, for the audit log. It is put together when
// something is told, which is for few requests.
type origin struct {
	s     *Server
	route *Route
	r     *http.Request
	name  string // of the request

	actor   string
	session *session.Session // of whoever is signed in; nil for nobody
	told    bool             // something of the request is in the log
}

// withOrigin says where what a request does comes from.
func (s *Server) withOrigin(ctx context.Context, r Route, req *http.Request) context.Context {
	return audit.With(ctx, &origin{s: s, route: &r, r: req, name: trace.RequestID(ctx)})
}

// originOf is what withOrigin has said; nil for nothing.
func originOf(ctx context.Context) *origin {
	o, _ := audit.SourceOf(ctx).(*origin)
	return o
}

// operates notes who an operator is.
func (o *origin) operates(actor string) {
	if o != nil {
		o.actor = actor
	}
}

// is notes who is signed in.
func (o *origin) is(who *session.Session) {
	if o != nil {
		o.session = who
	}
}

// Origin implements audit.Source.
func (o *origin) Origin() audit.Origin {
	from := audit.Origin{
		Actor: o.actor, Request: o.name, IP: o.address(), UserAgent: o.r.UserAgent(), Operation: o.route.Operation, Target: o.r.PathValue("id"),
		Operates: !o.told && o.actor != "" && o.route.Access == apikey.Write,
	}
	switch {
	case from.Actor != "":
	case o.session != nil:
		from.Actor = audit.Person(o.session.IdentityID)
	default:
		from.Actor = audit.Anonymous
	}
	return from
}

// Recorded implements audit.Source: what an operator changes is told once at least.
func (o *origin) Recorded() { o.told = true }

// address is that of the client, as far as the proxies in between can be trusted; of a
// proxy that nobody has told us of it is the proxy's.
func (o *origin) address() string {
	peer, err := netip.ParseAddrPort(o.r.RemoteAddr)
	if err != nil {
		return ""
	}
	client := gate.ClientOf(peer.Addr(), o.r.Header["X-Forwarded-For"], o.s.compiled.Load().Cardea.Throttle.Proxies)
	return client.Unmap().String()
}
