package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/jose"
	"cardea/internal/jsonnet"
	"cardea/internal/problem"
	"cardea/internal/session"
)

// Keys are rotated by writing their file anew, so files are read again soon. What
// comes over the network is asked for seldom, as the contract has it.
const (
	readAgain  = time.Minute
	fetchAgain = time.Hour
)

// tokenizers makes the tokenizers of templates when they are asked for. A template
// that cannot be used says so to the client that asks for it, as the contract has it;
// one that could be used before stays in force.
type tokenizers struct {
	load  flow.Load
	pool  *jsonnet.Pool
	clock clock.Clock
	log   *slog.Logger

	mu   sync.Mutex
	made map[string]*tokenizer
}

// tokenizer is what was made of a template.
type tokenizer struct {
	*session.Tokenizer
	template config.TokenizerTemplate
	issuer   string
	public   []json.RawMessage // the keys with which tokens can be checked
	made     time.Time
	// What the mapper's document was, and when it was read.
	mapper     []byte
	mapperRead time.Time
}

// find gives the tokenizer of a template; 400 for one that is unknown or broken.
func (t *tokenizers) find(ctx context.Context, set *flow.Setup, name string) (*session.Tokenizer, error) {
	template, ok := set.Session.WhoAmI.Tokenizer.Templates[name]
	if !ok {
		return nil, problem.BadRequest("There is no tokenizer template of that name.")
	}
	made, err := t.get(ctx, set, name, template)
	if err != nil {
		return nil, problem.BadRequest("The tokenizer template cannot be used.").With(err)
	}
	return made.Tokenizer, nil
}

// get gives what was made of a template, anew when it is due.
func (t *tokenizers) get(ctx context.Context, set *flow.Setup, name string, template config.TokenizerTemplate) (*tokenizer, error) {
	t.mu.Lock()
	old := t.made[name]
	t.mu.Unlock()
	if old != nil && (old.template != template || old.issuer != set.Serve.Public.BaseURLRaw) {
		old = nil
	}
	now := t.clock.Now()
	if old != nil && now.Sub(old.made) < readAgain {
		return old, nil
	}
	made, err := t.compile(ctx, set, template, old, now)
	if err != nil && old == nil {
		return nil, err
	}
	if err != nil {
		t.log.ErrorContext(ctx, "a tokenizer template cannot be read again; what it said before stays in force", "template", name, "error", err)
		kept := *old
		made, kept.made = &kept, now
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made == nil {
		t.made = map[string]*tokenizer{}
	}
	t.made[name] = made
	return made, nil
}

func (t *tokenizers) compile(ctx context.Context, set *flow.Setup, template config.TokenizerTemplate, old *tokenizer, now time.Time) (*tokenizer, error) {
	keys, err := t.load(ctx, template.JWKSURL)
	if err != nil {
		return nil, fmt.Errorf("jwks_url: %w", err)
	}
	key, err := jose.FirstKey(keys)
	if err != nil {
		return nil, fmt.Errorf("jwks_url: %w", err)
	}
	made := &tokenizer{template: template, issuer: set.Serve.Public.BaseURLRaw, made: now}
	if made.public, err = jose.PublicSet(keys); err != nil {
		return nil, fmt.Errorf("jwks_url: %w", err)
	}
	made.Tokenizer = &session.Tokenizer{
		Key: key, TTL: template.TTL, Issuer: made.issuer, ExternalID: template.SubjectSource == "external_id",
	}
	if template.ClaimsMapperURL == "" {
		return made, nil
	}
	if err := t.readMapper(ctx, made, old, now); err != nil {
		return nil, fmt.Errorf("claims_mapper_url: %w", err)
	}
	program := jsonnet.Program{Filename: "claims_mapper_url", Snippet: string(made.mapper)}
	made.Map = func(ctx context.Context, session, claims json.RawMessage) (json.RawMessage, error) {
		return t.pool.Evaluate(ctx, program, jsonnet.Vars{ExtVars: map[string]json.RawMessage{"session": session, "claims": claims}})
	}
	return made, nil
}

// readMapper reads the mapper, unless it came over the network not long ago.
func (t *tokenizers) readMapper(ctx context.Context, made, old *tokenizer, now time.Time) (err error) {
	remote := strings.HasPrefix(made.template.ClaimsMapperURL, "http")
	if remote && old != nil && now.Sub(old.mapperRead) < fetchAgain {
		made.mapper, made.mapperRead = old.mapper, old.mapperRead
		return nil
	}
	made.mapper, err = t.load(ctx, made.template.ClaimsMapperURL)
	made.mapperRead = now
	return err
}

// publicKeys is the JSON Web Key Set with which the tokens of all templates can be
// checked. A template that cannot be used adds nothing to it.
func (t *tokenizers) publicKeys(ctx context.Context, set *flow.Setup) ([]byte, error) {
	templates := set.Session.WhoAmI.Tokenizer.Templates
	names := make([]string, 0, len(templates))
	for name := range templates {
		names = append(names, name)
	}
	slices.Sort(names)
	all := []json.RawMessage{}
	var errs []error
	for _, name := range names {
		made, err := t.get(ctx, set, name, templates[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("session.whoami.tokenizer.templates.%s: %w", name, err))
			continue
		}
		for _, key := range made.public {
			if !slices.ContainsFunc(all, func(k json.RawMessage) bool { return bytes.Equal(k, key) }) {
				all = append(all, key)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.log.ErrorContext(ctx, "the keys of a tokenizer template are not published", "error", err)
	}
	return json.Marshal(map[string]any{"keys": all})
}
