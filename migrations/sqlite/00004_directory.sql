-- +goose Up
-- A turn is a run of messages of one author. Its beginning is noted so that a count of what others have said passes over a turn as one;
-- a message that is not deleted belongs to the last turn that begins up to it, and is by the same author. What was written before counts
-- as the beginning of a turn, which costs a count some time and nothing else.
ALTER TABLE entry ADD COLUMN turn INTEGER NOT NULL DEFAULT 1;

-- Messages that begin a turn, by seq, and before them those that do not and are not deleted, the last one first.
CREATE INDEX entry_turn ON entry (room, (CASE WHEN turn THEN seq ELSE -seq END)) WHERE kind = 'message' AND (turn OR deleted_at IS NULL);

-- Messages that are deleted.
CREATE INDEX entry_gone ON entry (room, seq) WHERE kind = 'message' AND deleted_at IS NOT NULL;

-- Who ever made an entry in a room.
CREATE TABLE spoke (
  room   INTEGER NOT NULL REFERENCES room (number),
  user   TEXT    NOT NULL,
  listed INTEGER NOT NULL DEFAULT 1,      -- not since they left
  id     TEXT    NOT NULL,                -- the room's
  PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;
INSERT INTO spoke (room, user, listed, id)
SELECT e.room, e.author, m.role IS NULL OR m.role > 0 OR m.banned, r.id
FROM (SELECT DISTINCT room, author FROM entry) e JOIN room r ON r.number = e.room LEFT JOIN member m ON m.room = e.room AND m.user = e.author;

-- A list of rooms is in the order of their ids.
ALTER TABLE member ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE mark ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE member SET id = (SELECT r.id FROM room r WHERE r.number = member.room);
UPDATE mark SET id = (SELECT r.id FROM room r WHERE r.number = mark.room);
DROP INDEX member_by_user;
DROP INDEX mark_by_user;
CREATE INDEX member_by_user ON member (user, id) WHERE role > 0;
CREATE INDEX mark_by_user ON mark (user, id);
CREATE INDEX spoke_by_user ON spoke (user, id) WHERE listed;

-- Who is in a room, or banned from it: not who was.
CREATE INDEX member_in ON member (room, user) WHERE role > 0 OR banned;
CREATE INDEX member_moderating ON member (room) WHERE role = 3;

-- The release before does not know of the ids.
-- +goose StatementBegin
CREATE TRIGGER member_id AFTER INSERT ON member WHEN NEW.id = '' BEGIN
  UPDATE member SET id = (SELECT r.id FROM room r WHERE r.number = NEW.room) WHERE room = NEW.room AND user = NEW.user;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER mark_id AFTER INSERT ON mark WHEN NEW.id = '' BEGIN
  UPDATE mark SET id = (SELECT r.id FROM room r WHERE r.number = NEW.room) WHERE room = NEW.room AND user = NEW.user;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER mark_id;
DROP TRIGGER member_id;
DROP INDEX member_moderating;
DROP INDEX member_in;
DROP INDEX mark_by_user;
DROP INDEX member_by_user;
CREATE INDEX mark_by_user ON mark (user);
CREATE INDEX member_by_user ON member (user);
ALTER TABLE mark DROP COLUMN id;
ALTER TABLE member DROP COLUMN id;
DROP TABLE spoke;
DROP INDEX entry_gone;
DROP INDEX entry_turn;
ALTER TABLE entry DROP COLUMN turn;
