-- Times are microseconds since 1970 in UTC. A room's number stands for its id in all other tables, and comes first in their keys.

-- +goose Up
CREATE TABLE room (
  number       INTEGER PRIMARY KEY,
  id           TEXT    NOT NULL UNIQUE,
  name         TEXT    NOT NULL,
  public       INTEGER NOT NULL,
  archived     INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  head         INTEGER NOT NULL,  -- the last entry's seq
  last_at      INTEGER NOT NULL,  -- the last entry's time: the next is not before it
  messages     INTEGER NOT NULL,
  name_set     INTEGER NOT NULL,  -- the seq of the entry that set it last; 0: none did
  public_set   INTEGER NOT NULL,
  archived_set INTEGER NOT NULL
) STRICT;

-- The log. Rows of kind 'message' hold the message's present form; the entries that changed it say what they set, but for the
-- body of an edit, which is the message's own. A rowid table, as bodies are too long for the inner nodes of a clustered one, and
-- because full-text search over external content needs the rowid.
CREATE TABLE entry (
  id          INTEGER PRIMARY KEY,
  room        INTEGER NOT NULL REFERENCES room (number),
  seq         INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  author      TEXT    NOT NULL,
  author_name TEXT    NOT NULL,
  key         TEXT    NOT NULL,
  messages    INTEGER NOT NULL,   -- how many of the room's entries up to this one are messages
  kind        TEXT    NOT NULL CHECK (kind IN ('message', 'edited', 'deleted', 'reacted', 'member', 'room')),
  -- message
  body        TEXT,               -- null once it was deleted
  reply_to    INTEGER,
  meta        BLOB,
  edited_at   INTEGER,
  deleted_at  INTEGER,
  deleted_by  INTEGER,            -- the seq of the deletion
  reacted     INTEGER,            -- 1 once anybody reacted to it
  -- edited, deleted, reacted
  target      INTEGER,
  emoji       TEXT,
  removed     INTEGER,
  total       INTEGER,            -- how many reacted with the emoji after this
  -- member, room
  change      TEXT,
  member      TEXT,
  role        INTEGER,
  name        TEXT,
  UNIQUE (room, seq),
  UNIQUE (room, author, key)
) STRICT;

-- The emoji that a message ever had, in the order in which they first came.
CREATE TABLE reaction (
  room   INTEGER NOT NULL,
  target INTEGER NOT NULL,
  emoji  TEXT    NOT NULL,
  first  INTEGER NOT NULL,        -- the seq of the entry with which it first came
  total  INTEGER NOT NULL,        -- how many react with it now
  PRIMARY KEY (room, target, emoji),
  FOREIGN KEY (room, target) REFERENCES entry (room, seq)
) STRICT, WITHOUT ROWID;

-- Who reacted to a message with an emoji, and perhaps took it back.
CREATE TABLE reactor (
  room    INTEGER NOT NULL,
  target  INTEGER NOT NULL,
  emoji   TEXT    NOT NULL,
  user    TEXT    NOT NULL,
  removed INTEGER NOT NULL,
  set_by  INTEGER NOT NULL,       -- the seq of the entry that set it so
  PRIMARY KEY (room, target, emoji, user),
  FOREIGN KEY (room, target, emoji) REFERENCES reaction (room, target, emoji)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
  room   INTEGER NOT NULL REFERENCES room (number),
  user   TEXT    NOT NULL,
  role   INTEGER NOT NULL,        -- 0 for the banned, and for who left
  banned INTEGER NOT NULL,
  since  INTEGER NOT NULL,
  set_by INTEGER NOT NULL,        -- the seq of the entry that set it so; 0: none did
  PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_user ON member (user);

CREATE TABLE mark (
  room INTEGER NOT NULL REFERENCES room (number),
  user TEXT    NOT NULL,
  seq  INTEGER NOT NULL,
  PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX mark_by_user ON mark (user);

-- +goose Down
DROP TABLE mark;
DROP TABLE member;
DROP TABLE reactor;
DROP TABLE reaction;
DROP TABLE entry;
DROP TABLE room;
