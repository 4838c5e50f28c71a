package gate_test

import (
	"net/netip"
	"testing"

	"cardea/internal/gate"
)

// FuzzClientAddress feeds what proxies, and others, write into X-Forwarded-For. Nobody
// speaks for themselves: from whom is not trusted, nothing is believed.
func FuzzClientAddress(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.7", "203.0.113.7, 10.0.0.1", "[2001:db8::1]:443, 10.1.1.1", "::ffff:203.0.113.7", "fe80::1%eth0", ",,,", "unknown, _hidden", "10.0.0.1,10.0.0.2", "1.2.3.4:", "[::", "999.1.1.1"} {
		f.Add(seed, seed)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	inside, outside := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("198.51.100.4")
	f.Fuzz(func(t *testing.T, one, two string) {
		if got := gate.ClientOf(outside, []string{one, two}, trusted); got != outside {
			t.Errorf("%q, %q make somebody who is not trusted %s", one, two, got)
		}
		client := gate.ClientOf(inside, []string{one, two}, trusted)
		if again := gate.ClientOf(inside, []string{one + "," + two}, trusted); again != client {
			t.Errorf("%q, %q is %s in two lines and %s in one", one, two, client, again)
		}
		if source := gate.Source(client); !source.IsValid() || !source.Contains(client.WithZone("")) {
			t.Errorf("%q, %q is %s, which counts as %s", one, two, client, source)
		}
		if client.Zone() != "" || client.Is4In6() {
			t.Errorf("%q, %q is %s: one client has several forms", one, two, client)
		}
		// Whoever is in front of the last proxy cannot be hidden by what stands before.
		if last := gate.ClientOf(inside, []string{one, two, "203.0.113.7"}, trusted); last.String() != "203.0.113.7" {
			t.Errorf("%q, %q hide the client behind %s", one, two, last)
		}
	})
}
