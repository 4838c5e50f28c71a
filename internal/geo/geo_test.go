package geo_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/geo"
	"cardea/internal/geo/geotest"
)

func TestWhereAnAddressIs(t *testing.T) {
	d, err := geo.Parse(geotest.File(map[string]geotest.Map{
		"81.2.69.0/24":     geotest.City("Harbour", "GB", 51.5, -0.1, 20),
		"89.160.20.112/28": geotest.Country("SE"),
		"2001:db8::/32":    geotest.City("Shore", "NZ", -41.25, 174.75, 100),
		"198.51.100.0/24":  {"autonomous_system_number": uint16(64500)},
		"203.0.113.0/24":   {"country": geotest.Map{"iso_code": "DE"}, "location": geotest.Map{"latitude": 51.0}},
		"192.0.2.0/24":     {"country": "not as it should be"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, ip, text string
		want           geo.Place
	}{
		{"a city", "81.2.69.142", "Harbour, GB", geo.Place{Country: "GB", City: "Harbour", Point: &geo.Point{Latitude: 51.5, Longitude: -0.1, Accuracy: 20}}},
		{"IPv4 written as IPv6", "::ffff:81.2.69.142", "Harbour, GB", geo.Place{Country: "GB", City: "Harbour", Point: &geo.Point{Latitude: 51.5, Longitude: -0.1, Accuracy: 20}}},
		{"a country", "89.160.20.113", "SE", geo.Place{Country: "SE"}},
		{"just outside of a network", "89.160.20.128", "", geo.Place{}},
		{"IPv6", "2001:db8::1", "Shore, NZ", geo.Place{Country: "NZ", City: "Shore", Point: &geo.Point{Latitude: -41.25, Longitude: 174.75, Accuracy: 100}}},
		{"IPv6 with a zone", "2001:db8::1%eth0", "Shore, NZ", geo.Place{Country: "NZ", City: "Shore", Point: &geo.Point{Latitude: -41.25, Longitude: 174.75, Accuracy: 100}}},
		{"an entry about something else", "198.51.100.1", "", geo.Place{}},
		{"half a point is none", "203.0.113.1", "DE", geo.Place{Country: "DE"}},
		{"an entry that cannot be read", "192.0.2.1", "", geo.Place{}},
		{"loopback", "127.0.0.1", "", geo.Place{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := d.Find(netip.MustParseAddr(c.ip))
			if diff := cmp.Diff(c.want, got); diff != "" || ok != (c.want != geo.Place{}) {
				t.Errorf("found %v: %s", ok, diff)
			}
			if got.String() != c.text {
				t.Errorf("people are shown %q, want %q", got, c.text)
			}
		})
	}
	if _, ok := d.Find(netip.Addr{}); ok {
		t.Error("no address is somewhere")
	}
}

func TestAFileThatCannotBeUsedIsRefused(t *testing.T) {
	good := geotest.File(map[string]geotest.Map{"81.2.69.0/24": geotest.Country("GB")})
	for name, raw := range map[string][]byte{
		"empty":                   {},
		"something else":          []byte("{}"),
		"cut off":                 good[:len(good)/2],
		"the beginning is gone":   good[len(good)/3:],
		"networks, not countries": geotest.File(map[string]geotest.Map{"81.2.69.0/24": {"autonomous_system_number": uint16(64500)}}),
		"zeros in the middle":     bytes.Join([][]byte{make([]byte, 400), good[400:]}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "places.mmdb")
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := geo.Open(path); err == nil {
				t.Error("it was taken")
			}
		})
	}
	if _, err := geo.Open(filepath.Join(t.TempDir(), "nothing.mmdb")); err == nil {
		t.Error("a file that is not there was taken")
	}
}

func TestAReplacedFileIsReadAgainAndABrokenOneIsNot(t *testing.T) {
	edition := func(network, code string) []byte {
		return geotest.File(map[string]geotest.Map{network: geotest.Country(code)})
	}
	path := geotest.Write(t, map[string]geotest.Map{"81.2.69.0/24": geotest.Country("GB")})
	f, err := geo.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	where := func() string {
		place, _ := f.Find(netip.MustParseAddr("81.2.69.1"))
		return place.String()
	}
	// Each edition has another size, so that a clock with coarse ticks cannot hide it.
	steps := []struct {
		name    string
		raw     []byte // nil removes the file
		changed bool
		failed  bool
		want    string
	}{
		{"another edition", edition("81.2.0.0/16", "FR"), true, false, "FR"},
		{"half of one", edition("81.0.0.0/8", "IT")[:90], false, true, "FR"},
		{"none", nil, false, true, "FR"},
		{"a good one again", edition("81.2.69.0/25", "ES"), true, false, "ES"},
	}
	for _, s := range steps {
		if s.raw == nil {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			geotest.Replace(t, path, s.raw)
		}
		if changed, err := f.Refresh(); changed != s.changed || (err != nil) != s.failed {
			t.Errorf("%s: changed %v (%v), want %v and an error %v", s.name, changed, err, s.changed, s.failed)
		}
		if changed, err := f.Refresh(); changed || err != nil {
			t.Errorf("%s, looked at again: %v, %v; want to hear of it once", s.name, changed, err)
		}
		if got := where(); got != s.want {
			t.Errorf("%s: %q is told, want %q", s.name, got, s.want)
		}
	}
}
