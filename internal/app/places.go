package app

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"cardea/internal/config"
	"cardea/internal/geo"
)

// placesInterval is how often the file with places is looked at.
const placesInterval = 10 * time.Second

// places says where addresses are, as the configured file has it. Without one
// everybody is nowhere.
type places struct{ file atomic.Pointer[geo.File] }

// Find implements flow.Places.
func (p *places) Find(ip netip.Addr) (geo.Place, bool) {
	if file := p.file.Load(); file != nil {
		return file.Find(ip)
	}
	return geo.Place{}, false
}

// prepare reads the file of a configuration and returns what puts it in force. The
// file that is in force already stays as it is.
func (p *places) prepare(s *config.Snapshot) (use func(), err error) {
	path, old := s.Cardea.GeoIP.File, p.file.Load()
	if old != nil && old.Path() == path {
		return func() {}, nil
	}
	file, err := openPlaces(path)
	return func() { p.file.Store(file) }, err
}

// openPlaces is nil without a path.
func openPlaces(path string) (*geo.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := geo.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cardea.geoip.file: %w; put a MaxMind DB with cities or countries there (GeoLite2 City, say), or remove the setting", err)
	}
	return file, nil
}

// CheckPlaces says what is wrong with the file that tells where addresses are.
func CheckPlaces(s *config.Snapshot) error {
	_, err := openPlaces(s.Cardea.GeoIP.File)
	return err
}

// watchPlaces puts each new edition of the file in force until ctx is done.
func (a *App) watchPlaces(ctx context.Context) {
	ticker := time.NewTicker(placesInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.refreshPlaces()
		}
	}
}

// refreshPlaces looks at the file once. One that cannot be used is told to the log,
// and what was read before stays.
func (a *App) refreshPlaces() {
	file := a.places.file.Load()
	if file == nil {
		return
	}
	switch changed, err := file.Refresh(); {
	case err != nil:
		a.log.Error("the file with places cannot be read again; what it said before stays in force", "key", "cardea.geoip.file", "error", err)
	case changed:
		a.log.Info("a new edition of the file with places is in force", "key", "cardea.geoip.file")
	}
}
