package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cardea/internal/fetch"
)

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	first, err := PersistedSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 1 || len(first[0]) < 43 {
		t.Errorf("the secrets are %d, of %d characters", len(first), len(first[0]))
	}
	again, err := PersistedSecrets(dir)
	if err != nil || !slices.Equal(first, again) {
		t.Errorf("a second start has other secrets (%v)", err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o700, filepath.Join(dir, secretsFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), info.Mode().Perm(), want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the secrets there are %v (%v)", entries, err)
	}
	other, err := PersistedSecrets(t.TempDir())
	if err != nil || slices.Equal(first, other) {
		t.Errorf("two installations share their secrets (%v)", err)
	}
}

func TestProcessesThatStartTogetherAgreeOnTheSecrets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	const starts = 16
	var all sync.WaitGroup
	results := make([][]string, starts)
	errs := make([]error, starts)
	for i := range starts {
		all.Go(func() { results[i], errs[i] = PersistedSecrets(dir) })
	}
	all.Wait()
	for i := range starts {
		if errs[i] != nil || !slices.Equal(results[i], results[0]) {
			t.Errorf("start %d has other secrets (%v)", i, errs[i])
		}
	}
}

func TestTheSlowerOfTwoProcessesTakesTheSecretsOfTheFaster(t *testing.T) {
	path := filepath.Join(t.TempDir(), secretsFile)
	write(t, path, "the-secret-of-the-faster-one\nand-an-older-one\n")
	got, err := keepFirst(path, "the-secret-of-the-slower-one")
	if err != nil || !slices.Equal(got, []string{"the-secret-of-the-faster-one", "and-an-older-one"}) {
		t.Errorf("the slower process has %d secrets of its own (%v)", len(got), err)
	}
}

func TestAFileOfSecretsCanHoldOlderOnes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, secretsFile)
	write(t, path, "first-first-first\n\nsecond-second-second\n")
	if got, err := PersistedSecrets(dir); err != nil || len(got) != 2 {
		t.Errorf("%d secrets were read (%v)", len(got), err)
	}
	write(t, path, "\n")
	if _, err := PersistedSecrets(dir); err == nil {
		t.Error("an empty file counts as secrets")
	}
	if text, _ := os.ReadFile(path); string(text) != "\n" {
		t.Error("an empty file was written over: whatever was sealed before would be lost for good")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := PersistedSecrets(dir); err == nil {
		t.Error("a folder counts as secrets")
	}
}

func TestDocumentsComeFromWhereTheyAre(t *testing.T) {
	client, err := fetch.New(fetch.Options{Policy: fetch.Trusted})
	if err != nil {
		t.Fatal(err)
	}
	load := documents(client)
	const text = `{"a": "ÿ?>~"}`
	dir := t.TempDir()
	write(t, filepath.Join(dir, "my schema.json"), text)
	big := strings.Repeat("x", maxDocument)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			fmt.Fprint(w, text)
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/big":
			fmt.Fprint(w, big)
		case "/bigger":
			fmt.Fprint(w, big+"x")
		default:
			http.Error(w, "not here", 404)
		}
	}))
	defer server.Close()
	raw := []byte(text)
	for name, address := range map[string]string{
		"a file":                      "file://" + dir + "/my%20schema.json",
		"the standard alphabet":       "base64://" + base64.StdEncoding.EncodeToString(raw),
		"the alphabet for addresses":  "base64://" + base64.URLEncoding.EncodeToString(raw),
		"without padding":             "base64://" + base64.RawStdEncoding.EncodeToString(raw),
		"for addresses, without":      "base64://" + base64.RawURLEncoding.EncodeToString(raw),
		"a server":                    server.URL + "/ok",
		"a server that sends further": server.URL + "/moved",
	} {
		got, err := load(context.Background(), address)
		if err != nil || string(got) != text {
			t.Errorf("%s: read %q (%v)", name, got, err)
		}
	}
	if got, err := load(context.Background(), server.URL+"/big"); err != nil || len(got) != maxDocument {
		t.Errorf("a document of the greatest size: %d bytes (%v)", len(got), err)
	}
	for name, address := range map[string]string{
		"a missing file":      "file://" + dir + "/nowhere.json",
		"a folder":            "file://" + dir,
		"no base64":           "base64://***",
		"a missing page":      server.URL + "/nowhere",
		"a document too long": server.URL + "/bigger",
		"another scheme":      "ftp://cardea.test/schema.json",
		"no scheme":           dir + "/my schema.json",
		"no address":          ":",
		"nothing":             "",
	} {
		if got, err := load(context.Background(), address); err == nil {
			t.Errorf("%s: read %d bytes", name, len(got))
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := load(ctx, server.URL+"/ok"); err == nil {
		t.Error("a document was fetched for somebody who does not wait for it")
	}
}
