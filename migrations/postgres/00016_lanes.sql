-- +goose Up
-- The secret by which rooms are spread over lanes, in the same way on all nodes. Who does not know
-- it cannot choose rooms that go by one lane. A node of the release before has one of its own.
ALTER TABLE log ADD COLUMN lane_key uuid NOT NULL DEFAULT gen_random_uuid();

-- +goose Down
ALTER TABLE log DROP COLUMN lane_key;
