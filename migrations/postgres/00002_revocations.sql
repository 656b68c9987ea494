-- +goose Up
-- Up to when a user's tokens are good no more. A place is drawn under a lock that is held until the commit, so that places become
-- visible in their order.
CREATE TABLE revocation (
  place      bigint      NOT NULL UNIQUE,
  until_time timestamptz NOT NULL,
  user_id    text COLLATE "C" NOT NULL PRIMARY KEY
);

-- +goose Down
DROP TABLE revocation;
