-- +goose Up

-- What other systems are to be told, one row for each system and event. What is said
-- is sealed. A row goes when it was delivered; one that was given up stays for a
-- while, with died_at, so that somebody can look at it and have it tried again.
CREATE TABLE errands (
    tenant     BIGINT NOT NULL,
    id         BYTEA   NOT NULL,
    event      BYTEA   NOT NULL,
    kind       TEXT    NOT NULL,
    target     TEXT COLLATE "C" NOT NULL,
    type       TEXT    NOT NULL,
    subject    BYTEA   NOT NULL,
    seq        BIGINT NOT NULL,
    status     TEXT    NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    sealed     BYTEA   NOT NULL,
    error      TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    died_at    BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX errands_lane ON errands (tenant, target, subject, status, seq);
CREATE INDEX errands_created ON errands (tenant, created_at DESC, id);
CREATE INDEX errands_status ON errands (tenant, status, created_at DESC, id);
CREATE INDEX errands_dead ON errands (died_at);

-- A lane holds what one system is told about one subject, in order: it is leased as
-- a whole, and only the first of its rows is tried. It is there as long as rows wait.
CREATE TABLE errand_lanes (
    tenant    BIGINT NOT NULL,
    target    TEXT COLLATE "C" NOT NULL,
    subject   BYTEA   NOT NULL,
    last_seq  BIGINT NOT NULL,
    next_at   BIGINT NOT NULL,
    lease     BIGINT NOT NULL DEFAULT 0,
    leased_by TEXT,
    PRIMARY KEY (tenant, target, subject)
);
CREATE INDEX errand_lanes_due ON errand_lanes (next_at);
