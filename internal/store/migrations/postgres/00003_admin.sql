-- +goose Up

-- Keys of the admin port. Only the hash of a key is here; scopes are separated by
-- spaces.
CREATE TABLE api_keys (
    tenant       BIGINT NOT NULL,
    id           BYTEA NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    hash         BYTEA NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (tenant, hash);

-- Traits that operators can search by: the folded value, and every end of it, so
-- that a text anywhere inside is the beginning of some row.
CREATE TABLE identity_traits (
    tenant      BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    value       TEXT COLLATE "C" NOT NULL,
    identity_id BYTEA NOT NULL,
    PRIMARY KEY (tenant, name, value, identity_id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE INDEX identity_traits_identity ON identity_traits (tenant, identity_id);
CREATE TABLE identity_trait_ends (
    tenant      BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    value       TEXT COLLATE "C" NOT NULL,
    identity_id BYTEA NOT NULL,
    PRIMARY KEY (tenant, name, value, identity_id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE INDEX identity_trait_ends_identity ON identity_trait_ends (tenant, identity_id);

-- Which description of a schema its identities' searchable traits follow.
CREATE TABLE search_states (
    tenant    BIGINT NOT NULL,
    schema_id TEXT COLLATE "C" NOT NULL,
    stamp     TEXT NOT NULL,
    PRIMARY KEY (tenant, schema_id)
);
