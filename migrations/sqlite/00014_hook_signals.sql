-- +goose Up
-- Whether a hook is told signals, too. A node of the release before leaves that as it is.
ALTER TABLE hook ADD COLUMN signals INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE hook DROP COLUMN signals;
