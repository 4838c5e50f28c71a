package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"slices"
	"strings"
)

// A bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), as far
// as a binary tells: its modules with their versions and check sums. Licences are not
// in a binary, so they are not in the bill.
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp  string     `json:"timestamp,omitempty"` // of the commit
		Component  component  `json:"component"`
		Properties []property `json:"properties,omitempty"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version,omitempty"`
		PURL       string     `json:"purl"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref  string   `json:"ref"`
		Uses []string `json:"dependsOn"`
	}
)

// sbom lists what is in a binary. It depends on the binary alone.
func sbom(binary, version string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum, err := sha256Of(binary)
	if err != nil {
		return nil, err
	}
	own := purl(info.Main.Path, version)
	b := bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Component: component{
			Type: "application", Ref: own, Name: "cardea", Version: version, PURL: own, Hashes: []hash{{"SHA-256", sum}},
		}},
		Components: []component{library("stdlib", strings.TrimPrefix(info.GoVersion, "go"), "")},
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.time":
			b.Metadata.Timestamp = s.Value
		case "GOOS", "GOARCH", "CGO_ENABLED", "vcs.revision", "vcs.modified":
			b.Metadata.Properties = append(b.Metadata.Properties, property{"cardea:build:" + s.Key, s.Value})
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, library(m.Path, m.Version, m.Sum))
	}
	slices.SortFunc(b.Components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	uses := make([]string, len(b.Components))
	for i, c := range b.Components {
		uses[i] = c.Ref
	}
	b.Dependencies = []dependency{{own, uses}}
	raw, err := json.MarshalIndent(b, "", "  ")
	return append(raw, '\n'), err
}

// library is one module. Its check sum is that of go.sum, which is of no algorithm that
// the format knows.
func library(path, version, sum string) component {
	c := component{Type: "library", Ref: purl(path, version), Name: path, Version: version, PURL: purl(path, version)}
	if sum != "" {
		c.Properties = []property{{"cardea:go.sum", sum}}
	}
	return c
}

// purl is the name of a module for all formats (https://github.com/package-url/purl-spec).
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
