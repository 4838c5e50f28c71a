package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/session"
)

// keyFile writes a key set with new keys of these ids, the first of which signs.
func keyFile(t *testing.T, path string, ids ...string) {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, id := range ids {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: private, KeyID: id, Algorithm: "ES256"})
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(raw))
}

func TestARotatedKeySignsWithoutARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	keyFile(t, path, "old")
	now := clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	templates := &tokenizers{load: documents(nil), clock: now, log: slog.New(slog.DiscardHandler)}
	set := &flow.Setup{Snapshot: &config.Snapshot{}}
	set.Session.WhoAmI.Tokenizer.Templates = map[string]config.TokenizerTemplate{"a": {JWKSURL: "file://" + path}}
	want := func(what, signs, known string) {
		t.Helper()
		made, err := templates.find(t.Context(), set, "a")
		if err != nil {
			t.Fatal(err)
		}
		token, err := made.Token(t.Context(), &session.Session{}, nil, [16]byte{}, now.Now())
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(token, ".")
		raw, err := base64.RawURLEncoding.DecodeString(head)
		if err != nil || !strings.Contains(string(raw), fmt.Sprintf("%q", signs)) {
			t.Errorf("%s: %s signs, want %s (%v)", what, raw, signs, err)
		}
		keys, err := templates.publicKeys(t.Context(), set)
		if err != nil || strings.Contains(string(keys), `"d"`) {
			t.Errorf("%s: %s %v", what, keys, err)
		}
		var published jose.JSONWebKeySet
		if err := json.Unmarshal(keys, &published); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, k := range published.Keys {
			ids = append(ids, k.KeyID)
		}
		if got := strings.Join(ids, " "); got != known {
			t.Errorf("%s: published are %q, want %q", what, got, known)
		}
	}
	want("at first", "old", "old")
	keyFile(t, path, "old", "new")
	want("at once", "old", "old")
	now.Advance(readAgain)
	want("a minute later", "old", "old new")
	keyFile(t, path, "new", "old")
	now.Advance(readAgain)
	want("after the change", "new", "new old")
	write(t, path, "half a fi")
	now.Advance(readAgain)
	want("while the file is broken", "new", "new old")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	now.Advance(readAgain)
	want("while there is none", "new", "new old")
	set.Session.WhoAmI.Tokenizer.Templates = map[string]config.TokenizerTemplate{"a": {JWKSURL: "file://" + path + ".other"}}
	if _, err := templates.find(t.Context(), set, "a"); err == nil {
		t.Error("another file's keys sign for one that is not there")
	}
}
