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
// Who is present in a room is told between nodes as a whole: each node says who is there on it, whenever that has changed, and takes what
// the others say in the place of what they said before. A node that is silent for five seconds is gone, and its users with it.
//
// Typing ends by itself on each node that shows it, six seconds after the last sign, and behind what the typist says.
//
// Whether a user may still read, where an entry or a fresh token puts that in doubt, is asked for many follows at once, by workers of its
// own: until it is known, a follow gets nothing more. Commands of one room take effect in their order: one that would not see what came
// before it waits in a line of its room.
//
// Nothing is queued per connection but answers to its own commands (then reading stops) and signals (the latest of a kind wins).
// A reader that stops costs its cursor and its socket's buffer.
//
// Locks are taken in this order, and none is held over anything that waits: session, hub, feed, shard.
package delivery
