-- +goose Up
-- Whether a hook is told signals, too. A node of the release before leaves that as it is.
ALTER TABLE hook ADD COLUMN signals boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE hook DROP COLUMN signals;
