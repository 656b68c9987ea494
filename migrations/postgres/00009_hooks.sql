-- +goose Up
-- Who is told what is recorded in rooms. How far each has come is a cursor.
CREATE TABLE hook (
  number   bigint      NOT NULL UNIQUE, -- in the order in which they were made
  from_at  timestamptz,                 -- null: the first entry
  made_at  timestamptz NOT NULL,
  version  bigint      NOT NULL,
  epoch    integer     NOT NULL,        -- how often it was made to begin anew
  role     smallint    NOT NULL,
  granted  boolean     NOT NULL,
  id       text COLLATE "C" NOT NULL PRIMARY KEY,
  room_id  text COLLATE "C" NOT NULL,   -- whose moderators made it; empty: an admin did
  kind     text        NOT NULL,
  url      text        NOT NULL,
  filter   text        NOT NULL,        -- JSON
  secrets  bytea       NOT NULL,        -- sealed
  bot      text        NOT NULL,
  bot_name text        NOT NULL,
  paused   text        NOT NULL,
  made_by  text        NOT NULL
);

-- Which rooms of a hook somebody has pulled a batch of, and until when nobody else gets one.
CREATE TABLE hook_lease (
  until_time timestamptz NOT NULL,
  hook_id    text COLLATE "C" NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
  room_id    text COLLATE "C" NOT NULL,
  PRIMARY KEY (hook_id, room_id)
);

-- +goose Down
DROP TABLE hook_lease;
DROP TABLE hook;
