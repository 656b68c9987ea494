-- The index is built while the nodes of the release before go on writing. Where that breaks off it stays behind and serves nobody: so it
-- is dropped first, and the whole can be applied again.

-- +goose NO TRANSACTION
-- +goose Up
-- The client by which a service acted for the author; null where they did so themselves.
ALTER TABLE entry ADD COLUMN IF NOT EXISTS via text;

-- Messages that are silent (kind 8), which count as unread for nobody. No other message is written to it.
DROP INDEX CONCURRENTLY IF EXISTS entry_silent;
CREATE INDEX CONCURRENTLY entry_silent ON entry (room_id, (CASE WHEN kind = 8 THEN seq END)) WHERE kind = 8;

-- +goose Down
DROP INDEX entry_silent;
ALTER TABLE entry DROP COLUMN via;
