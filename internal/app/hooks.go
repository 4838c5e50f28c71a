package app

import (
	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/hook"
	"cardea/internal/httpapi"
)

// newHooks builds what calls web hooks. It needs the pool for Jsonnet.
func (a *App) newHooks() *hook.Runner {
	return hook.New(hook.Options{
		Load: a.load, Jsonnet: a.jsonnet, Wire: httpapi.Wire{}, Clock: a.clock, Rand: a.rand,
		Client: func(s *config.Snapshot) (hook.Doer, error) {
			return newFetcher(s, fetch.Options{Timeout: hook.Timeout, MaxBody: hook.MaxAnswer})
		},
	})
}
