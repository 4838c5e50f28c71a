package app

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/geo/geotest"
)

// edition is a file in which one address is in a country. Editions of other countries
// have other sizes.
func edition(code string) []byte {
	return geotest.File(map[string]geotest.Map{"203.0.113.0/24": geotest.City(strings.Repeat(code, int(code[0]-'A')), code, 1, 2, 3)})
}

func TestTheLastGoodFileWithPlacesStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "places.mmdb")
	geotest.Replace(t, path, edition("AT"))
	pointsTo := func(path string) string { return fmt.Sprintf("cardea: {geoip: {file: %q}}", path) }
	log := &said{}
	a, config := start(t, log, Options{Migrate: true}, pointsTo(path))
	want := func(what, country string) {
		t.Helper()
		if got, _ := a.places.Find(netip.MustParseAddr("203.0.113.5")); got.Country != country {
			t.Errorf("%s: the address is in %q, want %q", what, got.Country, country)
		}
	}
	complains := func(what string, should bool) {
		t.Helper()
		if got := strings.Contains(log.String(), "level=ERROR") && strings.Contains(log.String(), "cardea.geoip.file"); got != should {
			t.Errorf("%s: the log complains %v, want %v: %s", what, got, should, log)
		}
		log.forget()
	}
	want("at the start", "AT")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan bool, 2)
		go func() { a.watchPlaces(ctx); done <- true }()
		go func() { a.watchConfig(ctx); done <- true }()
		pass := func() { time.Sleep(placesInterval + reloadInterval); synctest.Wait() }

		geotest.Replace(t, path, edition("BE"))
		pass()
		want("another edition", "BE")
		complains("another edition", false)

		geotest.Replace(t, path, edition("CH")[:200])
		pass()
		want("half of one", "BE")
		complains("half of one", true)
		pass()
		complains("half of one, later", false)

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		pass()
		want("no file", "BE")
		complains("no file", true)

		geotest.Replace(t, path, edition("DE"))
		pass()
		want("a good one again", "DE")

		write(t, config, pointsTo(filepath.Join(dir, "nothing.mmdb")))
		pass()
		want("a configuration that points nowhere", "DE")
		complains("a configuration that points nowhere", true)

		other := filepath.Join(dir, "other.mmdb")
		geotest.Replace(t, other, edition("ES"))
		write(t, config, pointsTo(other))
		pass()
		want("a configuration that points elsewhere", "ES")

		write(t, config, "{}")
		pass()
		want("a configuration without a file", "")
		stop()
		<-done
		<-done
	})
}
