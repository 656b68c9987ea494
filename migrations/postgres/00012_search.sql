-- The index is built while the nodes of the release before go on writing. Where that breaks off it stays behind and serves nobody: so it
-- is dropped first, and the whole can be applied again.

-- +goose NO TRANSACTION
-- +goose Up
-- Which messages have which tokens, room by room: core/finding says what the bytes are. All of it can be made anew from the log, and a node
-- of the release before knows nothing of it. Who writes it locks the room's row here.
CREATE TABLE IF NOT EXISTS found (
  room_id text COLLATE "C" NOT NULL PRIMARY KEY,
  blocks  bytea NOT NULL
) WITH (fillfactor = 70);

-- The pieces of the blocks. Most rows are deleted and made anew a few times, when blocks are merged.
CREATE TABLE IF NOT EXISTS found_piece (
  block   bigint NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  key     bytea  NOT NULL,
  data    bytea  NOT NULL,
  PRIMARY KEY (room_id, block, key)
) WITH (autovacuum_vacuum_scale_factor = 0.1);

-- Appends do not change what is public, so that it costs them nothing.
DROP INDEX CONCURRENTLY IF EXISTS room_public;
CREATE INDEX CONCURRENTLY room_public ON room (room_id) WHERE public;

-- +goose Down
DROP INDEX room_public;
DROP TABLE found_piece;
DROP TABLE found;
