-- +goose Up

-- The organization around whose connections an address leads back into the account,
-- when they are the only way in and cannot be used.
ALTER TABLE recovery_addresses ADD COLUMN break_glass BLOB;
