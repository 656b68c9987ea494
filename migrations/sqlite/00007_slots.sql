-- +goose Up
-- What slots hold: the values that sets have set, each until another one, or the deletion of its message. The entry of a set says which slot
-- it is, in the column data, and never the value: that is here for as long as it holds, and nowhere else.
CREATE TABLE slot (
  room   INTEGER NOT NULL,
  target INTEGER NOT NULL,        -- the message; 0: the room
  type   TEXT    NOT NULL,
  slot   TEXT    NOT NULL,
  set_by INTEGER NOT NULL,        -- the seq of the entry that set it
  at     INTEGER NOT NULL,
  due    INTEGER,                 -- when it ends by itself
  data   BLOB    NOT NULL,        -- JSON, byte by byte as it was sent
  PRIMARY KEY (room, target, type, slot)
) STRICT;
CREATE UNIQUE INDEX slot_set_by ON slot (room, set_by);
CREATE INDEX slot_pinned ON slot (room, set_by) WHERE type = 'pinned';
CREATE INDEX slot_due ON slot (due) WHERE due IS NOT NULL;

ALTER TABLE entry ADD COLUMN slotted INTEGER;                          -- 1 once anything was set on the message
ALTER TABLE room ADD COLUMN meta_set INTEGER NOT NULL DEFAULT 0;       -- the seq of the entry that last set something of the types room.*

-- +goose Down
ALTER TABLE room DROP COLUMN meta_set;
ALTER TABLE entry DROP COLUMN slotted;
DROP TABLE slot;
