// Package session is a client's connection from its opening to its end, and what the client may do.
//
// A session shows a token, asks for things by commands, and ends: because its client goes, is
// silent or floods, its token expires or is revoked, an operator ends it, or its node goes away.
// What it follows is delivered by core/delivery, whose Reader each session has. Who is present in a
// room, and who types there, is kept by core/presence; what it tells reaches the readers as
// signals.
//
//	socket ─► Command ─┬─► core/messaging, by ports.Reader and ports.Writer
//	                   ├─► core/delivery: join, leave
//	                   └─► core/presence: arrive, depart, type
//
// Commands of one room take effect in their order: one that would not see what came before it waits
// in a line of its room. Whether a user may still read, where an entry or a fresh token puts that
// in doubt, is asked for many follows at once, by workers of its own. Until it is known, a follow
// gets nothing more.
//
// # Locks
//
// They are taken in this order: a session's, which is its reader's; a room's of core/presence; the
// hub's; those of core/delivery. Those of core/work and of additions come last, and so does that of
// a presence.Node itself: nothing is taken under them. No lock is held over anything that waits.
package session
