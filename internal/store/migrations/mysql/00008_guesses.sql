-- +goose NO TRANSACTION
-- +goose Up

-- Guesses at secrets, by what they are counted for: a keyed hash, as is about, which
-- several share that are forgotten together. Times are microseconds; the last four
-- columns are the rule under which the last one was counted.
CREATE TABLE IF NOT EXISTS guesses (
    tenant     BIGINT NOT NULL,
    subject    VARBINARY(32) NOT NULL,
    about      VARBINARY(32) NOT NULL,
    taken      BIGINT NOT NULL,
    wait       BIGINT NOT NULL,
    counted_at BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    free       BIGINT NOT NULL,
    stop       BIGINT NOT NULL,
    first_wait BIGINT NOT NULL,
    max_wait   BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject),
    KEY guesses_about (tenant, about),
    KEY guesses_end (ends_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
