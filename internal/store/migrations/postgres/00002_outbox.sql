-- +goose Up

-- Messages that wait to be sent, and those that were. What a message says is
-- sealed. A sender takes a message by a lease that runs out; next_at is when the
-- next attempt is due.
CREATE TABLE messages (
    tenant       BIGINT NOT NULL,
    id           BYTEA NOT NULL,
    template     TEXT NOT NULL,
    channel      TEXT NOT NULL,
    recipient    TEXT COLLATE "C" NOT NULL,
    status       TEXT NOT NULL,
    send_count   BIGINT NOT NULL DEFAULT 0,
    sealed       BYTEA NOT NULL,
    next_at      BIGINT NOT NULL,
    leased_by    TEXT,
    leased_until BIGINT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX messages_due ON messages (status, next_at);
CREATE INDEX messages_created ON messages (tenant, created_at DESC, id);
CREATE INDEX messages_status ON messages (tenant, status, created_at DESC, id);
CREATE INDEX messages_recipient ON messages (tenant, recipient, created_at DESC, id);

-- One row for each attempt to send.
CREATE TABLE message_dispatches (
    tenant     BIGINT NOT NULL,
    message_id BYTEA NOT NULL,
    id         BYTEA NOT NULL,
    status     TEXT NOT NULL,
    error      TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, message_id, id),
    FOREIGN KEY (tenant, message_id) REFERENCES messages (tenant, id) ON DELETE CASCADE
);

