package gate

import (
	"net/netip"
	"strings"
)

// Source is the part of an address of the network that one customer of a provider
// usually has: an IPv4 address, or the /64 of an IPv6 address (RFC 6177, section 2).
// IPv4 in IPv6 counts as IPv4, zones do not count. The zero Prefix for an invalid one.
func Source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// ClientOf is the address of whoever made a request that came from peer. Only what
// trusted proxies say counts: of the chain of X-Forwarded-For, read from its end, the
// first address that is not one of theirs (RFC 7239, section 5.2, in its older form).
func ClientOf(peer netip.Addr, forwardedFor []string, trusted []netip.Prefix) netip.Addr {
	client := peer.Unmap().WithZone("")
	hops := strings.Split(strings.Join(forwardedFor, ","), ",")
	for n := len(hops) - 1; n >= 0 && contains(trusted, client); n-- {
		hop := strings.TrimSpace(hops[n])
		a, err := netip.ParseAddr(strings.Trim(hop, "[]"))
		if err != nil {
			withPort, err := netip.ParseAddrPort(hop)
			if err != nil {
				break
			}
			a = withPort.Addr()
		}
		client = a.Unmap().WithZone("")
	}
	return client
}

func contains(all []netip.Prefix, a netip.Addr) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
