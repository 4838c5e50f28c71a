-- +goose NO TRANSACTION
-- +goose Up

-- What other systems are to be told, one row for each system and event. What is said
-- is sealed. A row goes when it was delivered; one that was given up stays for a
-- while, with died_at, so that somebody can look at it and have it tried again.
CREATE TABLE IF NOT EXISTS errands (
    tenant     BIGINT NOT NULL,
    id         BINARY(16) NOT NULL,
    event      BINARY(16) NOT NULL,
    kind       VARBINARY(32) NOT NULL,
    target     VARBINARY(320) NOT NULL,
    type       VARBINARY(64) NOT NULL,
    subject    BINARY(16) NOT NULL,
    seq        BIGINT NOT NULL,
    status     VARBINARY(32) NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    sealed     MEDIUMBLOB NOT NULL,
    error      MEDIUMBLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    died_at    BIGINT,
    PRIMARY KEY (tenant, id),
    KEY errands_lane (tenant, target, subject, status, seq),
    KEY errands_created (tenant, created_at DESC, id),
    KEY errands_status (tenant, status, created_at DESC, id),
    KEY errands_dead (died_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A lane holds what one system is told about one subject, in order: it is leased as
-- a whole, and only the first of its rows is tried. It is there as long as rows wait.
CREATE TABLE IF NOT EXISTS errand_lanes (
    tenant    BIGINT NOT NULL,
    target    VARBINARY(320) NOT NULL,
    subject   BINARY(16) NOT NULL,
    last_seq  BIGINT NOT NULL,
    next_at   BIGINT NOT NULL,
    lease     BIGINT NOT NULL DEFAULT 0,
    leased_by VARBINARY(255),
    PRIMARY KEY (tenant, target, subject),
    KEY errand_lanes_due (next_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
