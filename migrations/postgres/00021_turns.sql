-- Indexes are built while the nodes of the release before go on writing, and dropped first, so that the whole can be applied again.

-- +goose NO TRANSACTION
-- +goose Up
-- The index of turns, without the first 256 entries of each room. What is asked about those is answered by a look at the entries themselves,
-- so that the many rooms that stay small need no index of turns. As -seq is no column, the bound makes no other index look good to a plan.
DROP INDEX CONCURRENTLY IF EXISTS entry_turns;
CREATE INDEX CONCURRENTLY entry_turns ON entry (room_id, (CASE WHEN turn THEN seq ELSE -seq END))
  WHERE kind = 1 AND -seq < -256 AND (turn OR deleted_at IS NULL);

-- A node of the release before has to look through a room, now, to count what is unread there. That takes milliseconds where no room is
-- large. Where one is, the index of before stays for it, and can be dropped by hand when there is no such node any more.
-- +goose StatementBegin
DO $$ BEGIN
  PERFORM set_config('lock_timeout', '5s', true);
  IF NOT EXISTS (SELECT FROM room WHERE head > 10000) THEN
    DROP INDEX IF EXISTS entry_turn;
  END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
CREATE INDEX IF NOT EXISTS entry_turn ON entry (room_id, (CASE WHEN turn THEN seq ELSE -seq END)) WHERE kind = 1 AND (turn OR deleted_at IS NULL);
DROP INDEX entry_turns;
