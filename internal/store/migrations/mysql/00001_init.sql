-- +goose NO TRANSACTION
-- +goose Up
-- Ids are the 16 bytes of a UUID, times are microseconds since 1970 in UTC,
-- JSON is text that is never searched. Every row carries its tenant first, in
-- every key. Child rows repeat the tenant in their foreign key, so that no row
-- can hang on another tenant's.
--
-- Rules for the migrations that follow this one: add tables, indexes and columns
-- that are nullable or have a default; stop using a column one release before it
-- is dropped. Then an older version goes on serving while a newer one starts.

CREATE TABLE IF NOT EXISTS identities (
    tenant           BIGINT NOT NULL,
    id               BINARY(16) NOT NULL,
    external_id      VARBINARY(1024),
    schema_id        VARBINARY(1024) NOT NULL,
    state            VARBINARY(64) NOT NULL,
    state_changed_at BIGINT,
    traits           MEDIUMBLOB NOT NULL,
    metadata_public  MEDIUMBLOB,
    metadata_admin   MEDIUMBLOB,
    organization_id  BINARY(16),
    available_aal    VARBINARY(32) NOT NULL DEFAULT '',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE KEY identities_external (tenant, external_id),
    KEY identities_organization (tenant, organization_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One credential of a type per identity; clustered by identity, because they are
-- always read together.
CREATE TABLE IF NOT EXISTS credentials (
    tenant      BIGINT NOT NULL,
    identity_id BINARY(16) NOT NULL,
    type        VARBINARY(64) NOT NULL,
    id          BINARY(16) NOT NULL,
    config      MEDIUMBLOB NOT NULL,
    version     BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, identity_id, type),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS credential_identifiers (
    tenant      BIGINT NOT NULL,
    type        VARBINARY(64) NOT NULL,
    identifier  VARBINARY(1024) NOT NULL,
    identity_id BINARY(16) NOT NULL,
    PRIMARY KEY (tenant, type, identifier),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE,
    KEY credential_identifiers_identity (tenant, identity_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS verifiable_addresses (
    tenant      BIGINT NOT NULL,
    identity_id BINARY(16) NOT NULL,
    id          BINARY(16) NOT NULL,
    via         VARBINARY(32) NOT NULL,
    value       VARBINARY(1024) NOT NULL,
    verified    BIGINT NOT NULL DEFAULT 0,
    verified_at BIGINT,
    status      VARBINARY(32) NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, identity_id, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE,
    UNIQUE KEY verifiable_addresses_value (tenant, via, value)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS recovery_addresses (
    tenant      BIGINT NOT NULL,
    identity_id BINARY(16) NOT NULL,
    id          BINARY(16) NOT NULL,
    via         VARBINARY(32) NOT NULL,
    value       VARBINARY(1024) NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, identity_id, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE,
    UNIQUE KEY recovery_addresses_value (tenant, via, value)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS sessions (
    tenant           BIGINT NOT NULL,
    id               BINARY(16) NOT NULL,
    identity_id      BINARY(16) NOT NULL,
    active           BIGINT NOT NULL,
    aal              VARBINARY(32) NOT NULL,
    methods          MEDIUMBLOB NOT NULL,
    issued_at        BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    last_used_at     BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE,
    KEY sessions_identity (tenant, identity_id, created_at DESC, id),
    KEY sessions_created (tenant, created_at DESC, id),
    KEY sessions_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Only the hash of a token is here. A session may have several.
CREATE TABLE IF NOT EXISTS session_tokens (
    tenant     BIGINT NOT NULL,
    hash       VARBINARY(255) NOT NULL,
    session_id BINARY(16) NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, hash),
    FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE,
    KEY session_tokens_session (tenant, session_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS session_devices (
    tenant     BIGINT NOT NULL,
    session_id BINARY(16) NOT NULL,
    id         BINARY(16) NOT NULL,
    ip_address VARBINARY(255),
    user_agent MEDIUMBLOB,
    location   VARBINARY(1024),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, session_id, id),
    FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Flows of every kind. No foreign keys: a flow may name an identity before the
-- transaction that writes both has written it.
CREATE TABLE IF NOT EXISTS flows (
    tenant          BIGINT NOT NULL,
    id              BINARY(16) NOT NULL,
    kind            VARBINARY(32) NOT NULL,
    type            VARBINARY(64) NOT NULL,
    state           VARBINARY(64) NOT NULL,
    active_method   VARBINARY(64) NOT NULL DEFAULT '',
    issued_at       BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    request_url     MEDIUMBLOB NOT NULL,
    return_to       MEDIUMBLOB NOT NULL,
    csrf_hash       VARBINARY(255),
    identity_id     BINARY(16),
    session_id      BINARY(16),
    organization_id BINARY(16),
    schema_id       VARBINARY(1024) NOT NULL DEFAULT '',
    challenge       VARBINARY(4096) NOT NULL DEFAULT '',
    refresh         BIGINT NOT NULL DEFAULT 0,
    requested_aal   VARBINARY(32) NOT NULL DEFAULT '',
    facts           MEDIUMBLOB,
    messages        MEDIUMBLOB,
    field_messages  MEDIUMBLOB,
    form_values     MEDIUMBLOB,
    PRIMARY KEY (tenant, id),
    KEY flows_expires (expires_at),
    KEY flows_identity (tenant, identity_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A native app trades two halves for a session: the one it was shown when its flow
-- began, and the one its browser came back with.
CREATE TABLE IF NOT EXISTS session_token_exchanges (
    tenant      BIGINT NOT NULL,
    flow_id     BINARY(16) NOT NULL,
    init_hash   VARBINARY(255) NOT NULL,
    return_hash VARBINARY(255),
    session_id  BINARY(16),
    expires_at  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, init_hash),
    KEY session_token_exchanges_flow (tenant, flow_id),
    KEY session_token_exchanges_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS error_containers (
    tenant     BIGINT NOT NULL,
    id         BINARY(16) NOT NULL,
    body       MEDIUMBLOB NOT NULL,
    csrf_hash  VARBINARY(255),
    seen_at    BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    KEY error_containers_created (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Things that work once: codes, links, challenges. key_hash is a hash or a keyed
-- hash, the payload is encrypted by whoever put it here.
CREATE TABLE IF NOT EXISTS one_time (
    tenant       BIGINT NOT NULL,
    purpose      VARBINARY(128) NOT NULL,
    subject      VARBINARY(512) NOT NULL DEFAULT '',
    key_hash     VARBINARY(255) NOT NULL,
    payload      MEDIUMBLOB,
    attempts     BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL DEFAULT 0,
    expires_at   BIGINT NOT NULL,
    consumed_at  BIGINT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, purpose, subject, key_hash),
    KEY one_time_expires (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Leases of background jobs belong to the installation, not to a tenant.
CREATE TABLE IF NOT EXISTS leases (
    name       VARBINARY(255) NOT NULL PRIMARY KEY,
    holder     VARBINARY(255) NOT NULL,
    expires_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
