-- +goose Up
-- Since when the database has rows of rooms that another one of its cluster has now; null where it has none. A node of the release before
-- starts on no such cluster, as it names fewer databases.
ALTER TABLE shard ADD COLUMN split_at timestamptz;

-- +goose Down
ALTER TABLE shard DROP COLUMN split_at;
