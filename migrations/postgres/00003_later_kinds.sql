-- A release reads entries of the kinds that a later one appends, and passes them on: what a row says in data, and in the columns that it
-- has for other kinds, goes to clients of every release, so nothing may stand there that is not for all readers.

-- +goose Up
ALTER TABLE entry ADD COLUMN type text;   -- of kinds from 7 on: what clients call it
ALTER TABLE entry ADD COLUMN data bytea;  -- of kinds from 7 on: their members, a JSON object

-- A deletion takes the meta too; the release before leaves it, and readers do not show it.
UPDATE entry SET meta = NULL WHERE deleted_by IS NOT NULL AND meta IS NOT NULL;

-- +goose Down
ALTER TABLE entry DROP COLUMN type;
ALTER TABLE entry DROP COLUMN data;
