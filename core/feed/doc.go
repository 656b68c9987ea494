// Package feed follows the logs of rooms for the readers of this node.
//
// A Feed takes a room's entries from this node's journal and from the bus, in the order of the log,
// and shows the newest of them, encoded once for all readers, as a View:
//
//	journal ─┐            ┌─ the ring: the newest entries, encoded
//	         ├─► Node ─► Feed
//	bus ─────┘            └─ a gap? it is filled from the log
//
// A feed that lacks entries waits a moment for them, as later ones may have overtaken them. Then it
// reads the log, once for all of its readers. If it lacks very many, its head moves on, and readers
// that are behind it read the log themselves. Every few seconds the heads of all feeds are compared
// with the log, so that a lost notice delays an entry by seconds, and no entry is lost.
//
// The log is always right. It may become another one: it was renewed or restored while the node ran
// (Anew), or it has lost its last entries, as when a standby that had not got them takes over. A
// feed that gets an entry which contradicts its own is doubted: nothing is added until the log has
// been asked which of the two is right.
//
// Readers decide what happens with entries. They know nothing of rings and gaps.
//
// # Locks
//
// The mu of a Node comes before that of a Feed, and both before the locks of Readers. None is held
// over anything that waits.
package feed
