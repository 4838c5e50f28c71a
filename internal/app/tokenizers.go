package app

import (
	"context"
	"encoding/json"
	"fmt"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/jose"
	"cardea/internal/jsonnet"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// tokenizers makes the tokenizer of a template when it is asked for, once per
// configuration. A template that cannot be used says so to the client that asks
// for it, as the contract has it.
type tokenizers struct {
	load flow.Load
	pool *jsonnet.Pool
	made memo[*config.Snapshot, map[string]*session.Tokenizer]
}

// find gives the tokenizer of a template; 400 for one that is unknown or broken.
func (t *tokenizers) find(ctx context.Context, set *flow.Setup, name string) (*session.Tokenizer, error) {
	template, ok := set.Session.WhoAmI.Tokenizer.Templates[name]
	if !ok {
		return nil, problem.BadRequest("There is no tokenizer template of that name.")
	}
	known := t.made.get(set.Snapshot, func() map[string]*session.Tokenizer { return map[string]*session.Tokenizer{} })
	t.made.mu.Lock()
	made, ok := known[name]
	t.made.mu.Unlock()
	if ok {
		return made, nil
	}
	made, err := t.compile(ctx, set, template)
	if err != nil {
		return nil, problem.BadRequest("The tokenizer template cannot be used.").With(err)
	}
	t.made.mu.Lock()
	known[name] = made
	t.made.mu.Unlock()
	return made, nil
}

func (t *tokenizers) compile(ctx context.Context, set *flow.Setup, template config.TokenizerTemplate) (*session.Tokenizer, error) {
	keys, err := t.load(ctx, template.JWKSURL)
	if err != nil {
		return nil, fmt.Errorf("jwks_url: %w", err)
	}
	key, err := jose.FirstKey(keys)
	if err != nil {
		return nil, fmt.Errorf("jwks_url: %w", err)
	}
	out := &session.Tokenizer{
		Key: key, TTL: template.TTL, Issuer: set.Serve.Public.BaseURLRaw, ExternalID: template.SubjectSource == "external_id",
	}
	if template.ClaimsMapperURL == "" {
		return out, nil
	}
	snippet, err := t.load(ctx, template.ClaimsMapperURL)
	if err != nil {
		return nil, fmt.Errorf("claims_mapper_url: %w", err)
	}
	program := jsonnet.Program{Filename: "claims_mapper_url", Snippet: string(snippet)}
	out.Map = func(ctx context.Context, session, claims json.RawMessage) (json.RawMessage, error) {
		return t.pool.Evaluate(ctx, program, jsonnet.Vars{ExtVars: map[string]json.RawMessage{"session": session, "claims": claims}})
	}
	return out, nil
}
