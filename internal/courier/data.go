package courier

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"cardea/internal/flow"
)

// field is something that the texts of a message may know.
type field struct {
	name     string // in templates
	key      string // in the contract's template_data
	from     string // in flow.Outgoing.Data, when it is not the key
	shape    shape
	optional bool // left out of template_data when there is none
}

// shape is what templates find in a field, also when there is no value.
type shape int

const (
	asText         shape = iota // a string
	asNumber                    // an int
	asObject                    // a map by the keys of the JSON
	asLoginRequest              // a map by the names that the contract has for templates
)

// Fields of every template that are not part of template_data.
const (
	productField = "ProductName"        // cardea.account.name
	headersField = "UserRequestHeaders" // of the request that caused the message, by name
	wordsField   = "Words"              // the catalogue's sentences in the language of the message
)

// values fills the fields of a kind: root is what its templates see, data the
// template_data of the contract.
func values(fields []field, given map[string]any) (root, data map[string]any, err error) {
	root, data = make(map[string]any, len(fields)+2), make(map[string]any, len(fields))
	for _, f := range fields {
		v, ok := given[f.from]
		if f.from == "" || !ok {
			v, ok = given[f.key]
		}
		plain, err := f.plain(v)
		if err != nil {
			return nil, nil, err
		}
		if present := ok && plain != nil; present || !f.optional {
			data[f.key] = f.shape.orZero(plain)
		}
		root[f.name] = f.shape.forTemplates(plain)
	}
	return root, data, nil
}

// plain turns a value into what its JSON says, so that templates and services
// see the same whatever type the journey gave it.
func (f field) plain(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("the message's %s is not JSON: %w", f.key, err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("the message's %s is not JSON: %w", f.key, err)
	}
	if out != nil && !f.shape.fits(out) {
		return nil, fmt.Errorf("the message's %s has the wrong type", f.key)
	}
	if n, ok := out.(float64); ok && f.shape == asNumber {
		return int(n), nil
	}
	return out, nil
}

// fits says whether decoded JSON is of the shape.
func (s shape) fits(v any) bool {
	switch v.(type) {
	case string:
		return s == asText
	case float64:
		return s == asNumber
	case map[string]any:
		return s == asObject || s == asLoginRequest
	}
	return false
}

// orZero gives what stands for no value.
func (s shape) orZero(v any) any {
	if v != nil {
		return v
	}
	switch s {
	case asText:
		return ""
	case asNumber:
		return 0
	}
	return map[string]any{}
}

// forTemplates is orZero with the names that templates use. No login request is
// nil, so that {{if}} and {{with}} can ask for one.
func (s shape) forTemplates(v any) any {
	if s != asLoginRequest {
		return s.orZero(v)
	}
	request, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	client, _ := request["client"].(map[string]any)
	return map[string]any{
		"Challenge": request["challenge"],
		"Client": map[string]any{
			"ClientID": client["client_id"], "ClientName": client["client_name"], "ClientURI": client["client_uri"],
			"LogoURI": client["logo_uri"], "Metadata": client["metadata"],
		},
	}
}

// withDerived completes the data of a message with what follows from it.
func (t *Templates) withDerived(o flow.Outgoing) map[string]any {
	given := make(map[string]any, len(o.Data)+2)
	for k, v := range o.Data {
		given[k] = v
	}
	if given["to"] == nil {
		given["to"] = o.Recipient
	}
	given["request_url_domain"] = t.domain(given["request_url"])
	return given
}

// domain is the host for which a browser may fill a code in (origin-bound
// one-time codes). The request's URL carries the Host header of whoever asked, so
// a host that the configuration does not name gives "": the code would otherwise
// be offered to a site of the asker's choice.
func (t *Templates) domain(requestURL any) string {
	address, _ := requestURL.(string)
	u, err := url.Parse(address)
	if err != nil || strings.ContainsFunc(u.Hostname(), notHostname) || !t.hosts.has(u.Hostname()) {
		return ""
	}
	return u.Hostname()
}

func notHostname(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.')
}
