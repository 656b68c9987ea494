-- Indexes are built while the nodes of the release before go on writing. Where that breaks off an index stays behind that serves nobody:
-- so each is dropped first, and the whole can be applied again.
--
-- What was written before, and what the release before writes, counts as the beginning of a turn, which costs a count of unread messages
-- some time and nothing else. Who speaks while it still runs is noted the next time that they do.

-- +goose NO TRANSACTION
-- +goose Up
-- A turn is a run of messages of one author. Its beginning is noted so that a count of what others have said passes over a turn as one;
-- a message that is not deleted belongs to the last turn that begins up to it, and is by the same author.
ALTER TABLE entry ADD COLUMN IF NOT EXISTS turn boolean NOT NULL DEFAULT true;

-- Messages that begin a turn, by seq, and before them those that do not and are not deleted, the last one first. As the key is no column,
-- no other index looks as good to a plan that was made while the table was empty.
DROP INDEX CONCURRENTLY IF EXISTS entry_turn;
CREATE INDEX CONCURRENTLY entry_turn ON entry (room_id, (CASE WHEN turn THEN seq ELSE -seq END)) WHERE kind = 1 AND (turn OR deleted_at IS NULL);

-- Messages that are deleted.
DROP INDEX CONCURRENTLY IF EXISTS entry_gone;
CREATE INDEX CONCURRENTLY entry_gone ON entry (room_id, (CASE WHEN deleted_at IS NOT NULL THEN seq END)) WHERE kind = 1 AND deleted_at IS NOT NULL;

-- Who is in a room, or banned from it: not who was.
DROP INDEX CONCURRENTLY IF EXISTS member_in;
CREATE INDEX CONCURRENTLY member_in ON member (room_id, (CASE WHEN role > 0 OR banned THEN user_id END)) WHERE role > 0 OR banned;
DROP INDEX CONCURRENTLY IF EXISTS member_moderating;
CREATE INDEX CONCURRENTLY member_moderating ON member (room_id, (CASE WHEN role = 3 THEN user_id END)) WHERE role = 3;

-- Who ever made an entry in a room.
CREATE TABLE IF NOT EXISTS spoke (
  listed  boolean NOT NULL DEFAULT true,        -- not since they left
  room_id text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (room_id, user_id)
);
DROP INDEX CONCURRENTLY IF EXISTS spoke_of;
CREATE INDEX CONCURRENTLY spoke_of ON spoke (user_id, room_id) WHERE listed;
INSERT INTO spoke (room_id, user_id, listed)
SELECT u.room_id, u.author, m.role IS NULL OR m.role > 0 OR m.banned
FROM (SELECT DISTINCT room_id, author FROM used_key) u LEFT JOIN member m ON m.room_id = u.room_id AND m.user_id = u.author
ON CONFLICT (room_id, user_id) DO NOTHING;

-- +goose Down
DROP TABLE spoke;
DROP INDEX member_moderating;
DROP INDEX member_in;
DROP INDEX entry_gone;
ALTER TABLE entry DROP COLUMN turn;
