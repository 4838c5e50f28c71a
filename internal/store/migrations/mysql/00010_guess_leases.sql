-- +goose NO TRANSACTION
-- +goose Up

-- How long it takes for one guess to fade, in microseconds: the counter is a bucket, and
-- ends_at is when it is empty. 0 for counters that fade as a whole. Of taken, held are
-- reserved by processes, until held_until, and not known to be wrong.
ALTER TABLE guesses
    ADD COLUMN refill BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN held BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
