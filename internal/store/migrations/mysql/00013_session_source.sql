-- +goose NO TRANSACTION
-- +goose Up

-- The part of the network in which a session began, as far as that can be trusted.
-- NULL as long as no policy asks.
ALTER TABLE sessions ADD COLUMN source VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
    ADD KEY sessions_source (tenant, source, created_at, identity_id);
