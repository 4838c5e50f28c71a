package oidc

import (
	"encoding/json"
	"slices"
	"strings"

	"cardea/internal/config"
)

// declared makes of claims what a program would: the rules of the configuration say
// which claim an attribute is filled with.
func declared(p config.CardeaProvider, claims json.RawMessage) (json.RawMessage, error) {
	told, err := object(claims)
	if err != nil {
		return nil, err
	}
	made := map[string]any{"traits": map[string]any{}}
	for _, rule := range p.Claims {
		for _, from := range rule.From {
			if v, ok := claimAt(told, from); ok && !empty(v) {
				put(made, strings.Split(rule.To, "."), v)
				break
			}
		}
	}
	if verified := vouched(p, told); len(verified) > 0 {
		made["verified_addresses"] = verified
	}
	return json.Marshal(map[string]any{"identity": made})
}

// claimAt finds a claim by its path, also among those that have no place of their own.
// Names with dots in them, as URLs have, are found as they are.
func claimAt(claims map[string]any, path string) (any, bool) {
	if v, ok := member(claims, path); ok {
		return v, true
	}
	raw, _ := claims["raw_claims"].(map[string]any)
	return member(raw, path)
}

func member(in map[string]any, path string) (any, bool) {
	if v, ok := in[path]; ok {
		return v, true
	}
	for i, c := range path {
		if inner, ok := in[path[:i]].(map[string]any); ok && c == '.' {
			if v, found := member(inner, path[i+1:]); found {
				return v, true
			}
		}
	}
	return nil, false
}

// put fills a member of a tree.
func put(tree map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := tree[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[name] = inner
		}
		tree = inner
	}
	tree[path[len(path)-1]] = v
}

// channels are the claims that hold addresses.
var channels = map[string]string{"email": "email", "phone_number": "sms"}

// vouched are the addresses that the provider calls verified.
func vouched(p config.CardeaProvider, claims map[string]any) []any {
	var all []any
	for _, name := range p.Verified {
		if value, ok := claims[name].(string); ok && claims[name+"_verified"] == true {
			all = append(all, map[string]any{"via": channels[name], "value": value})
		}
	}
	return all
}

// The modes of [config.AttributeRule].
const (
	updateAlways  = "always"
	updateIfEmpty = "if_empty"
	updateNever   = "never"
)

// updates says whether a sign-in can change anything of an account.
func updates(p config.OIDCProvider) bool {
	if p.UpdateIdentityOnLogin == "automatic" {
		return true
	}
	for _, rule := range p.Cardea.Update {
		if rule.Mode != updateNever {
			return true
		}
	}
	return false
}

// modeOf is what a sign-in does to an attribute: the rule for the longest part of its
// path counts.
func modeOf(p config.OIDCProvider, attribute string) string {
	mode, longest := updateNever, 0
	if p.UpdateIdentityOnLogin == "automatic" {
		mode = updateAlways
	}
	for _, rule := range p.Cardea.Update {
		if n := len(rule.Attribute); n > longest && (attribute == rule.Attribute || strings.HasPrefix(attribute, rule.Attribute+".")) {
			mode, longest = rule.Mode, n
		}
	}
	return mode
}

// overlay lays what a provider says over what is there, as far as the modes of the
// attributes let it.
func overlay(p config.OIDCProvider, attribute string, under, over map[string]any) map[string]any {
	out := make(map[string]any, len(under)+len(over))
	for k, v := range under {
		out[k] = v
	}
	for k, v := range over {
		path := attribute + "." + k
		if inner, ok := v.(map[string]any); ok {
			below, was := out[k].(map[string]any)
			if below = overlay(p, path, below, inner); was || len(below) > 0 {
				out[k] = below
			}
			continue
		}
		switch mode := modeOf(p, path); {
		case mode == updateAlways, mode == updateIfEmpty && empty(out[k]):
			out[k] = v
		}
	}
	return out
}

// empty says whether there is nothing; false and zero are something.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// overlaid is metadata after a sign-in. A program of the operator's that says anything
// replaces all of it, unless there are rules for its members.
func overlaid(p config.OIDCProvider, attribute string, under, over json.RawMessage) (json.RawMessage, error) {
	if over == nil {
		return under, nil
	}
	ruled := p.Cardea.Claims != nil || slices.ContainsFunc(p.Cardea.Update, func(rule config.AttributeRule) bool {
		return rule.Attribute == attribute || strings.HasPrefix(rule.Attribute, attribute+".")
	})
	switch {
	case !ruled && p.UpdateIdentityOnLogin == "automatic":
		return over, nil
	case !ruled:
		return under, nil
	}
	before, err := object(under)
	if err != nil {
		return nil, err
	}
	said, err := object(over)
	if err != nil {
		return nil, err
	}
	return json.Marshal(overlay(p, attribute, before, said))
}
