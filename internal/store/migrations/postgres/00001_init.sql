-- +goose Up
-- Ids are the 16 bytes of a UUID, times are microseconds since 1970 in UTC,
-- JSON is text that is never searched. Every row carries its tenant first, in
-- every key. Child rows repeat the tenant in their foreign key, so that no row
-- can hang on another tenant's.
--
-- Rules for the migrations that follow this one: add tables, indexes and columns
-- that are nullable or have a default; stop using a column one release before it
-- is dropped. Then an older version goes on serving while a newer one starts.

CREATE TABLE identities (
    tenant           BIGINT NOT NULL,
    id               BYTEA NOT NULL,
    external_id      TEXT COLLATE "C",
    schema_id        TEXT COLLATE "C" NOT NULL,
    state            TEXT NOT NULL,
    state_changed_at BIGINT,
    traits           TEXT NOT NULL,
    metadata_public  TEXT,
    metadata_admin   TEXT,
    organization_id  BYTEA,
    available_aal    TEXT NOT NULL DEFAULT '',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX identities_external ON identities (tenant, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX identities_organization ON identities (tenant, organization_id, id) WHERE organization_id IS NOT NULL;

-- One credential of a type per identity; clustered by identity, because they are
-- always read together.
CREATE TABLE credentials (
    tenant      BIGINT NOT NULL,
    identity_id BYTEA NOT NULL,
    type        TEXT NOT NULL,
    id          BYTEA NOT NULL,
    config      TEXT NOT NULL,
    version     BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, identity_id, type),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);

CREATE TABLE credential_identifiers (
    tenant      BIGINT NOT NULL,
    type        TEXT NOT NULL,
    identifier  TEXT COLLATE "C" NOT NULL,
    identity_id BYTEA NOT NULL,
    PRIMARY KEY (tenant, type, identifier),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE INDEX credential_identifiers_identity ON credential_identifiers (tenant, identity_id);

CREATE TABLE verifiable_addresses (
    tenant      BIGINT NOT NULL,
    identity_id BYTEA NOT NULL,
    id          BYTEA NOT NULL,
    via         TEXT NOT NULL,
    value       TEXT COLLATE "C" NOT NULL,
    verified    BIGINT NOT NULL DEFAULT 0,
    verified_at BIGINT,
    status      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, identity_id, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX verifiable_addresses_value ON verifiable_addresses (tenant, via, value);

CREATE TABLE recovery_addresses (
    tenant      BIGINT NOT NULL,
    identity_id BYTEA NOT NULL,
    id          BYTEA NOT NULL,
    via         TEXT NOT NULL,
    value       TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, identity_id, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX recovery_addresses_value ON recovery_addresses (tenant, via, value);

CREATE TABLE sessions (
    tenant           BIGINT NOT NULL,
    id               BYTEA NOT NULL,
    identity_id      BYTEA NOT NULL,
    active           BIGINT NOT NULL,
    aal              TEXT NOT NULL,
    methods          TEXT NOT NULL,
    issued_at        BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    last_used_at     BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
);
CREATE INDEX sessions_identity ON sessions (tenant, identity_id, created_at DESC, id);
CREATE INDEX sessions_created ON sessions (tenant, created_at DESC, id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- Only the hash of a token is here. A session may have several.
CREATE TABLE session_tokens (
    tenant     BIGINT NOT NULL,
    hash       BYTEA NOT NULL,
    session_id BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, hash),
    FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE
);
CREATE INDEX session_tokens_session ON session_tokens (tenant, session_id);

CREATE TABLE session_devices (
    tenant     BIGINT NOT NULL,
    session_id BYTEA NOT NULL,
    id         BYTEA NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    location   TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, session_id, id),
    FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE
);

-- Flows of every kind. No foreign keys: a flow may name an identity before the
-- transaction that writes both has written it.
CREATE TABLE flows (
    tenant          BIGINT NOT NULL,
    id              BYTEA NOT NULL,
    kind            TEXT NOT NULL,
    type            TEXT NOT NULL,
    state           TEXT NOT NULL,
    active_method   TEXT NOT NULL DEFAULT '',
    issued_at       BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    request_url     TEXT NOT NULL,
    return_to       TEXT NOT NULL DEFAULT '',
    csrf_hash       BYTEA,
    identity_id     BYTEA,
    session_id      BYTEA,
    organization_id BYTEA,
    schema_id       TEXT COLLATE "C" NOT NULL DEFAULT '',
    challenge       TEXT NOT NULL DEFAULT '',
    refresh         BIGINT NOT NULL DEFAULT 0,
    requested_aal   TEXT NOT NULL DEFAULT '',
    facts           TEXT,
    messages        TEXT,
    field_messages  TEXT,
    form_values     TEXT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX flows_expires ON flows (expires_at);
CREATE INDEX flows_identity ON flows (tenant, identity_id) WHERE identity_id IS NOT NULL;

-- A native app trades two halves for a session: the one it was shown when its flow
-- began, and the one its browser came back with.
CREATE TABLE session_token_exchanges (
    tenant      BIGINT NOT NULL,
    flow_id     BYTEA NOT NULL,
    init_hash   BYTEA NOT NULL,
    return_hash BYTEA,
    session_id  BYTEA,
    expires_at  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, init_hash)
);
CREATE INDEX session_token_exchanges_flow ON session_token_exchanges (tenant, flow_id);
CREATE INDEX session_token_exchanges_expires ON session_token_exchanges (expires_at);

CREATE TABLE error_containers (
    tenant     BIGINT NOT NULL,
    id         BYTEA NOT NULL,
    body       TEXT NOT NULL,
    csrf_hash  BYTEA,
    seen_at    BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX error_containers_created ON error_containers (created_at);

-- Things that work once: codes, links, challenges. key_hash is a hash or a keyed
-- hash, the payload is encrypted by whoever put it here.
CREATE TABLE one_time (
    tenant       BIGINT NOT NULL,
    purpose      TEXT NOT NULL,
    subject      TEXT NOT NULL DEFAULT '',
    key_hash     BYTEA NOT NULL,
    payload      BYTEA,
    attempts     BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL DEFAULT 0,
    expires_at   BIGINT NOT NULL,
    consumed_at  BIGINT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, purpose, subject, key_hash)
);
CREATE INDEX one_time_expires ON one_time (expires_at);

-- Leases of background jobs belong to the installation, not to a tenant.
CREATE TABLE leases (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder     TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
