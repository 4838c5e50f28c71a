package lookup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardea/cardeatest"
)

func TestAnOldSignInIsRefusedEveryAction(t *testing.T) {
	stale := `  flows: {settings: {privileged_session_max_age: 1ns}}
`
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		c := newServer(t, stale).Client(k)
		c.SignUp("ann@ex.org", cardeatest.Password)
		f := c.Start("settings", "")
		for _, action := range []string{"regenerate", "confirm", "reveal", "disable"} {
			a := f.Submit(map[string]any{"lookup_secret_" + action: "true"})
			if a.ErrorID() != "session_refresh_required" && !strings.Contains(a.Location, "refresh=true") {
				t.Errorf("%s: %d %s %s", action, a.Status, a.Location, a.Body)
			}
		}
	})
}

func TestNobodyElseReadsTheCodesOfAForm(t *testing.T) {
	forEachKind(t, func(t *testing.T, k cardeatest.Kind) {
		server := newServer(t, "")
		ann, bob := server.Client(k), server.Client(k)
		ann.SignUp("ann@ex.org", cardeatest.Password)
		bob.SignUp("bob@ex.org", cardeatest.Password)
		f := ann.Start("settings", "")
		codes, _ := listed(t, ask(t, f, "regenerate"))
		for about, a := range map[string]*cardeatest.Answer{
			"another account":     bob.Get("/self-service/settings/flows?id=" + f.ID),
			"nobody":              server.Client(k).Get("/self-service/settings/flows?id=" + f.ID),
			"another submission":  bob.Do("POST", "/self-service/settings?flow="+f.ID, map[string]any{"lookup_secret_confirm": true}),
			"another of her own":  ann.Start("settings", "").Answer,
			"the list of persons": server.Client(k).Get(server.AdminURL + "/admin/identities"),
		} {
			if strings.Contains(string(a.Body), codes[0]) {
				t.Errorf("%s: %d %s", about, a.Status, a.Body)
			}
		}
	})
}

func TestTheDatabaseShowsNoCode(t *testing.T) {
	dir := t.TempDir()
	server := cardeatest.New(t, cardeatest.Options{Config: config, DSN: "sqlite://" + filepath.ToSlash(filepath.Join(dir, "rows.db")) + "?_fk=true"})
	c := server.Client(cardeatest.Native)
	c.SignUp("canary@ex.org", cardeatest.Password)
	stored := enrol(t, c)
	waiting, _ := listed(t, ask(t, c.Start("settings", ""), "regenerate"))
	files, err := filepath.Glob(filepath.Join(dir, "rows.db*"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []byte
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, raw...)
	}
	if !strings.Contains(string(rows), "canary@ex.org") {
		t.Fatal("these are not the rows")
	}
	for _, code := range append(stored, waiting...) {
		if strings.Contains(string(rows), code) {
			t.Errorf("the rows show %q", code)
		}
	}
}
