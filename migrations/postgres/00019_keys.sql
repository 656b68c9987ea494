-- Indexes are built while the nodes of the release before go on writing, and dropped first, so that the whole can be applied again.

-- +goose NO TRANSACTION
-- +goose Up
-- Entries by their keys. The keys that the service and @parley-chat/client make begin with the time, so that entries of the same time stand
-- together, whatever their rooms: a batch writes to few pages of this index, and leaves them full. Keys of others may be the same in many
-- rooms; the hash tells these apart. So the index need not have the room and the author. It is not unique: who appends to a room holds its
-- lock, and has looked here.
DROP INDEX CONCURRENTLY IF EXISTS entry_key;
CREATE INDEX CONCURRENTLY entry_key ON entry (key, hashtext(room_id || author));

-- +goose Down
DROP INDEX entry_key;
