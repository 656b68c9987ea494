// Package delivery brings entries to the connections that follow their rooms.
//
// A session holds one cursor a room; whatever reaches its client in a room is "the entries behind the cursor, in order":
//
//	journal ─┐              ┌─ ring: the newest entries, encoded once ─┐
//	         ├─► feed: head ┤                                          ├─► session: cursor ─► one write that does not wait
//	bus ─────┘              └─ log: everything older or changed since ─┘      (a writer shard; a goroutine where it would block)
//
// A feed exists for each room that somebody here follows. It takes entries from this node's journal and from the bus; when it finds
// that it lacks some, it waits a moment for those that others overtook, and then reads the log, once for all of its readers; if it lacks
// very many, its head moves on and readers behind it read the log. Sessions are spread over writer shards; a feed that
// moved is queued once on each shard, and the shard writes to each of the feed's readers what is due: bytes of the ring, the same
// for all of them. A reader for which the ring has no bytes any more is served from the log by a few workers, never on a shard.
//
// Who is present in a room, and who types there, is kept by core/presence. What it tells reaches the readers as signals.
//
// Whether a user may still read, where an entry or a fresh token puts that in doubt, is asked for many follows at once, by workers of its
// own: until it is known, a follow gets nothing more. Commands of one room take effect in their order: one that would not see what came
// before it waits in a line of its room.
//
// Nothing is queued per connection but answers to its own commands (then reading stops) and signals (the latest of a kind wins).
// A reader that stops costs its cursor and its socket's buffer.
//
// # Locks
//
// They are taken in this order: a session's, a room's of core/presence, the hub's, a feed's, a shard's. Those of queue, waitlist
// and additions come last, and so does that of a presence.Node itself: nothing is taken under them. No lock is held over anything
// that waits.
package delivery
