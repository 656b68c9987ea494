-- Keys that begin with the time are next to one another in this index, whatever their room. So a batch writes to few of its pages. The
-- index before was in the order of rooms and authors, where each entry went to a page of its own.
--
-- The release before works with it: it inserts with ON CONFLICT (room, author, key), for which the order of an index's columns does not
-- matter. But it looks through a room's entries to see whether a user made any.
--
-- An index that a table declares cannot be dropped. So the declaration is taken out of the table's text, and its index gets a text of
-- its own (https://www.sqlite.org/lang_altertable.html#otheralter).

-- +goose Up
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET name = 'entry_room_author_key', sql = 'CREATE UNIQUE INDEX entry_room_author_key ON entry (room, author, key)'
WHERE type = 'index' AND name = 'sqlite_autoindex_entry_2' AND tbl_name = 'entry';
UPDATE sqlite_schema SET sql = replace(sql, ',
  UNIQUE (room, author, key)', '') WHERE type = 'table' AND name = 'entry';
PRAGMA writable_schema = RESET;
DROP INDEX entry_room_author_key;
CREATE UNIQUE INDEX entry_key ON entry (key, author, room);

-- +goose Down
DROP INDEX entry_key;
CREATE UNIQUE INDEX entry_room_author_key ON entry (room, author, key);
