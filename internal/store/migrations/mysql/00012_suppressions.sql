-- +goose NO TRANSACTION
-- +goose Up

-- Addresses that get nothing any more, as they are looked up: normalised, and not hashed,
-- because operators have to read them and to take them elsewhere. expires_at is NULL for
-- those that stay until somebody takes them off the list.
CREATE TABLE IF NOT EXISTS suppressions (
    tenant     BIGINT NOT NULL,
    id         BINARY(16) NOT NULL,
    via        VARBINARY(32) NOT NULL,
    address    VARBINARY(1024) NOT NULL,
    reason     VARBINARY(32) NOT NULL,
    note       VARBINARY(2048) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant, address, via),
    UNIQUE KEY suppressions_id (tenant, id),
    KEY suppressions_list (tenant, created_at DESC, id),
    KEY suppressions_end (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
