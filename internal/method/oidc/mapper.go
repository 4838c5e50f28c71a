package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
)

// mapping is what an operator's program makes of claims.
type mapping struct {
	traits        map[string]any
	public, admin json.RawMessage // nil where the program says nothing
	verified      []identity.Address
}

// mapped is what the operator makes of somebody's claims. It sees the account as it
// is by now, and an empty one for somebody new.
func (m *Method) mapped(ctx context.Context, a *arrival, i *identity.Identity) (*mapping, error) {
	out, err := m.output(ctx, a, i)
	if err != nil {
		return nil, err
	}
	return readMapping(out)
}

// output runs the provider's program over the claims.
func (m *Method) output(ctx context.Context, a *arrival, i *identity.Identity) (json.RawMessage, error) {
	claims, err := json.Marshal(a.claims)
	if err != nil {
		return nil, at(stepClaims, "marshal_failed", err)
	}
	known := map[string]json.RawMessage{"traits": nil, "metadata_public": nil, "metadata_admin": nil}
	if i != nil {
		known["traits"], known["metadata_public"], known["metadata_admin"] = i.Traits, i.MetadataPublic, i.MetadataAdmin
	}
	for name, raw := range known {
		if len(raw) == 0 || string(raw) == "null" {
			known[name] = json.RawMessage(`{}`)
		}
	}
	account, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	if a.provider.Cardea.Claims != nil {
		return declared(a.provider.Cardea, claims)
	}
	out, err := m.Map(ctx, a.provider.MapperURL, map[string]json.RawMessage{"claims": claims, "identity": account})
	if err != nil {
		return nil, at(stepMapper, "evaluation_failed", problem.Internal(fmt.Errorf("the mapper of the provider %q: %w", a.provider.ID, err)))
	}
	return out, nil
}

// readMapping judges the output of a program. What is wrong with it is the
// operator's business; only the list of addresses tends to come from claims.
func readMapping(out json.RawMessage) (*mapping, error) {
	var whole struct {
		Identity struct {
			Traits   json.RawMessage `json:"traits"`
			Public   json.RawMessage `json:"metadata_public"`
			Admin    json.RawMessage `json:"metadata_admin"`
			Verified json.RawMessage `json:"verified_addresses"`
		} `json:"identity"`
	}
	if err := json.Unmarshal(out, &whole); err != nil {
		return nil, at(stepMapper, "invalid_output", problem.Internal(fmt.Errorf("the mapper's output: %w", err)))
	}
	m := &mapping{public: whole.Identity.Public, admin: whole.Identity.Admin}
	var err error
	if m.traits, err = object(whole.Identity.Traits); err != nil || len(whole.Identity.Traits) == 0 || m.traits == nil {
		return nil, at(stepMapper, "invalid_traits", problem.Internal(errors.New("the mapper's output has no object identity.traits")))
	}
	for name, raw := range map[string]json.RawMessage{"metadata_public": m.public, "metadata_admin": m.admin} {
		if o, err := object(raw); len(raw) > 0 && (err != nil || o == nil) {
			return nil, at(stepMapper, "invalid_"+name, problem.New(500, "The mapper of the provider gives %s that is no object.", name).Named(problem.InvalidConfiguration))
		}
	}
	if len(whole.Identity.Verified) == 0 || string(whole.Identity.Verified) == "null" {
		return m, nil
	}
	var list []struct {
		Via   identity.Channel `json:"via"`
		Value string           `json:"value"`
	}
	if err := json.Unmarshal(whole.Identity.Verified, &list); err != nil {
		return nil, at(stepMapper, "invalid_output", problem.BadRequest("The mapper of the provider gives verified addresses that are no list of addresses.").With(err))
	}
	for _, v := range list {
		if v.Via == identity.Email {
			v.Value = strings.ToLower(strings.TrimSpace(v.Value))
		}
		m.verified = append(m.verified, identity.Address{Value: identity.NormalizeIdentifier(v.Value), Via: v.Via})
	}
	return m, nil
}

// refresh is the change that brings an account up to what the provider says by now.
func (m *Method) refresh(ctx context.Context, x *flow.Exec, i *identity.Identity, a *arrival) (func(*identity.Identity) error, error) {
	mapped, err := m.mapped(ctx, a, i)
	if err != nil {
		return nil, err
	}
	schema, err := x.Setup.Schema(i.SchemaID)
	if err != nil {
		return nil, err
	}
	return func(i *identity.Identity) error {
		traits, err := object(i.Traits)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(overlay(a.provider, "traits", traits, mapped.traits))
		if err != nil {
			return err
		}
		derived, violations, err := schema.Validate(raw)
		if err != nil {
			return err
		}
		if len(violations) > 0 {
			return problem.Internal(fmt.Errorf("the provider's claims make traits of identity %s that its schema refuses", i.ID))
		}
		identity.Apply(i, *derived, x.Now, x.NewID)
		public, err := overlaid(a.provider, "metadata_public", i.MetadataPublic, mapped.public)
		if err != nil {
			return err
		}
		admin, err := overlaid(a.provider, "metadata_admin", i.MetadataAdmin, mapped.admin)
		if err != nil {
			return err
		}
		i.SetMetadata(public, admin)
		i.Prove(mapped.verified, x.Now)
		return nil
	}, nil
}

// object reads a JSON object with exact numbers; nil for nothing and for null.
func object(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o map[string]any
	err := d.Decode(&o)
	return o, err
}

// merge lays what was typed over what a provider says. Fields that were left empty
// do not count.
func merge(under, typed map[string]any) map[string]any {
	filled := map[string]any{}
	for k, v := range typed {
		if inner, ok := v.(map[string]any); ok {
			below, _ := under[k].(map[string]any)
			filled[k] = merge(below, inner)
			continue
		}
		if !isZero(v) {
			filled[k] = v
		}
	}
	out := maps.Clone(under)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, filled)
	return out
}

func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case []any:
		return len(v) == 0
	}
	return false
}
