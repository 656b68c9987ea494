// Package presence knows who is present in the rooms that this node follows, and who types there.
//
// A user is present in a room while one of their sessions follows it, on any node. Each node knows
// who is here, on itself, and remembers what the others told of themselves:
//
//	Arrive, Depart ─► here, leaving ─┬─► Bus: all who are here, to the other nodes
//	                                 ▼
//	                                 Readers: "carol is here", "bob is gone"
//	                                 ▲
//	Hear ───────────► others ────────┘
//
// Nodes tell each other their whole presence. When it changes in a room, a node tells the others
// everybody who is present there on it, and that replaces what it told before. So a lost notice
// matters only until the next one. Each node tells once a second that it lives. One that is silent
// for five seconds is gone, and its users with it.
//
// In a room of a few, all readers are told of each one who comes or goes. Where more are present,
// only those are who have asked who is there, and in a large room nobody is. Who comes or goes
// alone is told of at once. Others are gathered for a moment, and as long as a crowd comes. At its
// end, as a rule, too many are present to tell all readers. Otherwise each gets all news by one
// write.
//
// A user whose last connection broke stays present for two seconds, as most are back by then.
//
// Typing ends by itself on each node that shows it, six seconds after the last sign. It also ends
// when the typist sends a message. The signal for that names the entry, and no reader gets it
// before the entry.
//
// Those who are no readers (see Readers.Arose) are told by one node: of who types by the node of
// their session; of who comes and goes by the one where they do, if no other node has them. For a
// node that is gone one of the others does so. That is as good as a node knows the others: who
// comes to two nodes at once, or goes from both, may be told twice, or not at all.
//
// Nothing here is stored, and all of it is bounded. A room is known from Open to Close.
//
// # Locks
//
// A room's mu comes first. It is held while the room's readers are told, so that signals leave in
// the order of the changes, and the last one is right. Telling them takes the locks of whoever
// implements Readers. A caller of a method that takes a room's mu must therefore not hold those;
// Open, Close and Deaf take no mu of a room. The mu of a Node and that of its peers come last: no
// other lock is taken under them. No lock is held over anything that waits, as the bus does.
package presence
