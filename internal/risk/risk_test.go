package risk_test

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"cardea/internal/geo"
	"cardea/internal/risk"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// places are by the first address of their network.
var places = map[string]geo.Point{
	"192.0.2.1":    {Latitude: 60, Longitude: 5, Accuracy: 20},
	"198.51.100.1": {Latitude: -33.9, Longitude: 151.2, Accuracy: 50}, // 15,900 km away
	"203.0.113.1":  {Latitude: 60, Longitude: 5.9, Accuracy: 20},      // 50 km
	"203.0.113.2":  {Latitude: 60, Longitude: 8},                      // 167 km, and nobody says how exactly
	"192.0.2.180":  {Latitude: 0, Longitude: 179.9, Accuracy: 1},
	"192.0.2.181":  {Latitude: 0, Longitude: -179.9, Accuracy: 1}, // 22 km, over the antimeridian
	"192.0.2.190":  {Latitude: 90, Longitude: 0, Accuracy: 1},
	"192.0.2.191":  {Latitude: 90, Longitude: 120, Accuracy: 1}, // the same pole
	"192.0.2.192":  {Latitude: -90, Longitude: 0, Accuracy: 1},  // the other one
}

func locate(a netip.Addr) *geo.Point {
	if p, ok := places[a.String()]; ok {
		return &p
	}
	return nil
}

func from(address string, ago time.Duration) risk.SignIn {
	s := risk.SignIn{At: noon.Add(-ago)}
	if address != "" {
		a := netip.MustParseAddr(address)
		s.Source, _ = a.Prefix(map[bool]int{true: 32, false: 64}[a.Is4()])
	}
	return s
}

// alone are rules with a policy for each signal.
func alone() *risk.Rules {
	r := &risk.Rules{Speed: 1000, Accounts: 3, Within: time.Hour}
	for _, s := range risk.Signals() {
		r.Policies = append(r.Policies, risk.Policy{When: []risk.Signal{s}, Then: risk.Notify})
	}
	return r
}

