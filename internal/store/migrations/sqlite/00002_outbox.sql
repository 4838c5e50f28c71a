-- +goose Up

-- Messages that wait to be sent, and those that were. What a message says is
-- sealed. A sender takes a message by a lease that runs out; next_at is when the
-- next attempt is due.
CREATE TABLE messages (
    tenant       INTEGER NOT NULL,
    id           BLOB    NOT NULL,
    template     TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    recipient    TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    send_count   INTEGER NOT NULL DEFAULT 0,
    sealed       BLOB    NOT NULL,
    next_at      INTEGER NOT NULL,
    leased_by    TEXT,
    leased_until INTEGER,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_due ON messages (status, next_at);
CREATE INDEX messages_created ON messages (tenant, created_at DESC, id);
CREATE INDEX messages_status ON messages (tenant, status, created_at DESC, id);
CREATE INDEX messages_recipient ON messages (tenant, recipient, created_at DESC, id);

-- One row for each attempt to send.
CREATE TABLE message_dispatches (
    tenant     INTEGER NOT NULL,
    message_id BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    status     TEXT    NOT NULL,
    error      TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, message_id, id),
    FOREIGN KEY (tenant, message_id) REFERENCES messages (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

