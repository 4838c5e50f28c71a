package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/audit"
)

const apiKeyColumns = "id, name, hash, scopes, created_at, expires_at, revoked_at, last_used_at"

// CreateAPIKey stores a key of the admin port.
func (t *Tenant) CreateAPIKey(ctx context.Context, k *apikey.Key) error {
	return t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("INSERT INTO api_keys (tenant, "+apiKeyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			x.tenant, idBytes(k.ID), k.Name, k.Hash, k.Scopes.String(), micros(k.CreatedAt),
			microsOrNull(k.ExpiresAt), microsOrNull(k.RevokedAt), microsOrNull(k.LastUsedAt))
		if err != nil {
			return err
		}
		return x.Record(audit.Entry{Action: audit.KeyCreated, Details: audit.Details{Target: k.ID.String()}.JSON()})
	})
}

// APIKeyByHash finds a key by the hash of what its holder sends. It may be over or
// revoked.
func (t *Tenant) APIKeyByHash(ctx context.Context, hash []byte) (*apikey.Key, error) {
	var k apikey.Key
	var scopes string
	err := one(t.read(ctx), "SELECT "+apiKeyColumns+" FROM api_keys WHERE tenant = ? AND hash = ?", []any{t.id, hash}, apiKeyDest(&k, &scopes)...)
	if err != nil {
		return nil, err
	}
	return &k, readScopes(&k, scopes)
}

// APIKeys lists all keys by id.
func (t *Tenant) APIKeys(ctx context.Context) (list []*apikey.Key, err error) {
	err = t.read(ctx).query("SELECT "+apiKeyColumns+" FROM api_keys WHERE tenant = ? ORDER BY id", []any{t.id}, func(rows row) error {
		var k apikey.Key
		var scopes string
		if err := rows.Scan(apiKeyDest(&k, &scopes)...); err != nil {
			return err
		}
		list = append(list, &k)
		return readScopes(&k, scopes)
	})
	return list, err
}

// RevokeAPIKey ends a key for good. One that is revoked already stays as it was.
func (t *Tenant) RevokeAPIKey(ctx context.Context, id uuid.UUID, now time.Time) error {
	return t.Tx(ctx, func(x *Tx) error {
		err := touched(x.c.exec("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE tenant = ? AND id = ?", micros(now), x.tenant, idBytes(id)))
		if err != nil {
			return err
		}
		return x.Record(audit.Entry{Action: audit.KeyRevoked, Details: audit.Details{Target: id.String()}.JSON()})
	})
}

// TouchAPIKey notes that a key was used, unless a use after since is noted already.
func (t *Tenant) TouchAPIKey(ctx context.Context, id uuid.UUID, now, since time.Time) error {
	return t.Tx(ctx, func(x *Tx) error {
		_, err := x.c.exec("UPDATE api_keys SET last_used_at = ? WHERE tenant = ? AND id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
			micros(now), x.tenant, idBytes(id), micros(since))
		return err
	})
}

func apiKeyDest(k *apikey.Key, scopes *string) []any {
	return []any{
		&k.ID, &k.Name, &k.Hash, scopes, timeAt{&k.CreatedAt},
		timeOrNil{&k.ExpiresAt}, timeOrNil{&k.RevokedAt}, timeOrNil{&k.LastUsedAt},
	}
}

func readScopes(k *apikey.Key, text string) (err error) {
	if k.Scopes, err = apikey.ParseScopes(text); err != nil {
		return fmt.Errorf("the scopes of an API key do not read: %w", err)
	}
	return nil
}
