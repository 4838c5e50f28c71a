package flow

import (
	"net/netip"

	"cardea/internal/geo"
	"cardea/internal/session"
)

// Places says where addresses are. False when nothing is known of one.
type Places interface {
	Find(netip.Addr) (geo.Place, bool)
}

// located is the device of the visit with the place where it is: the one that a
// proxy has named, else the one that is known of its address.
func (r *run) located() session.Device {
	d := r.Device
	if r.places == nil || d.IPAddress == nil || d.Location != nil && *d.Location != "" {
		return d
	}
	if place, ok := r.places.Find(addressOf(*d.IPAddress)); ok {
		text := place.String()
		d.Location = &text
	}
	return d
}

// addressOf reads an address as devices have it, with a port or without. What is
// none is the zero address, which is nowhere.
func addressOf(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr()
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return ip
}
