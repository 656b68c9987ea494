-- +goose Up
-- Which database of a cluster this is; there is no row where it is the only one. Each append compares it with what its node knows.
CREATE TABLE shard (
  epoch   bigint  NOT NULL,                        -- grows each time that rooms are spread anew
  number  integer NOT NULL,                        -- from 1 to count
  count   integer NOT NULL,
  one     boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
  formed  boolean NOT NULL DEFAULT false,          -- of the first: all others have joined
  cluster text COLLATE "C" NOT NULL
);

-- +goose Down
DROP TABLE shard;
