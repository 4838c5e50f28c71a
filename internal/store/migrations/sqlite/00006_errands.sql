-- +goose Up

-- What other systems are to be told, one row for each system and event. What is said
-- is sealed. A row goes when it was delivered; one that was given up stays for a
-- while, with died_at, so that somebody can look at it and have it tried again.
CREATE TABLE errands (
    tenant     INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    event      BLOB    NOT NULL,
    kind       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    subject    BLOB    NOT NULL,
    seq        INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    sealed     BLOB    NOT NULL,
    error      TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    died_at    INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX errands_lane ON errands (tenant, target, subject, status, seq);
CREATE INDEX errands_created ON errands (tenant, created_at DESC, id);
CREATE INDEX errands_status ON errands (tenant, status, created_at DESC, id);
CREATE INDEX errands_dead ON errands (died_at);

-- A lane holds what one system is told about one subject, in order: it is leased as
-- a whole, and only the first of its rows is tried. It is there as long as rows wait.
CREATE TABLE errand_lanes (
    tenant    INTEGER NOT NULL,
    target    TEXT    NOT NULL,
    subject   BLOB    NOT NULL,
    last_seq  INTEGER NOT NULL,
    next_at   INTEGER NOT NULL,
    lease     INTEGER NOT NULL DEFAULT 0,
    leased_by TEXT,
    PRIMARY KEY (tenant, target, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX errand_lanes_due ON errand_lanes (next_at);
