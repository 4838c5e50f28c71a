-- +goose Up

-- A transient session ends with the browser that it was started in: whoever signed in
-- did not ask to be remembered.
ALTER TABLE sessions ADD COLUMN transient BIGINT NOT NULL DEFAULT 0;
