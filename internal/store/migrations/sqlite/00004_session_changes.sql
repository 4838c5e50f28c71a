-- +goose Up

-- What happened to sessions, for caches in other processes and for gateways. A
-- line says that a session ended (reason) or that something about it is another
-- (no reason); a session of zeros stands for all of the identity. Lines of one
-- statement share a batch, so they are all there or none is. They name no rows:
-- what they tell of may be gone.
CREATE TABLE session_changes (
    tenant      INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    batch       BLOB    NOT NULL,
    session_id  BLOB    NOT NULL,
    identity_id BLOB    NOT NULL,
    reason      TEXT    NOT NULL,
    PRIMARY KEY (tenant, changed_at, batch, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_changes_at ON session_changes (changed_at);
