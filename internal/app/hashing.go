package app

import (
	"context"
	"io"
	"net/url"
	"sync"
	"sync/atomic"

	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/method/password"
	"cardea/internal/secret"
)

// setupHolder is the configuration in force, for those who cannot be handed it.
type setupHolder struct{ p atomic.Pointer[flow.Setup] }

func (h *setupHolder) store(s *flow.Setup) { h.p.Store(s) }

func (h *setupHolder) load() *flow.Setup { return h.p.Load() }

// hasher is what the configuration asks for.
func hasher(s *config.Snapshot) secret.Hasher {
	if s.Hashers.Algorithm == "argon2" {
		a := s.Hashers.Argon2
		return secret.Argon2id{
			MemoryKiB: a.MemoryKiB, Iterations: a.Iterations, Parallelism: a.Parallelism,
			SaltLength: int(a.SaltLength), KeyLength: a.KeyLength,
		}
	}
	return secret.Bcrypt{Cost: s.Hashers.Bcrypt.Cost}
}

// hashing gives the password hashing of a configuration; all share one pool.
func (a *App) hashing(rand io.Reader) func(*config.Snapshot) password.Hashing {
	made := memo[*config.Snapshot, password.Hashing]{}
	return func(s *config.Snapshot) password.Hashing {
		return made.get(s, func() password.Hashing { return secret.NewPasswords(a.pool, hasher(s), rand) })
	}
}

// breaches gives the breached-password lookup of a configuration: the file, or the
// range API. The cache of that lives as long as the host it asks stays the same.
func (a *App) breaches(client *fetch.Client, o Options) func(*config.Snapshot) password.BreachChecker {
	made := memo[string, password.BreachChecker]{}
	return func(s *config.Snapshot) password.BreachChecker {
		if s.Cardea.BreachedPasswords.File != "" {
			return offline{&a.breached, s.SelfService.Methods.Password.Config.MaxBreaches}
		}
		base := o.BreachURL
		if base == "" {
			base = (&url.URL{Scheme: "https", Host: s.SelfService.Methods.Password.Config.HaveIBeenPwnedHost}).String()
		}
		return made.get(base, func() password.BreachChecker {
			return password.NewBreachClient(client, base, o.Clock)
		})
	}
}

// memo keeps what was made for the newest key.
type memo[K comparable, V any] struct {
	mu    sync.Mutex
	key   K
	value V
	made  bool
}

func (m *memo[K, V]) get(key K, make func() V) V {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.made || m.key != key {
		m.key, m.value, m.made = key, make(), true
	}
	return m.value
}

// importer hashes passwords that operators bring, in the same pool.
type importer struct {
	hashing func(*config.Snapshot) password.Hashing
}

// Hash hashes a plain password as the configuration says.
func (i importer) Hash(ctx context.Context, s *config.Snapshot, plain string) (string, error) {
	return i.hashing(s).Hash(ctx, plain)
}

// CheckImport judges a hash that comes from elsewhere.
func (importer) CheckImport(encoded string) error { return secret.CheckImport(encoded) }
