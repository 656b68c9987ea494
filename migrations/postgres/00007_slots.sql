-- +goose Up
-- What slots hold: the values that sets have set, each until another one, or the deletion of its message. The entry of a set says which slot
-- it is, in the column data, and never the value: that is here for as long as it holds, and nowhere else.
CREATE TABLE slot (
  target  bigint      NOT NULL,                 -- the message; 0: the room
  set_by  bigint      NOT NULL,                 -- the seq of the entry that set it
  at      timestamptz NOT NULL,
  due     timestamptz,                          -- when it ends by itself
  room_id text COLLATE "C" NOT NULL,
  type    text COLLATE "C" NOT NULL,
  slot    text COLLATE "C" NOT NULL,
  data    bytea       NOT NULL,                 -- JSON, byte by byte as it was sent
  PRIMARY KEY (room_id, target, type, slot)
);
CREATE UNIQUE INDEX slot_set_by ON slot (room_id, set_by);
-- As the key is no column, no other index looks as good to a plan that was made while the table was empty.
CREATE INDEX slot_pinned ON slot (room_id, (CASE WHEN type = 'pinned' THEN set_by END)) WHERE type = 'pinned';
CREATE INDEX slot_due ON slot (due) WHERE due IS NOT NULL;

ALTER TABLE entry ADD COLUMN slotted boolean NOT NULL DEFAULT false;    -- anything was ever set on the message
ALTER TABLE room ADD COLUMN meta_set bigint NOT NULL DEFAULT 0;         -- the seq of the entry that last set something of the types room.*

-- +goose Down
ALTER TABLE room DROP COLUMN meta_set;
ALTER TABLE entry DROP COLUMN slotted;
DROP TABLE slot;
