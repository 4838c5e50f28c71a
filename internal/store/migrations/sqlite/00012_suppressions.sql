-- +goose Up

-- Addresses that get nothing any more, as they are looked up: normalised, and not hashed,
-- because operators have to read them and to take them elsewhere. expires_at is NULL for
-- those that stay until somebody takes them off the list.
CREATE TABLE suppressions (
    tenant     INTEGER NOT NULL,
    id         BLOB NOT NULL,
    via        TEXT NOT NULL,
    address    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    note       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (tenant, address, via)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX suppressions_id ON suppressions (tenant, id);
CREATE INDEX suppressions_list ON suppressions (tenant, created_at DESC, id);
CREATE INDEX suppressions_end ON suppressions (expires_at);
