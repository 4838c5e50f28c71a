package config

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
)

// defaultSchema is the identity schema of the development mode: an e-mail address
// to sign in with and a name, if one likes.
//
//go:embed default.schema.json
var defaultSchema string

// Ports are those of the two endpoints.
type Ports struct{ Public, Admin int }

// Development gives the settings for Options.Defaults: a server for one developer
// on one machine, reachable from nowhere else, with its database in dataDir.
// dataDir has to be an absolute path. Secrets are not part of it, see
// Options.PersistedSecrets.
func Development(dataDir string) func(Ports) map[string]any {
	return func(p Ports) map[string]any { return development(dataDir, p) }
}

func development(dataDir string, p Ports) map[string]any {
	base := func(port int) string { return fmt.Sprintf("http://127.0.0.1:%d/", port) }
	dsn := url.URL{Scheme: "sqlite", Path: path.Join("/", filepath.ToSlash(dataDir), "cardea.db"), RawQuery: "_fk=true&mode=rwc"}
	return map[string]any{
		"dsn": dsn.String(),
		"dev": true,
		"serve": map[string]any{
			"public": map[string]any{"host": "127.0.0.1", "base_url": base(p.Public)},
			"admin":  map[string]any{"host": "127.0.0.1", "base_url": base(p.Admin)},
		},
		"identity": map[string]any{
			"default_schema_id": "default",
			"schemas": []any{map[string]any{
				"id":  "default",
				"url": "base64://" + base64.StdEncoding.EncodeToString([]byte(defaultSchema)),
			}},
		},
		"selfservice": map[string]any{
			"default_browser_return_url": base(p.Public),
			"methods":                    map[string]any{"password": map[string]any{"enabled": true}},
			"flows": map[string]any{
				"registration": map[string]any{
					"style": "unified",
					"after": map[string]any{"password": map[string]any{"hooks": []any{map[string]any{"hook": "session"}}}},
				},
			},
		},
		"cardea": map[string]any{
			"data_dir":    dataDir,
			"development": map[string]any{"mailbox": true},
		},
	}
}
