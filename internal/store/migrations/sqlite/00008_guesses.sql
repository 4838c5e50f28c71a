-- +goose Up

-- Guesses at secrets, by what they are counted for: a keyed hash, as is about, which
-- several share that are forgotten together. Times are microseconds; the last four
-- columns are the rule under which the last one was counted.
CREATE TABLE guesses (
    tenant     INTEGER NOT NULL,
    subject    BLOB    NOT NULL,
    about      BLOB    NOT NULL,
    taken      INTEGER NOT NULL,
    wait       INTEGER NOT NULL,
    counted_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    free       INTEGER NOT NULL,
    stop       INTEGER NOT NULL,
    first_wait INTEGER NOT NULL,
    max_wait   INTEGER NOT NULL,
    PRIMARY KEY (tenant, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX guesses_about ON guesses (tenant, about);
CREATE INDEX guesses_end ON guesses (ends_at);
