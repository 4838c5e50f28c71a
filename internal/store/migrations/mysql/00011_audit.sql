-- +goose NO TRANSACTION
-- +goose Up

-- What was done and has no place in the chain yet: written in the transaction that
-- does it, so nobody waits for anybody. Ids are ordered by time.
CREATE TABLE IF NOT EXISTS audit_tail (
    tenant      BIGINT NOT NULL,
    id          BINARY(16) NOT NULL,
    at          BIGINT NOT NULL,
    action      VARBINARY(96) NOT NULL,
    outcome     VARBINARY(32) NOT NULL,
    actor       VARBINARY(300) NOT NULL,
    identity_id BINARY(16),
    session_id  BINARY(16),
    request_id  VARBINARY(300) NOT NULL,
    ip          VARBINARY(300) NOT NULL,
    user_agent  VARBINARY(300) NOT NULL,
    times       BIGINT NOT NULL,
    details     MEDIUMBLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What has its place. Rows are never changed; those of the beginning go when they
-- were kept long enough.
CREATE TABLE IF NOT EXISTS audit_log (
    tenant      BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    hash        BINARY(32) NOT NULL,
    id          BINARY(16) NOT NULL,
    at          BIGINT NOT NULL,
    action      VARBINARY(96) NOT NULL,
    outcome     VARBINARY(32) NOT NULL,
    actor       VARBINARY(300) NOT NULL,
    identity_id BINARY(16),
    session_id  BINARY(16),
    request_id  VARBINARY(300) NOT NULL,
    ip          VARBINARY(300) NOT NULL,
    user_agent  VARBINARY(300) NOT NULL,
    times       BIGINT NOT NULL,
    details     MEDIUMBLOB NOT NULL,
    PRIMARY KEY (tenant, seq),
    KEY audit_log_id (tenant, id),
    KEY audit_log_identity (tenant, identity_id, id),
    KEY audit_log_actor (tenant, actor, id),
    KEY audit_log_action (tenant, action, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Where a chain ends and begins, signed.
CREATE TABLE IF NOT EXISTS audit_heads (
    tenant      BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    hash        BINARY(32) NOT NULL,
    anchor      BIGINT NOT NULL,
    anchor_hash BINARY(32) NOT NULL,
    sealed_at   BIGINT NOT NULL,
    key_name    VARBINARY(64) NOT NULL,
    signature   VARBINARY(128) NOT NULL,
    PRIMARY KEY (tenant)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
