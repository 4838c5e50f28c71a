-- +goose NO TRANSACTION
-- +goose Up

-- Messages that wait to be sent, and those that were. What a message says is
-- sealed. A sender takes a message by a lease that runs out; next_at is when the
-- next attempt is due.
CREATE TABLE IF NOT EXISTS messages (
    tenant       BIGINT NOT NULL,
    id           BINARY(16) NOT NULL,
    template     VARBINARY(128) NOT NULL,
    channel      VARBINARY(255) NOT NULL,
    recipient    VARBINARY(1024) NOT NULL,
    status       VARBINARY(32) NOT NULL,
    send_count   BIGINT NOT NULL DEFAULT 0,
    sealed       MEDIUMBLOB NOT NULL,
    next_at      BIGINT NOT NULL,
    leased_by    VARBINARY(255),
    leased_until BIGINT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    KEY messages_due (status, next_at),
    KEY messages_created (tenant, created_at DESC, id),
    KEY messages_status (tenant, status, created_at DESC, id),
    KEY messages_recipient (tenant, recipient, created_at DESC, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row for each attempt to send.
CREATE TABLE IF NOT EXISTS message_dispatches (
    tenant     BIGINT NOT NULL,
    message_id BINARY(16) NOT NULL,
    id         BINARY(16) NOT NULL,
    status     VARBINARY(32) NOT NULL,
    error      MEDIUMBLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, message_id, id),
    FOREIGN KEY (tenant, message_id) REFERENCES messages (tenant, id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

