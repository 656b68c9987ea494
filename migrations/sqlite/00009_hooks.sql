-- +goose Up
-- Who is told what is recorded in rooms. How far each has come is a cursor.
CREATE TABLE hook (
  number   INTEGER PRIMARY KEY, -- in the order in which they were made
  id       TEXT    NOT NULL UNIQUE,
  room     TEXT    NOT NULL,    -- whose moderators made it; empty: an admin did
  kind     TEXT    NOT NULL,
  url      TEXT    NOT NULL,
  filter   TEXT    NOT NULL,    -- JSON
  secrets  BLOB    NOT NULL,    -- sealed
  bot      TEXT    NOT NULL,
  bot_name TEXT    NOT NULL,
  role     INTEGER NOT NULL,
  paused   TEXT    NOT NULL,
  from_at  INTEGER NOT NULL,    -- 0: the first entry
  made_by  TEXT    NOT NULL,
  granted  INTEGER NOT NULL,
  made_at  INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  epoch    INTEGER NOT NULL     -- how often it was made to begin anew
) STRICT;

-- Which rooms of a hook somebody has pulled a batch of, and until when nobody else gets one.
CREATE TABLE hook_lease (
  hook  TEXT    NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
  room  TEXT    NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (hook, room)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE hook_lease;
DROP TABLE hook;
