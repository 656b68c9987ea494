-- +goose Up
-- Which tokens the blocks of the index do not have: core/finding says what the bytes are. A node of the release before leaves them as they
-- are; the filters of blocks that it drops count no more.
ALTER TABLE found ADD COLUMN filters bytea NOT NULL DEFAULT '';

-- Those of large blocks. Their bits are random, so that it would be of no use to compress them.
CREATE TABLE found_filter (
  block   bigint NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  data    bytea  NOT NULL,
  PRIMARY KEY (room_id, block)
);
ALTER TABLE found_filter ALTER COLUMN data SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE found_filter;
ALTER TABLE found DROP COLUMN filters;
