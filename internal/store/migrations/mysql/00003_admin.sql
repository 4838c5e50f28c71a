-- +goose NO TRANSACTION
-- +goose Up

-- Keys of the admin port. Only the hash of a key is here; scopes are separated by
-- spaces.
CREATE TABLE IF NOT EXISTS api_keys (
    tenant       BIGINT NOT NULL,
    id           BINARY(16) NOT NULL,
    name         VARBINARY(255) NOT NULL,
    hash         VARBINARY(255) NOT NULL,
    scopes       VARBINARY(4096) NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT,
    PRIMARY KEY (tenant, id),
    UNIQUE KEY api_keys_hash (tenant, hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Traits that operators can search by: the folded value, and every end of it, so
-- that a text anywhere inside is the beginning of some row.
CREATE TABLE IF NOT EXISTS identity_traits (
    tenant      BIGINT NOT NULL,
    name        VARBINARY(255) NOT NULL,
    value       VARBINARY(1024) NOT NULL,
    identity_id BINARY(16) NOT NULL,
    PRIMARY KEY (tenant, name, value, identity_id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE,
    KEY identity_traits_identity (tenant, identity_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
CREATE TABLE IF NOT EXISTS identity_trait_ends (
    tenant      BIGINT NOT NULL,
    name        VARBINARY(255) NOT NULL,
    value       VARBINARY(1024) NOT NULL,
    identity_id BINARY(16) NOT NULL,
    PRIMARY KEY (tenant, name, value, identity_id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE,
    KEY identity_trait_ends_identity (tenant, identity_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Which description of a schema its identities' searchable traits follow.
CREATE TABLE IF NOT EXISTS search_states (
    tenant    BIGINT NOT NULL,
    schema_id VARBINARY(1024) NOT NULL,
    stamp     VARBINARY(255) NOT NULL,
    PRIMARY KEY (tenant, schema_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