func TestSignals(t *testing.T) {
	far := []risk.Signal{risk.NewNetwork, risk.ImpossibleTravel}
	for _, tt := range []struct {
		name    string
		now     risk.SignIn
		unknown bool // the device
		earlier []risk.SignIn
		others  int
		want    []risk.Signal
	}{
		{"the first sign-in ever", from("192.0.2.1", 0), true, nil, 0, nil},
		{"where it always was", from("192.0.2.1", 0), false, []risk.SignIn{from("192.0.2.1", time.Hour)}, 0, nil},
		{"another device in the same place", from("192.0.2.1", 0), true, []risk.SignIn{from("192.0.2.1", time.Hour)}, 0, []risk.Signal{risk.NewDevice}},
		{"the same /24", from("10.1.2.3", 0), false, []risk.SignIn{from("10.1.2.250", time.Hour)}, 0, nil},
		{"another /24", from("10.1.3.3", 0), false, []risk.SignIn{from("10.1.2.3", time.Hour)}, 0, []risk.Signal{risk.NewNetwork}},
		{"a network of long ago", from("10.1.2.3", 0), false, []risk.SignIn{from("10.9.9.9", time.Hour), from("10.1.2.4", 500*time.Hour)}, 0, nil},
		{"the same /48", from("2001:db8:1:2::1", 0), false, []risk.SignIn{from("2001:db8:1:ffff::1", time.Hour)}, 0, nil},
		{"another /48", from("2001:db8:2::1", 0), false, []risk.SignIn{from("2001:db8:1::1", time.Hour)}, 0, []risk.Signal{risk.NewNetwork}},
		{"an address that nobody can trust", from("", 0), true, []risk.SignIn{from("10.1.2.3", time.Hour)}, 9, []risk.Signal{risk.NewDevice}},
		{"earlier ones of which nobody knows from where", from("10.1.2.3", 0), false, []risk.SignIn{from("", time.Hour), from("", 2*time.Hour)}, 0, nil},
		{"one earlier one of which somebody knows", from("10.1.2.3", 0), false, []risk.SignIn{from("", time.Hour), from("10.9.9.9", 2*time.Hour)}, 0, []risk.Signal{risk.NewNetwork}},

		{"around the world in an hour", from("198.51.100.1", 0), false, []risk.SignIn{from("192.0.2.1", time.Hour)}, 0, far},
		{"around the world in a day", from("198.51.100.1", 0), false, []risk.SignIn{from("192.0.2.1", 24*time.Hour)}, 0, []risk.Signal{risk.NewNetwork}},
		{"at the same moment", from("198.51.100.1", 0), false, []risk.SignIn{from("192.0.2.1", 0)}, 0, far},
		{"a clock that went back", from("198.51.100.1", 0), false, []risk.SignIn{from("192.0.2.1", -time.Hour)}, 0, []risk.Signal{risk.NewNetwork}},
		{"to a place that nobody knows", from("10.0.0.1", 0), false, []risk.SignIn{from("192.0.2.1", time.Minute)}, 0, []risk.Signal{risk.NewNetwork}},
		{"from a place that nobody knows", from("192.0.2.1", 0), false, []risk.SignIn{from("10.0.0.1", time.Minute)}, 0, []risk.Signal{risk.NewNetwork}},
		{"only the last place counts", from("192.0.2.1", 0), false, []risk.SignIn{from("192.0.2.9", time.Minute), from("198.51.100.1", 2*time.Minute)}, 0, nil},
		{"50 km in a moment, within both radii but 10 km", from("203.0.113.1", 0), false, []risk.SignIn{from("192.0.2.1", 40*time.Second)}, 0, []risk.Signal{risk.NewNetwork}},
		{"the same in no time", from("203.0.113.1", 0), false, []risk.SignIn{from("192.0.2.1", 10*time.Second)}, 0, far},
		{"a place of which nobody says how exact it is", from("203.0.113.2", 0), false, []risk.SignIn{from("192.0.2.1", 5*time.Minute)}, 0, []risk.Signal{risk.NewNetwork}},
		{"over the antimeridian", from("192.0.2.180", 0), false, []risk.SignIn{from("192.0.2.181", 2*time.Minute)}, 0, nil},
		{"around the pole", from("192.0.2.190", 0), false, []risk.SignIn{from("192.0.2.191", 0)}, 0, nil},
		{"from pole to pole", from("192.0.2.190", 0), false, []risk.SignIn{from("192.0.2.192", time.Hour)}, 0, []risk.Signal{risk.ImpossibleTravel}},

		{"one account too few", from("10.0.0.1", 0), false, nil, 2, nil},
		{"the one account too many", from("10.0.0.1", 0), false, nil, 3, []risk.Signal{risk.ManyAccounts}},
	} {
		now := risk.Now{SignIn: tt.now, KnownDevice: !tt.unknown}
		if got := alone().Judge(now, risk.Past{Earlier: tt.earlier, Others: tt.others}, locate).Signals; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDistances(t *testing.T) {
	for _, tt := range []struct {
		a, b geo.Point
		want float64
	}{
		{geo.Point{}, geo.Point{}, 0},
		{geo.Point{Latitude: 48.8566, Longitude: 2.3522}, geo.Point{Latitude: 40.7128, Longitude: -74.006}, 5837},
		{geo.Point{Longitude: 179.5}, geo.Point{Longitude: -179.5}, 111},
		{geo.Point{Latitude: 90}, geo.Point{Latitude: -90}, 20015},
		{geo.Point{Latitude: 90, Longitude: 10}, geo.Point{Latitude: 90, Longitude: -170}, 0},
		{geo.Point{}, geo.Point{Longitude: 180}, 20015},
	} {
		there, back := risk.Distance(tt.a, tt.b), risk.Distance(tt.b, tt.a)
		if math.Abs(there-tt.want) > 1 || math.IsNaN(there) || there != back {
			t.Errorf("%v to %v is %.1f km, and back %.1f; want %.0f", tt.a, tt.b, there, back, tt.want)
		}
	}
}

func TestOfThePoliciesThatApplyTheStrongestWins(t *testing.T) {
	device, network, both := []risk.Signal{risk.NewDevice}, []risk.Signal{risk.NewNetwork}, []risk.Signal{risk.NewDevice, risk.NewNetwork}
	earlier := []risk.SignIn{from("10.9.9.9", time.Hour)}
	for _, tt := range []struct {
		name     string
		policies []risk.Policy
		known    bool
		want     risk.Response
	}{
		{"none", nil, false, risk.Nothing},
		{"the stronger one first", []risk.Policy{{When: device, Then: risk.Block}, {When: network, Then: risk.Notify}}, false, risk.Block},
		{"the stronger one last", []risk.Policy{{When: network, Then: risk.Notify}, {When: device, Then: risk.SecondFactor}}, false, risk.SecondFactor},
		{"each of them", []risk.Policy{{When: device, Then: risk.Nothing}, {When: both, Then: risk.Challenge}}, false, risk.Challenge},
		{"all signals have to be there", []risk.Policy{{When: both, Then: risk.Block}, {When: network, Then: risk.Notify}}, true, risk.Notify},
		{"of another journey", []risk.Policy{{When: device, Kinds: []string{"recovery"}, Then: risk.Block}}, false, risk.Nothing},
		{"of this journey", []risk.Policy{{When: device, Kinds: []string{"login"}, Then: risk.Block}}, false, risk.Block},
		{"of another method", []risk.Policy{{When: device, Methods: []string{"oidc"}, Then: risk.Block}}, false, risk.Nothing},
		{"of this method", []risk.Policy{{When: device, Methods: []string{"password"}, Then: risk.Block}}, false, risk.Block},
	} {
		r := &risk.Rules{Policies: tt.policies}
		now := risk.Now{SignIn: from("10.1.2.3", 0), KnownDevice: tt.known, Kind: "login", Method: "password"}
		if got := r.Judge(now, risk.Past{Earlier: earlier}, locate).Response; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestThePastIsAskedOnlyWhenAPolicyDependsOnIt(t *testing.T) {
	none, earlier, others := risk.Asked{}, risk.Asked{Earlier: true}, risk.Asked{Others: true}
	both := []risk.Signal{risk.NewDevice, risk.NewNetwork}
	here := from("10.1.2.3", 0)
	for _, tt := range []struct {
		name     string
		policies []risk.Policy
		now      risk.Now
		want     risk.Asked
	}{
		{"no policies", nil, risk.Now{SignIn: here}, none},
		{"a known device", []risk.Policy{{When: both}}, risk.Now{SignIn: here, KnownDevice: true}, none},
		{"a strange device", []risk.Policy{{When: both}}, risk.Now{SignIn: here}, earlier},
		{"from nowhere", []risk.Policy{{When: both}, {When: []risk.Signal{risk.ManyAccounts}}}, risk.Now{}, none},
		{"a crowd", []risk.Policy{{When: []risk.Signal{risk.ManyAccounts}}}, risk.Now{SignIn: here, KnownDevice: true}, others},
		{"a new account", []risk.Policy{{When: both}, {When: []risk.Signal{risk.ManyAccounts}}}, risk.Now{SignIn: here, New: true}, others},
		{"another journey", []risk.Policy{{When: both, Kinds: []string{"recovery"}}}, risk.Now{SignIn: here, Kind: "login"}, none},
	} {
		if got := (&risk.Rules{Policies: tt.policies}).Asks(tt.now); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
