-- +goose Up
-- Up to when a user's tokens are good no more. There is one writer, so that places become visible in their order.
CREATE TABLE revocation (
  place INTEGER PRIMARY KEY,
  until INTEGER NOT NULL,
  user  TEXT    NOT NULL UNIQUE
) STRICT;

-- +goose Down
DROP TABLE revocation;
