-- +goose Up
-- What is known of users. What tokens said last is kept beside what holds, so that a name that was set stays until an issuer says another.
CREATE TABLE usr (
  user_id     TEXT    NOT NULL PRIMARY KEY,
  name        TEXT    NOT NULL,
  avatar      TEXT    NOT NULL,
  custom      BLOB,                       -- a JSON object, byte by byte as it was sent
  v           INTEGER NOT NULL,           -- one more with each change
  as_of       INTEGER NOT NULL,           -- when what holds was set, or the token was issued that said it
  said_name   TEXT    NOT NULL,           -- empty: no token has said one
  said_avatar TEXT    NOT NULL,
  gone        INTEGER NOT NULL DEFAULT 0  -- for good: nothing is shown, and nothing is set
) STRICT;

-- +goose Down
DROP TABLE usr;
