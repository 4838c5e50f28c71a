-- +goose NO TRANSACTION
-- +goose Up

-- The part of the network in which a session began, as far as that can be trusted.
-- NULL as long as no policy asks, so that the index then costs nothing.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS source TEXT;
DROP INDEX CONCURRENTLY IF EXISTS sessions_source;
CREATE INDEX CONCURRENTLY sessions_source ON sessions (tenant, source, created_at, identity_id) WHERE source IS NOT NULL;
