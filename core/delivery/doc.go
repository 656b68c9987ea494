// Package delivery brings entries to the connections that follow their rooms.
//
// A reader is the writing side of a connection. It has one cursor per room: a Follow. Its client
// gets the entries of a room after the cursor, in order:
//
//	           ┌─ ring: the newest entries, encoded once ─┐
//	feed: view ┤                                          ├─► follow: cursor ─► one write
//	           └─ log: everything older or changed since ─┘
//
// core/feed knows the head of each room's log. The readers that follow a feed are its audience.
// They are spread over writer shards. A feed that moved is queued once on each shard, and the shard
// writes to each reader what is due: bytes of the ring, the same for all of them. Where many small
// feeds are due, a helper takes some of them. A write never waits: where it would, a goroutine of
// the reader takes over. A reader for which the ring has no bytes any more is served from the log
// by a few workers, never on a shard.
//
// Per connection only answers to its own commands are queued (then reading stops), and signals (the
// latest of a kind wins). A reader that stops costs its cursor and its socket's buffer.
//
// The Owner of a follow decides whether it may go on: it can hold it at an entry, free it, or
// finish it.
//
// # Locks
//
// They are taken in this order: a reader's, those of core/feed, an audience's, a shard's. Last come
// those of core/work: no other lock is taken under them. None is held over anything that waits.
package delivery
