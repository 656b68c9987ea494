-- +goose Up
-- The client by which a service acted for the author; null where they did so themselves.
ALTER TABLE entry ADD COLUMN via TEXT;

-- Messages that are silent, which count as unread for nobody. No other message is written to it.
CREATE INDEX entry_silent ON entry (room, seq) WHERE kind = 'silent';

-- +goose Down
DROP INDEX entry_silent;
ALTER TABLE entry DROP COLUMN via;
