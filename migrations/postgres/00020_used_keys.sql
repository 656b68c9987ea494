-- The table had the key of each entry once more, in 200 bytes of its own. Entries are never deleted, so they have all keys that were ever
-- used. A node of the release before looks them up in the view, by the index entry_key, and inserts there what the entry says already.
--
-- Sends wait while this waits for a lock on the table, which a dump has too. So it gives up soon, and can be tried again.

-- +goose Up
SET LOCAL lock_timeout = '5s';
DROP TABLE used_key;
CREATE VIEW used_key AS SELECT seq, at, room_id, author, key FROM entry;
-- +goose StatementBegin
CREATE FUNCTION used_key_insert() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
-- +goose StatementEnd
CREATE TRIGGER used_key_insert INSTEAD OF INSERT ON used_key FOR EACH ROW EXECUTE FUNCTION used_key_insert();

-- +goose Down
DROP VIEW used_key;
DROP FUNCTION used_key_insert;
CREATE TABLE used_key (
  seq     bigint      NOT NULL,
  at      timestamptz NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  author  text COLLATE "C" NOT NULL,
  key     text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, author, key)
);
INSERT INTO used_key (seq, at, room_id, author, key) SELECT seq, at, room_id, author, key FROM entry;
