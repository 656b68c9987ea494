// Package feed knows where the logs of the rooms that this node follows stand.
//
// A Feed takes a room's entries from this node's journal and from the bus, in the order of the log,
// and shows the newest of them, encoded once for all readers, as a View:
//
//	journal ─┐            ┌─ the ring: the newest entries, encoded
//	         ├─► Node ─► Feed
//	bus ─────┘            └─ a gap? it is filled from the log
//
// A feed that finds that it lacks entries waits a moment for those that others overtook. Then it
// reads the log, once for all of its readers. If it lacks very many, its head moves on, and readers
// that are behind it read the log themselves. Every few seconds the heads of all feeds are compared
// with the log, so that a notice that was lost delays an entry by seconds and loses none.
//
// The log is right, whatever a feed has heard of it. A log may become another one than it was: it
// was renewed or restored under the node (Anew), or it has lost its last entries, as when a standby
// takes over that had not got them. A feed that meets an entry which contradicts what it has is
// doubted: nothing is added until the log has said which of the two is right.
//
// What is done with entries is for Readers, which know nothing of rings and gaps.
//
// # Locks
//
// The mu of a Node comes before that of a Feed, and both before the locks of Readers. None is held
// over anything that waits.
package feed
