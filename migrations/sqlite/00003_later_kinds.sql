-- A release reads entries of the kinds that a later one appends, and passes them on: what a row says in data, and in the columns that it
-- has for other kinds, goes to clients of every release, so nothing may stand there that is not for all readers.
--
-- The check on kinds would make each new kind rebuild the table. Taking a check out changes nothing of what is stored, so only the table's
-- text is written anew (https://www.sqlite.org/lang_altertable.html#otheralter), in the transaction in which the column tells everybody
-- who has the file open that it is another table now.

-- +goose Up
ALTER TABLE entry ADD COLUMN data BLOB;  -- of kinds that come later: their members, a JSON object
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, ' CHECK (kind IN (''message'', ''edited'', ''deleted'', ''reacted'', ''member'', ''room''))', '')
WHERE type = 'table' AND name = 'entry';
PRAGMA writable_schema = RESET;
-- A deletion takes the meta too; the release before leaves it, and readers do not show it.
UPDATE entry SET meta = NULL WHERE deleted_by IS NOT NULL AND meta IS NOT NULL;

-- +goose Down
-- The check stays out: the release before does without it, and there may be entries by now that break it.
ALTER TABLE entry DROP COLUMN data;
