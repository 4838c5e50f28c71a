// Package geo says where an IP address is, as a file of the operator has it: a
// MaxMind DB (https://maxmind.github.io/MaxMind-DB/), as MaxMind, DB-IP and others
// publish them.
//
// It refuses to decide anything: where an address is said to be is shown to people
// and weighed by others, and never proves anything.
//
// Invariants: an address that is not in the file, or whose entry cannot be read, is
// nowhere, never an error; a file that cannot be used leaves the one that was there.
package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Place is where an address is said to be. Files know more or less of it.
type Place struct {
	Country string // ISO 3166-1 alpha-2, "" when it is unknown
	City    string // in English, "" when it is unknown
	Point   *Point // nil when it is unknown
}

// Point is a place on the globe, in degrees (WGS 84).
type Point struct {
	Latitude, Longitude float64
	Accuracy            float64 // radius in km within which the truth is likely to be; 0 when the file does not say
}

// String is the place for people, "" for nowhere: city and country as the headers
// of well-known proxies give them.
func (p Place) String() string {
	known := make([]string, 0, 2)
	for _, part := range []string{p.City, p.Country} {
		if part != "" {
			known = append(known, part)
		}
	}
	return strings.Join(known, ", ")
}

// Database is one edition of a file. Safe for concurrent use.
type Database struct{ reader *maxminddb.Reader }

// entry is the part of a GeoIP2 City or Country entry that is read.
type entry struct {
	City struct {
		Names struct {
			English string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	Country  country `maxminddb:"country"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		Accuracy  uint32   `maxminddb:"accuracy_radius"`
	} `maxminddb:"location"`
}

type country struct {
	Code string `maxminddb:"iso_code"`
}

// Parse reads a file that is in memory as a whole; raw belongs to the database from
// then on. A file that knows no country at all, such as one of networks, is refused.
func Parse(raw []byte) (*Database, error) {
	reader, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("is not a MaxMind DB, or not all of it: %w", err)
	}
	for network := range reader.Networks() {
		if network.Err() != nil {
			return nil, fmt.Errorf("is damaged: %w", network.Err())
		}
		var found country
		if network.DecodePath(&found, "country") == nil && found.Code != "" {
			return &Database{reader}, nil
		}
	}
	return nil, errors.New("knows no countries (its type is " + fmt.Sprintf("%q", reader.Metadata.DatabaseType) + "; one with City or Country is needed)")
}

// Find looks an address up. False when nothing is known of it.
func (d *Database) Find(ip netip.Addr) (Place, bool) {
	var found entry
	if err := d.reader.Lookup(ip.Unmap().WithZone("")).Decode(&found); err != nil {
		return Place{}, false
	}
	p := Place{Country: found.Country.Code, City: found.City.Names.English}
	if at := found.Location; at.Latitude != nil && at.Longitude != nil {
		p.Point = &Point{Latitude: *at.Latitude, Longitude: *at.Longitude, Accuracy: float64(at.Accuracy)}
	}
	return p, p != Place{}
}
