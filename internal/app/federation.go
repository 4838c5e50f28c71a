package app

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/jsonnet"
	"cardea/internal/method/oidc"
)

const (
	providerTimeout = 10 * time.Second // of one request to a provider
	mapperKept      = time.Hour        // how long a mapper from elsewhere is used without looking again
)

// newFederation makes the method that signs people in at other providers.
func (a *App) newFederation(s *config.Snapshot) (*oidc.Method, error) {
	trusted, err := newFetcher(s, fetch.Options{Timeout: providerTimeout})
	if err != nil {
		return nil, err
	}
	public, err := fetch.New(fetch.Options{
		Policy: fetch.Untrusted, Exceptions: s.Clients.HTTP.PrivateIPExceptionURLs, Timeout: providerTimeout, Proxy: http.ProxyFromEnvironment,
	})
	if err != nil {
		return nil, err
	}
	m := &mappers{load: a.load, pool: a.jsonnet, clock: a.clock, kept: map[string]mapper{}}
	return oidc.New(oidc.Options{Trusted: trusted.HTTP(), Public: public.HTTP(), Map: m.run, Clock: a.clock}), nil
}

// mappers are the programs that turn claims into traits.
type mappers struct {
	load  flow.Load
	pool  *jsonnet.Pool
	clock clock.Clock

	mu   sync.Mutex
	kept map[string]mapper
}

type mapper struct {
	snippet string
	until   time.Time
}

// run loads a program, or remembers it, and runs it.
func (m *mappers) run(ctx context.Context, address string, vars map[string]json.RawMessage) (json.RawMessage, error) {
	snippet, err := m.snippet(ctx, address)
	if err != nil {
		return nil, err
	}
	return m.pool.Evaluate(ctx, jsonnet.Program{Filename: "mapper_url", Snippet: snippet}, jsonnet.Vars{ExtVars: vars})
}

func (m *mappers) snippet(ctx context.Context, address string) (string, error) {
	now := m.clock.Now()
	m.mu.Lock()
	known, ok := m.kept[address]
	m.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.snippet, nil
	}
	raw, err := m.load(ctx, address)
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[address] = mapper{string(raw), now.Add(mapperKept)}
	return string(raw), nil
}
