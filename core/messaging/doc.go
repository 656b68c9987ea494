// Package messaging decides whether something may be said, records it, and announces it. It also
// shows history, rooms and members to those who may see them.
//
// Proposals go through the journal, which gathers those that come while the last commit runs:
//
//	Write ─ may they? ─► lane by room ─ one Append a batch ─► 1. each done: the sender's answer
//	                     (FIFO, bounded)                      2. the listener: this node's feeds
//	                                                          3. the bus: the other nodes
//
// A single message is committed at once, and under load batches grow. The order of the three steps
// is a promise: a sender's answer is on its way before any reader, also another session of the
// sender, can hear of the entry.
//
// Rooms are spread over lanes, by the store if it can, in the same way on all nodes. A node alone
// commits a batch of each lane at a time. While other nodes write too, its lanes go together in one
// batch at a time, or one for each server if the store has several: smaller batches of more nodes
// would cost the log more than they gain. After a batch of several it then waits a moment for those
// who were just answered, at most half as long as the commit took.
//
// A room that somebody else holds in the log leaves its lane, with all its drafts. The journal
// tries it separately until it is free, however long that takes; then it returns to the lane. The
// order in the room is kept. How many drafts may wait so is bounded; the rest is Unavailable.
//
// If the outcome of a batch is unknown, the journal tries the same batch with the same keys again
// before it takes another from that lane, which keeps the order in each room. A draft that proves
// to be stored already is answered and announced as if it were stored now. A client that is told
// Unavailable in the end can send with the same key again, to learn whether it was stored.
package messaging
