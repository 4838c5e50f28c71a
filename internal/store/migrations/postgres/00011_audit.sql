-- +goose Up

-- What was done and has no place in the chain yet: written in the transaction that
-- does it, so nobody waits for anybody. Ids are ordered by time.
CREATE TABLE audit_tail (
    tenant      BIGINT NOT NULL,
    id          BYTEA   NOT NULL,
    at          BIGINT NOT NULL,
    action      TEXT COLLATE "C" NOT NULL,
    outcome     TEXT    NOT NULL,
    actor       TEXT COLLATE "C" NOT NULL,
    identity_id BYTEA,
    session_id  BYTEA,
    request_id  TEXT    NOT NULL,
    ip          TEXT    NOT NULL,
    user_agent  TEXT    NOT NULL,
    times       BIGINT NOT NULL,
    details     TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What has its place. Rows are never changed; those of the beginning go when they
-- were kept long enough.
CREATE TABLE audit_log (
    tenant      BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    hash        BYTEA   NOT NULL,
    id          BYTEA   NOT NULL,
    at          BIGINT NOT NULL,
    action      TEXT COLLATE "C" NOT NULL,
    outcome     TEXT    NOT NULL,
    actor       TEXT COLLATE "C" NOT NULL,
    identity_id BYTEA,
    session_id  BYTEA,
    request_id  TEXT    NOT NULL,
    ip          TEXT    NOT NULL,
    user_agent  TEXT    NOT NULL,
    times       BIGINT NOT NULL,
    details     TEXT    NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_log_id ON audit_log (tenant, id);
CREATE INDEX audit_log_identity ON audit_log (tenant, identity_id, id);
CREATE INDEX audit_log_actor ON audit_log (tenant, actor, id);
CREATE INDEX audit_log_action ON audit_log (tenant, action, id);

-- Where a chain ends and begins, signed.
CREATE TABLE audit_heads (
    tenant      BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    hash        BYTEA   NOT NULL,
    anchor      BIGINT NOT NULL,
    anchor_hash BYTEA   NOT NULL,
    sealed_at   BIGINT NOT NULL,
    key_name    TEXT    NOT NULL,
    signature   BYTEA   NOT NULL,
    PRIMARY KEY (tenant)
);
