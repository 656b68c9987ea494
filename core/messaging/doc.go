// Package messaging decides whether something may be said, records it, and announces it; and it
// shows history, rooms and members to those who may see them.
//
// What is to be recorded goes through the journal, which gathers what comes while the last commit
// is under way:
//
//	Write ─ may they? ─► lane by room ─ one Append a batch ─► 1. each done: the sender's answer
//	                     (FIFO, bounded)                      2. the listener: this node's feeds
//	                                                          3. the bus: the other nodes
//
// A message alone waits for no timer; under load batches grow by themselves. The order of the three
// steps is a promise: a sender's answer is on its way before any reader, the sender's own sessions
// among them, can hear of the entry.
//
// A room that somebody else holds in the log leaves its lane, with all that waits for it, and is
// asked for by itself until it is free, however long that takes; then it goes back. A room's order
// stays. How much may wait so is bounded: the rest is Unavailable.
//
// When the log does not say what became of a batch, the journal tries the same batch again, keys
// and all, before it takes another from that lane: a room's order stays. What then proves to be
// stored already is answered and announced as if it were stored now. Who is told Unavailable in the
// end learns from a send with the same key whether the first one was stored.
package messaging
