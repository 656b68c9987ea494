-- +goose Up
-- Which tokens the blocks of the index do not have: core/finding says what the blobs are. A node of the release before leaves them as they
-- are; the filters of blocks that it drops count no more.
ALTER TABLE found ADD COLUMN filters BLOB NOT NULL DEFAULT x'';

-- Those of large blocks. A unit is a room's number, and in its lower 32 bits a block.
CREATE TABLE found_filter (
  unit INTEGER PRIMARY KEY,
  data BLOB NOT NULL
) STRICT;

-- +goose Down
DROP TABLE found_filter;
ALTER TABLE found DROP COLUMN filters;
