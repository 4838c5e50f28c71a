-- +goose Up

-- Keys of the admin port. Only the hash of a key is here; scopes are separated by
-- spaces.
CREATE TABLE api_keys (
    tenant       INTEGER NOT NULL,
    id           BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_hash ON api_keys (tenant, hash);

-- Traits that operators can search by: the folded value, and every end of it, so
-- that a text anywhere inside is the beginning of some row.
CREATE TABLE identity_traits (
    tenant      INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    identity_id BLOB    NOT NULL,
    PRIMARY KEY (tenant, name, value, identity_id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_traits_identity ON identity_traits (tenant, identity_id);
CREATE TABLE identity_trait_ends (
    tenant      INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    identity_id BLOB    NOT NULL,
    PRIMARY KEY (tenant, name, value, identity_id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_trait_ends_identity ON identity_trait_ends (tenant, identity_id);

-- Which description of a schema its identities' searchable traits follow.
CREATE TABLE search_states (
    tenant    INTEGER NOT NULL,
    schema_id TEXT    NOT NULL,
    stamp     TEXT    NOT NULL,
    PRIMARY KEY (tenant, schema_id)
) STRICT, WITHOUT ROWID;
