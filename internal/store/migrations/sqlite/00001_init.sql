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
    tenant           INTEGER NOT NULL,
    id               BLOB    NOT NULL,
    external_id      TEXT,
    schema_id        TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    state_changed_at INTEGER,
    traits           TEXT    NOT NULL,
    metadata_public  TEXT,
    metadata_admin   TEXT,
    organization_id  BLOB,
    available_aal    TEXT    NOT NULL DEFAULT '',
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX identities_external ON identities (tenant, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX identities_organization ON identities (tenant, organization_id, id) WHERE organization_id IS NOT NULL;

-- One credential of a type per identity; clustered by identity, because they are
-- always read together.
CREATE TABLE credentials (
    tenant      INTEGER NOT NULL,
    identity_id BLOB    NOT NULL,
    type        TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    config      TEXT    NOT NULL,
    version     INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, identity_id, type),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE credential_identifiers (
    tenant      INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    identifier  TEXT    NOT NULL,
    identity_id BLOB    NOT NULL,
    PRIMARY KEY (tenant, type, identifier),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_identifiers_identity ON credential_identifiers (tenant, identity_id);

CREATE TABLE verifiable_addresses (
    tenant      INTEGER NOT NULL,
    identity_id BLOB    NOT NULL,
    id          BLOB    NOT NULL,
    via         TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    verified    INTEGER NOT NULL DEFAULT 0,
    verified_at INTEGER,
    status      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, identity_id, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX verifiable_addresses_value ON verifiable_addresses (tenant, via, value);

CREATE TABLE recovery_addresses (
    tenant      INTEGER NOT NULL,
    identity_id BLOB    NOT NULL,
    id          BLOB    NOT NULL,
    via         TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, identity_id, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX recovery_addresses_value ON recovery_addresses (tenant, via, value);

CREATE TABLE sessions (
    tenant           INTEGER NOT NULL,
    id               BLOB    NOT NULL,
    identity_id      BLOB    NOT NULL,
    active           INTEGER NOT NULL,
    aal              TEXT    NOT NULL,
    methods          TEXT    NOT NULL,
    issued_at        INTEGER NOT NULL,
    authenticated_at INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    last_used_at     INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, identity_id) REFERENCES identities (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_identity ON sessions (tenant, identity_id, created_at DESC, id);
CREATE INDEX sessions_created ON sessions (tenant, created_at DESC, id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- Only the hash of a token is here. A session may have several.
CREATE TABLE session_tokens (
    tenant     INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    session_id BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash),
    FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX session_tokens_session ON session_tokens (tenant, session_id);

CREATE TABLE session_devices (
    tenant     INTEGER NOT NULL,
    session_id BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    location   TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, session_id, id),
    FOREIGN KEY (tenant, session_id) REFERENCES sessions (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Flows of every kind. No foreign keys: a flow may name an identity before the
-- transaction that writes both has written it.
CREATE TABLE flows (
    tenant          INTEGER NOT NULL,
    id              BLOB    NOT NULL,
    kind            TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    active_method   TEXT    NOT NULL DEFAULT '',
    issued_at       INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    request_url     TEXT    NOT NULL,
    return_to       TEXT    NOT NULL DEFAULT '',
    csrf_hash       BLOB,
    identity_id     BLOB,
    session_id      BLOB,
    organization_id BLOB,
    schema_id       TEXT    NOT NULL DEFAULT '',
    challenge       TEXT    NOT NULL DEFAULT '',
    refresh         INTEGER NOT NULL DEFAULT 0,
    requested_aal   TEXT    NOT NULL DEFAULT '',
    facts           TEXT,
    messages        TEXT,
    field_messages  TEXT,
    form_values     TEXT,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX flows_expires ON flows (expires_at);
CREATE INDEX flows_identity ON flows (tenant, identity_id) WHERE identity_id IS NOT NULL;

-- A native app trades two halves for a session: the one it was shown when its flow
-- began, and the one its browser came back with.
CREATE TABLE session_token_exchanges (
    tenant      INTEGER NOT NULL,
    flow_id     BLOB    NOT NULL,
    init_hash   BLOB    NOT NULL,
    return_hash BLOB,
    session_id  BLOB,
    expires_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant, init_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_token_exchanges_flow ON session_token_exchanges (tenant, flow_id);
CREATE INDEX session_token_exchanges_expires ON session_token_exchanges (expires_at);

CREATE TABLE error_containers (
    tenant     INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    body       TEXT    NOT NULL,
    csrf_hash  BLOB,
    seen_at    INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX error_containers_created ON error_containers (created_at);

-- Things that work once: codes, links, challenges. key_hash is a hash or a keyed
-- hash, the payload is encrypted by whoever put it here.
CREATE TABLE one_time (
    tenant       INTEGER NOT NULL,
    purpose      TEXT    NOT NULL,
    subject      TEXT    NOT NULL DEFAULT '',
    key_hash     BLOB    NOT NULL,
    payload      BLOB,
    attempts     INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 0,
    expires_at   INTEGER NOT NULL,
    consumed_at  INTEGER,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, purpose, subject, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_expires ON one_time (expires_at);

-- Leases of background jobs belong to the installation, not to a tenant.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
