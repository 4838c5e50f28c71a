package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Resolver finds the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DialFunc opens a connection to a literal address and port.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// minDialShare is the least time one of several addresses of a name is given.
const minDialShare = 2 * time.Second

// dialer resolves a name once and dials the very addresses it has looked at.
type dialer struct {
	resolver Resolver
	dial     DialFunc
	allow    func(netip.Addr) bool
}

// DialContext is what a transport calls. A name that has public and private
// addresses is dialled at the public ones only.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	allowed := addrs[:0:0]
	for _, a := range addrs {
		if d.allow(a) {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) == 0 {
		return nil, ErrForbiddenAddress
	}
	var first error
	for i, a := range allowed {
		conn, err := d.dialOne(ctx, network, a, port, len(allowed)-i)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := d.resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("the name has no address")
	}
	return addrs, err
}

// dialOne shares the remaining time between the addresses that are left, so
// that one that does not answer leaves time for the others.
func (d *dialer) dialOne(ctx context.Context, network string, a netip.Addr, port string, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		share := max(time.Until(deadline)/time.Duration(left), minDialShare)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, share)
		defer cancel()
	}
	return d.dial(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
}

// NewPublicDialer dials public addresses only, for protocols other than HTTP. A
// name is resolved once and the very address that was checked is dialled.
func NewPublicDialer(o Options) DialFunc {
	o = o.withDefaults()
	return (&dialer{resolver: o.Resolver, dial: o.Dial, allow: newGuard().public}).DialContext
}
