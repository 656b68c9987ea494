-- Every table has room_id first in its key, and no query joins two rooms by anything else: so that the tables can be spread over
-- servers, or partitioned by hash, by room_id. There are no foreign keys: all writes go through a lock on the room's row, and a
-- check for each entry would cost more than writing it. Ids and keys compare by their bytes, whatever the database's collation.
--
-- A table has one index for each way in which it is asked. With a second one that fits a part of a condition, a statement planned
-- while the table is small may go by the wrong one, and keep that plan while the table grows.

-- +goose Up
CREATE TABLE room (
  created_at   timestamptz NOT NULL,
  last_at      timestamptz NOT NULL,            -- the last entry's time: the next is not before it
  head         bigint      NOT NULL DEFAULT 0,  -- the last entry's seq
  messages     bigint      NOT NULL DEFAULT 0,  -- how many entries are messages
  name_set     bigint      NOT NULL DEFAULT 0,  -- the seq of the entry that set it last; 0: none did
  public_set   bigint      NOT NULL DEFAULT 0,
  archived_set bigint      NOT NULL DEFAULT 0,
  public       boolean     NOT NULL,
  archived     boolean     NOT NULL DEFAULT false,
  room_id      text COLLATE "C" NOT NULL PRIMARY KEY,
  name         text        NOT NULL
) WITH (fillfactor = 50);                       -- each batch writes the row anew, on the same page if there is space

-- The log. Rows of messages hold the message's present form; the entries that changed it say what they set, but for the body
-- of an edit, which is the message's own.
CREATE TABLE entry (
  seq         bigint      NOT NULL,
  at          timestamptz NOT NULL,
  messages    bigint      NOT NULL,             -- how many of the room's entries up to this one are messages
  reply_to    bigint,                           -- of messages, up to deleted_by
  edited_at   timestamptz,
  deleted_at  timestamptz,
  deleted_by  bigint,                           -- the seq of the deletion
  target      bigint,                           -- of edits, deletions and reactions
  total       integer,                          -- how many reacted with the emoji after this
  kind        smallint    NOT NULL,             -- 1 message, 2 edited, 3 deleted, 4 reacted, 5 member, 6 room
  role        smallint,                         -- 1 read, 2 write, 3 moderate
  removed     boolean,
  reacted     boolean     NOT NULL DEFAULT false, -- anybody ever reacted to the message
  room_id     text COLLATE "C" NOT NULL,
  author      text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  author_name text        NOT NULL,
  body        text,                             -- null once it was deleted
  meta        bytea,                            -- JSON, byte by byte as it was sent
  emoji       text COLLATE "C",
  change      text,                             -- of members and of the room
  member      text COLLATE "C",
  name        text,
  PRIMARY KEY (room_id, seq)
);

-- The keys of all entries that ever were, also of those that were dropped since: a key is used for ever.
CREATE TABLE used_key (
  seq     bigint      NOT NULL,
  at      timestamptz NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  author  text COLLATE "C" NOT NULL,
  key     text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, author, key)
);

-- The emoji that a message ever had.
CREATE TABLE reaction (
  target    bigint  NOT NULL,
  first_seq bigint  NOT NULL,                   -- the entry with which it first came: reactions stand in this order
  total     integer NOT NULL,                   -- how many react with it now
  room_id   text COLLATE "C" NOT NULL,
  emoji     text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, target, emoji)
) WITH (fillfactor = 80);

-- Who reacted to a message with an emoji, and perhaps took it back.
CREATE TABLE reactor (
  target  bigint  NOT NULL,
  set_by  bigint  NOT NULL,                     -- the seq of the entry that set it so
  removed boolean NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  emoji   text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, target, emoji, user_id)
);

CREATE TABLE member (
  since   timestamptz NOT NULL,
  set_by  bigint      NOT NULL,                 -- the seq of the entry that set it so; 0: none did
  role    smallint    NOT NULL,                 -- 0 for the banned, and for who left
  banned  boolean     NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX member_of ON member (user_id, room_id) WHERE role > 0;

CREATE TABLE mark (
  seq     bigint NOT NULL,
  room_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 70);
CREATE INDEX mark_of ON mark (user_id, room_id);

-- +goose Down
DROP TABLE mark;
DROP TABLE member;
DROP TABLE reactor;
DROP TABLE reaction;
DROP TABLE used_key;
DROP TABLE entry;
DROP TABLE room;
