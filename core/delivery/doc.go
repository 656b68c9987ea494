// Package delivery brings entries to the connections that follow their rooms.
//
// A session holds one cursor a room; whatever reaches its client in a room is "the entries behind the cursor, in order":
//
//	journal ─┐              ┌─ ring: the newest entries, encoded once ─┐
//	         ├─► feed: head ┤                                          ├─► session: cursor ─► one write that does not wait
//	bus ─────┘              └─ log: everything older or changed since ─┘      (a writer shard; a goroutine where it would block)
//
// A feed exists for each room that somebody here follows. It takes entries from this node's journal and from the bus; when it finds
// that it missed some, its head moves on and readers behind it read the log. Sessions are spread over writer shards; a feed that
// moved is queued once on each shard, and the shard writes to each of the feed's readers what is due: bytes of the ring, the same
// for all of them. A reader for which the ring has no bytes any more is served from the log by a few workers, never on a shard.
//
// Nothing is queued per connection but answers to its own commands (then reading stops) and signals (the latest of a kind wins).
// A reader that stops costs its cursor and its socket's buffer.
//
// Locks are taken in this order, and none is held over anything that waits: session, hub, feed, shard.
package delivery
