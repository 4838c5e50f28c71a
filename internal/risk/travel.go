package risk

import (
	"math"

	"cardea/internal/geo"
)

const (
	// earth is the mean radius of the Earth in km (IUGG).
	earth = 6371.0088
	// unsaid is the radius in km within which an address is of which the file does not
	// say how exact it is.
	unsaid = 100
)

// tooFar says whether nobody gets from one sign-in to the next in the time between,
// wherever within the radii of both places they were. Places that nobody knows, and a
// clock that went back, say nothing.
func (r *Rules) tooFar(from, to SignIn, locate Locate) bool {
	if r.Speed <= 0 || !from.Source.IsValid() || !to.Source.IsValid() {
		return false
	}
	hours := to.At.Sub(from.At).Hours()
	a, b := locate(from.Source.Addr()), locate(to.Source.Addr())
	if a == nil || b == nil || hours < 0 {
		return false
	}
	return Distance(*a, *b)-radius(a)-radius(b) > r.Speed*hours
}

func radius(p *geo.Point) float64 {
	if p.Accuracy > 0 {
		return p.Accuracy
	}
	return unsaid
}

// Distance is how far two places are apart on the globe, in km (haversine formula). It
// is exact to half a percent, because the Earth is no sphere.
func Distance(a, b geo.Point) float64 {
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	lat, lon := math.Sin(rad(b.Latitude-a.Latitude)/2), math.Sin(rad(b.Longitude-a.Longitude)/2)
	h := lat*lat + math.Cos(rad(a.Latitude))*math.Cos(rad(b.Latitude))*lon*lon
	return 2 * earth * math.Asin(min(1, math.Sqrt(h)))
}
