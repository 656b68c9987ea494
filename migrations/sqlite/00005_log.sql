-- +goose Up
-- Which log this is: at random, and another one once the file was restored from an older copy.
CREATE TABLE log (
  one     INTEGER PRIMARY KEY CHECK (one = 1), -- there is one row
  id      TEXT    NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
INSERT INTO log (one, id, made_at) VALUES (1, lower(hex(randomblob(12))), unixepoch() * 1000000);

-- +goose Down
DROP TABLE log;
