-- +goose Up
-- Which messages have which tokens, room by room: core/finding says what the blobs are. All of it can be made anew from the log, and a node
-- of the release before knows nothing of it.
CREATE TABLE found (
  room   INTEGER PRIMARY KEY REFERENCES room (number),
  blocks BLOB    NOT NULL
) STRICT;

-- The pieces of the blocks. A clustered table would have them in its inner nodes, four in each, and be nine levels high.
CREATE TABLE found_piece (
  room  INTEGER NOT NULL,
  block INTEGER NOT NULL,
  key   BLOB    NOT NULL,
  data  BLOB    NOT NULL,
  PRIMARY KEY (room, block, key)
) STRICT;

CREATE INDEX room_public ON room (id) WHERE public;

-- +goose Down
DROP INDEX room_public;
DROP TABLE found_piece;
DROP TABLE found;
