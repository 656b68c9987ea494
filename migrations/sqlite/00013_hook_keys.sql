-- +goose Up
-- The private keys of a hook, sealed; null where it has none. A node of the release before leaves them as they are.
ALTER TABLE hook ADD COLUMN keys BLOB;

-- +goose Down
ALTER TABLE hook DROP COLUMN keys;
