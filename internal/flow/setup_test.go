package flow_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cardea/internal/config"
	"cardea/internal/flow"
)

const schemaDocument = `{
  "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
  "properties": {"traits": {"type": "object", "required": ["email"], "additionalProperties": false, "properties": {
    "email": {"type": "string", "format": "email", "ory.sh/kratos": {
      "credentials": {"password": {"identifier": true}}, "verification": {"via": "email"}, "recovery": {"via": "email"}}}}}}}`

// configuration is what every test of this package starts from; pages live on
// another host than the server, as they do for those who bring their own.
const configuration = `
dsn: memory
serve: {public: {base_url: "https://id.cardea.test/"}, admin: {base_url: "https://admin.cardea.test/"}}
secrets: {default: [a-secret-for-tests-only-0123456789]}
identity:
  default_schema_id: default
  schemas: [{id: default, url: "base64://SCHEMA"}, {id: chosen, url: "base64://SCHEMA", selfservice_selectable: true}, {id: hidden, url: "base64://SCHEMA"}]
selfservice:
  default_browser_return_url: https://www.cardea.test/home
  allowed_return_urls: ["https://app.cardea.test/inside"]
  methods: {code: {enabled: false}, profile: {enabled: false}, totp: {enabled: true}, lookup_secret: {enabled: true}}
  flows:
    error: {ui_url: "https://www.cardea.test/error"}
    login: {ui_url: "https://www.cardea.test/login", lifespan: 10m}
    registration: {ui_url: "https://www.cardea.test/registration", lifespan: 10m, style: unified}
    settings: {ui_url: "https://www.cardea.test/settings", lifespan: 10m, privileged_session_max_age: 5m}
    recovery: {enabled: true, ui_url: "https://www.cardea.test/recovery", lifespan: 10m}
    verification: {enabled: true, ui_url: "https://www.cardea.test/verification", lifespan: 10m}
`

// compile makes the setup of the test configuration with more laid over it.
func compile(t testing.TB, more ...string) *flow.Setup {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, text := range append([]string{configuration}, more...) {
		path := filepath.Join(dir, strconv.Itoa(i)+".yml")
		text = strings.ReplaceAll(text, "SCHEMA", base64.StdEncoding.EncodeToString([]byte(schemaDocument)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	snapshot, err := config.Load(config.Options{Files: files, Hostname: "machine.cardea.test"})
	if err != nil {
		t.Fatal(err)
	}
	setup, err := flow.Compile(t.Context(), snapshot, func(_ context.Context, address string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(address, "base64://"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return setup
}

func TestAttestationRootsHaveToBeCertificates(t *testing.T) {
	snapshot := *compile(t).Snapshot
	snapshot.Cardea.WebAuthn.AttestationRoots = []string{"base64://bm90aGluZw=="}
	load := func(_ context.Context, address string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(address, "base64://"))
	}
	if _, err := flow.Compile(t.Context(), &snapshot, load); err == nil || !strings.Contains(err.Error(), "cardea.webauthn.attestation_roots") {
		t.Errorf("compiled: %v", err)
	}
}
