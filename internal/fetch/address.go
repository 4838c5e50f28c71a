package fetch

import (
	"errors"
	"net/netip"
)

// ErrForbiddenAddress is a request that led to an address it may not reach. It
// names neither the address nor the URL: the answer would map the network.
var ErrForbiddenAddress = errors.New("the address is not on the public internet")

// forbidden are the special-purpose addresses that the IANA registries for IPv4
// and IPv6 (RFC 6890) list as not globally reachable, and those that carry
// another address inside. IPv6 outside of 2000::/3 is refused as a whole.
func forbidden() []netip.Prefix {
	texts := []string{
		"0.0.0.0/8",        // this network
		"10.0.0.0/8",       // private
		"100.64.0.0/10",    // carrier-grade NAT, and a cloud's metadata service
		"127.0.0.0/8",      // loopback
		"168.63.129.16/32", // a cloud's metadata service on a public address
		"169.254.0.0/16",   // link-local, and the metadata service of most clouds
		"172.16.0.0/12",    // private
		"192.0.0.0/24",     // protocol assignments
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // 6to4 relays
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // benchmarks
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, broadcast
		"2001::/23",        // protocol assignments, Teredo
		"2001:db8::/32",    // documentation
		"2002::/16",        // 6to4: carries an IPv4 address
		"3fff::/20",        // documentation
	}
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

// guard says which addresses are public.
type guard struct {
	forbidden []netip.Prefix
	unicast6  netip.Prefix // what of IPv6 is allocated at all
	nat64     netip.Prefix // RFC 6052: an IPv4 address in the last 32 bits
}

func newGuard() guard {
	return guard{
		forbidden: forbidden(),
		unicast6:  netip.MustParsePrefix("2000::/3"),
		nat64:     netip.MustParsePrefix("64:ff9b::/96"),
	}
}

// public says whether an address is on the public internet. An IPv4 address
// inside an IPv6 one (mapped, or through NAT64) is judged by itself.
func (g guard) public(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if g.nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsValid() || a.Is6() && !g.unicast6.Contains(a) {
		return false
	}
	for _, p := range g.forbidden {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
