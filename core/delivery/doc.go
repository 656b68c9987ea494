// Package delivery brings entries to the connections that follow their rooms.
//
// A session holds one cursor a room. Whatever reaches its client in a room is "the entries behind the
// cursor, in order":
//
//	           ┌─ ring: the newest entries, encoded once ─┐
//	feed: view ┤                                          ├─► session: cursor ─► one write
//	           └─ log: everything older or changed since ─┘
//
// Where the log of a room stands is known by core/feed. The sessions that follow a feed are its
// audience. They are spread over writer shards. A feed that moved is queued once on each shard, and
// the shard writes to each reader what is due: bytes of the ring, the same for all of them. A write
// never waits: where it would, a goroutine of the session takes over. A reader for which the ring has
// no bytes any more is served from the log by a few workers, never on a shard.
//
// Who is present in a room, and who types there, is kept by core/presence. What it tells reaches the
// readers as signals.
//
// Whether a user may still read, where an entry or a fresh token puts that in doubt, is asked for many
// follows at once, by workers of its own. Until it is known, a follow gets nothing more. Commands of
// one room take effect in their order: one that would not see what came before it waits in a line of
// its room.
//
// Nothing is queued per connection but answers to its own commands (then reading stops) and signals
// (the latest of a kind wins). A reader that stops costs its cursor and its socket's buffer.
//
// # Locks
//
// They are taken in this order: a session's, a room's of core/presence, the hub's, those of core/feed,
// an audience's, a shard's. Those of core/work and of additions come last, and so does that of a
// presence.Node itself: nothing is taken under them. No lock is held over anything that waits.
package delivery
