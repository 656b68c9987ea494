-- +goose Up
-- Which log this is: at random, and another one once the database was restored to an older state.
CREATE TABLE log (
  made_at timestamptz NOT NULL DEFAULT now(),
  one     boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (one), -- there is one row
  log_id  text COLLATE "C" NOT NULL
);
-- A random UUID without the characters that are the same in all.
INSERT INTO log (log_id) SELECT left(id, 8) || right(id, 12) || substr(id, 10, 4) FROM (SELECT gen_random_uuid()::text AS id) made;

-- +goose Down
DROP TABLE log;
