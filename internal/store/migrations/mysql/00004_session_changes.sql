-- +goose NO TRANSACTION
-- +goose Up

-- What happened to sessions, for caches in other processes and for gateways. A
-- line says that a session ended (reason) or that something about it is another
-- (no reason); a session of zeros stands for all of the identity. Lines of one
-- statement share a batch, so they are all there or none is. They name no rows:
-- what they tell of may be gone.
CREATE TABLE IF NOT EXISTS session_changes (
    tenant      BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    batch       BINARY(16) NOT NULL,
    session_id  BINARY(16) NOT NULL,
    identity_id BINARY(16) NOT NULL,
    reason      VARBINARY(64) NOT NULL,
    PRIMARY KEY (tenant, changed_at, batch, session_id),
    KEY session_changes_at (changed_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
