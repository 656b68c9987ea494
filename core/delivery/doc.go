// Package delivery brings entries to the connections that follow their rooms.
//
// A reader is the writing side of a connection. It holds one cursor a room: a Follow. Whatever
// reaches its client in a room is "the entries behind the cursor, in order":
//
//	           ┌─ ring: the newest entries, encoded once ─┐
//	feed: view ┤                                          ├─► follow: cursor ─► one write
//	           └─ log: everything older or changed since ─┘
//
// Where the log of a room stands is known by core/feed. The readers that follow a feed are its
// audience. They are spread over writer shards. A feed that moved is queued once on each shard, and
// the shard writes to each reader what is due: bytes of the ring, the same for all of them. A write
// never waits: where it would, a goroutine of the reader takes over. A reader for which the ring
// has no bytes any more is served from the log by a few workers, never on a shard.
//
// Nothing is queued per connection but answers to its own commands (then reading stops) and signals
// (the latest of a kind wins). A reader that stops costs its cursor and its socket's buffer.
//
// Who may follow what is for the Owner of a follow to say: it can hold a follow at an entry, free
// it, or finish it.
//
// # Locks
//
// They are taken in this order: a reader's, those of core/feed, an audience's, a shard's. Those of
// core/work come last: nothing is taken under them. None is held over anything that waits.
package delivery
