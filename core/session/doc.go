// Package session is a client's connection from its opening to its end, and what the client may do.
//
// A session shows a token and gives commands. It ends when its client goes, is silent or floods,
// when its token expires or is revoked, when an operator ends it, or when its node goes away.
// core/delivery delivers the rooms that it follows; each session has a Reader of it. core/presence
// knows who is present in a room and who types there, and sends that to the readers as signals.
//
//	socket ─► Command ─┬─► core/messaging, by ports.Reader and ports.Writer
//	                   ├─► core/delivery: join, leave
//	                   └─► core/presence: arrive, depart, type
//
// Commands of one room take effect in their order: a command that must see an earlier one, which is
// not done yet, waits in its room's line. An entry or a fresh token can put in doubt whether users
// may still read. Separate workers check that for many follows at once. Until then these follows
// get nothing more.
//
// # Locks
//
// They are taken in this order: a session's, which is its reader's; a room's of core/presence; the
// hub's; those of core/delivery. Last come those of core/work, of additions and of a presence.Node
// itself: no other lock is taken under them. No lock is held over anything that waits.
package session
