-- +goose Up
-- What is known of users. What tokens said last is kept beside what holds, so that a name that was set stays until an issuer says another.
CREATE TABLE usr (
  as_of       timestamptz NOT NULL,               -- when what holds was set, or the token was issued that said it
  v           bigint      NOT NULL,               -- one more with each change
  gone        boolean     NOT NULL DEFAULT false, -- for good: nothing is shown, and nothing is set
  user_id     text COLLATE "C" NOT NULL PRIMARY KEY,
  name        text        NOT NULL,
  avatar      text        NOT NULL,
  said_name   text        NOT NULL,               -- empty: no token has said one
  said_avatar text        NOT NULL,
  custom      bytea                               -- a JSON object, byte by byte as it was sent
);

-- +goose Down
DROP TABLE usr;
