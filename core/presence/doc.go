// Package presence knows who is present in the rooms that this node follows, and who of them types.
//
// A user is present in a room while one of their sessions follows it, on whichever node that is.
// Each node knows who is here, on itself, and remembers what the others said of themselves:
//
//	Arrive, Depart ─► here, leaving ─┬─► Bus: all who are here, to the other nodes
//	                                 ▼
//	                                 Readers: "carol is here", "bob is gone"
//	                                 ▲
//	Hear ───────────► others ────────┘
//
// Nodes tell each other of presence as a whole. A node says who is present in a room on it,
// whenever that has changed, and takes what another node says in the place of what that one said
// before. So a notice that was lost matters only until the next one. Each node tells once a
// second that it lives. One that is silent for five seconds is gone, and its users with it.
//
// A user whose last connection broke stays present for two seconds, as most are back by then.
//
// Typing ends by itself on each node that shows it, six seconds after the last sign. It also ends
// with what the typist says, and the signal for that names the entry: no reader gets it before
// the entry.
//
// Nothing here is stored, and all of it is bounded. A room is known from Open to Close.
//
// # Locks
//
// A room's mu comes first. It is held while the room's readers are told, so that signals leave in
// the order in which they became true: what is told last is so. That takes the locks of whoever
// implements Readers. They must therefore not be held by a caller of a method that takes a room's
// mu; Open, Close and Deaf take none. The mu of a Node and that of its peers come last: nothing
// is taken under them. No lock is held over anything that waits, as the bus does.
package presence
