-- +goose Up
-- Whose turn is the last one, so that a message need not look for it. It is so only while the room's head is speaker_head: the releases
-- before this one move the head and say nothing of who spoke.
ALTER TABLE room ADD COLUMN speaker text COLLATE "C" NOT NULL DEFAULT '', -- empty: not known
                 ADD COLUMN speaker_head bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE room DROP COLUMN speaker, DROP COLUMN speaker_head;
