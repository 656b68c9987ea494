-- +goose Up
-- Rooms where consumers may be behind. The release before appends without setting pending: then head is another one than quiet_head,
-- at which pending was cleared.
ALTER TABLE room ADD COLUMN pending INTEGER NOT NULL DEFAULT 1;
ALTER TABLE room ADD COLUMN quiet_head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN share INTEGER;  -- a hash of the id, 0 to 255; NULL in rooms of the release before, until it is needed
CREATE INDEX room_pending ON room (share, id) WHERE pending;

-- Which consumers there are. The row without a name counts each that begins.
CREATE TABLE consumer (
  name       TEXT    PRIMARY KEY,
  walked     INTEGER NOT NULL DEFAULT 0,  -- all rooms are pending that it has to begin with
  generation INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO consumer (name) VALUES ('');

-- How far each consumer has got in each room.
CREATE TABLE hook_cursor (
  room     INTEGER NOT NULL REFERENCES room (number),
  consumer TEXT    NOT NULL,
  seq      INTEGER NOT NULL,
  upto     INTEGER NOT NULL,            -- the last entry of the batch that is fixed; 0: none is
  head     INTEGER NOT NULL,            -- the room's head when it was fixed
  sealed   BLOB,
  tries    INTEGER NOT NULL,
  since    INTEGER NOT NULL,            -- when it first failed; 0: it did not
  next_at  INTEGER,                     -- when it is to be looked at, though the room may not be pending
  stalled  INTEGER NOT NULL,
  error    TEXT    NOT NULL,
  PRIMARY KEY (room, consumer)
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_cursor_next ON hook_cursor (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX hook_cursor_stuck ON hook_cursor (consumer) WHERE next_at IS NOT NULL OR stalled;

-- Which node runs the consumers of which share of the rooms, and which nodes live.
CREATE TABLE lease (
  share INTEGER PRIMARY KEY,
  node  TEXT    NOT NULL DEFAULT '',    -- empty: none
  fence INTEGER NOT NULL DEFAULT 0      -- grows with each change of hands
) STRICT;
INSERT INTO lease (share) WITH RECURSIVE n (share) AS (SELECT 0 UNION ALL SELECT share + 1 FROM n WHERE share < 255) SELECT share FROM n;
CREATE TABLE lease_node (
  node  TEXT    PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE lease_node;
DROP TABLE lease;
DROP TABLE hook_cursor;
DROP TABLE consumer;
DROP INDEX room_pending;
ALTER TABLE room DROP COLUMN share;
ALTER TABLE room DROP COLUMN quiet_head;
ALTER TABLE room DROP COLUMN pending;
