-- Indexes are built while the nodes of the release before go on writing, and dropped first, so that the whole can be applied again.

-- +goose NO TRANSACTION
-- +goose Up
-- Rooms where consumers may be behind. Each append sets pending in the update of the row that it makes anyway; the release before does
-- not: then head is another one than quiet_head, at which pending was cleared.
ALTER TABLE room ADD COLUMN IF NOT EXISTS pending boolean NOT NULL DEFAULT true,
                 ADD COLUMN IF NOT EXISTS quiet_head bigint NOT NULL DEFAULT 0;

-- By share, a hash of the id. No column that each append moves may stand in an index: such updates write all indexes anew.
DROP INDEX CONCURRENTLY IF EXISTS room_pending;
CREATE INDEX CONCURRENTLY room_pending ON room (get_byte(sha256(room_id::bytea), 0), room_id) WHERE pending;

-- Which consumers there are. The row without a name counts each that begins.
CREATE TABLE IF NOT EXISTS consumer (
  generation bigint  NOT NULL DEFAULT 0,
  walked     boolean NOT NULL DEFAULT false,      -- all rooms are pending that it has to begin with
  name       text COLLATE "C" NOT NULL PRIMARY KEY
);
INSERT INTO consumer (name) VALUES ('') ON CONFLICT (name) DO NOTHING;

-- How far each consumer has got in each room.
CREATE TABLE IF NOT EXISTS hook_cursor (
  seq      bigint      NOT NULL,
  upto     bigint      NOT NULL,                  -- the last entry of the batch that is fixed; 0: none is
  head     bigint      NOT NULL,                  -- the room's head when it was fixed
  since    timestamptz,                           -- when it first failed
  next_at  timestamptz,                           -- when it is to be looked at, though the room may not be pending
  tries    integer     NOT NULL,
  stalled  boolean     NOT NULL,
  room_id  text COLLATE "C" NOT NULL,
  consumer text COLLATE "C" NOT NULL,
  sealed   bytea,
  error    text        NOT NULL,
  PRIMARY KEY (room_id, consumer)
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS hook_cursor_next ON hook_cursor (get_byte(sha256(room_id::bytea), 0), next_at) WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS hook_cursor_stuck ON hook_cursor (consumer, room_id) WHERE next_at IS NOT NULL OR stalled;

-- Which node runs the consumers of which share of the rooms, and which nodes live.
CREATE TABLE IF NOT EXISTS lease (
  fence bigint   NOT NULL DEFAULT 0,              -- grows with each change of hands
  share smallint NOT NULL PRIMARY KEY,
  node  text COLLATE "C" NOT NULL DEFAULT ''      -- empty: none
) WITH (fillfactor = 50);
INSERT INTO lease (share) SELECT generate_series(0, 255) ON CONFLICT (share) DO NOTHING;
CREATE TABLE IF NOT EXISTS lease_node (
  until timestamptz NOT NULL,
  node  text COLLATE "C" NOT NULL PRIMARY KEY
);

-- +goose Down
DROP TABLE lease_node;
DROP TABLE lease;
DROP TABLE hook_cursor;
DROP TABLE consumer;
DROP INDEX room_pending;
ALTER TABLE room DROP COLUMN pending, DROP COLUMN quiet_head;
