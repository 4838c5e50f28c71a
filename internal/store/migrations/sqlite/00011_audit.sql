-- +goose Up

-- What was done and has no place in the chain yet: written in the transaction that
-- does it, so nobody waits for anybody. Ids are ordered by time.
CREATE TABLE audit_tail (
    tenant      INTEGER NOT NULL,
    id          BLOB    NOT NULL,
    at          INTEGER NOT NULL,
    action      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    identity_id BLOB,
    session_id  BLOB,
    request_id  TEXT    NOT NULL,
    ip          TEXT    NOT NULL,
    user_agent  TEXT    NOT NULL,
    times       INTEGER NOT NULL,
    details     TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- What has its place. Rows are never changed; those of the beginning go when they
-- were kept long enough.
CREATE TABLE audit_log (
    tenant      INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    id          BLOB    NOT NULL,
    at          INTEGER NOT NULL,
    action      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    identity_id BLOB,
    session_id  BLOB,
    request_id  TEXT    NOT NULL,
    ip          TEXT    NOT NULL,
    user_agent  TEXT    NOT NULL,
    times       INTEGER NOT NULL,
    details     TEXT    NOT NULL,
    PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_log_id ON audit_log (tenant, id);
CREATE INDEX audit_log_identity ON audit_log (tenant, identity_id, id);
CREATE INDEX audit_log_actor ON audit_log (tenant, actor, id);
CREATE INDEX audit_log_action ON audit_log (tenant, action, id);

-- Where a chain ends and begins, signed.
CREATE TABLE audit_heads (
    tenant      INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    anchor      INTEGER NOT NULL,
    anchor_hash BLOB    NOT NULL,
    sealed_at   INTEGER NOT NULL,
    key_name    TEXT    NOT NULL,
    signature   BLOB    NOT NULL,
    PRIMARY KEY (tenant)
) STRICT, WITHOUT ROWID;
