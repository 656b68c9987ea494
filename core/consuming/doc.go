// Package consuming lets consumers follow the logs of rooms: durably, in order, and so that no
// consumer holds up another one. Webhooks are consumers, and so is everything else that must be
// done once for each entry.
//
// There is no queue: the log is the queue. What is stored is one cursor for each consumer in each
// room. The two together are called a pair. A cursor moves on only after success.
//
//	journal ──► room.pending ──► sweep ─┐
//	   └──── nudge ───────────────────► pair ─► fix bounds ─► Take ─► move ─► fix, take, move, …
//	   (or by the bus, elsewhere)       │          ▲            │
//	                                    │          └─ wait ◄────┘ failed: 5 s · 2ⁿ, at last stalled
//	                                    └► nothing is left: 5 s of quiet, and the bit is cleared
//
// # Finding work
//
// A room whose log was appended to is pending. The append sets this bit in the update of the room
// that it makes anyway. A sweep looks for rooms with the bit, and finds each of them within
// seconds. So that nobody must wait for the sweep, the journal also nudges the runner of its own
// node, and tells the other nodes by the bus which rooms have grown.
//
// A bit that changes costs ten times as much as one that stays set. So it is cleared only after
// five seconds of quiet, and only if no pair of the room needs it: each pair is at the room's head,
// or is found by its own row, as pairs that wait for another try or have stalled are. A node of an
// earlier release appends without setting the bit. Therefore the head at which the bit was cleared
// is stored with it. A slow walk through all rooms finds rooms that have another head and are not
// pending. The same walk makes rooms pending in which a new consumer has to begin.
//
// A node that does not know of a new consumer yet must not clear a bit. So each consumer that
// begins increases a generation, and clearing a bit requires the present one.
//
// # Who does it
//
// The rooms are divided into 256 shares, by a hash of their ids. Nodes lease shares for 12 seconds.
// Each node leases the same number, and shares of a node that fell silent are taken over. Each
// lease has a fence: a number that grows with each change of hands. A cursor moves only under the
// present fence. So a node that was paused for long and then goes on cannot move cursors that
// belong to another node by now.
//
// # Away, and at rest
//
// A consumer is away on a node when it has failed there three times in a row, with no success in
// between. Then its pairs are no longer tried each at its own time. Every 15 to 30 seconds one pair
// that waits is tried. Once a second, one pair that has not failed yet is tried too, so that a room
// with a bad entry does not hold up the others. The first success ends this state. Then all pairs
// that wait become due within three seconds, except those for which the consumer has said when to
// try again. This is stored in their rows, so that all nodes find them. Two batches may be under
// way then, and one more with each success. A node cannot know of failures that happened before it
// had a share. So if it finds pairs that wait, it treats the consumer as away until it knows
// better.
//
// A consumer may also ask to rest (see Limits). Then nothing new is begun for it, and batches that
// are under way end normally.
//
// If a consumer is away or rests, its rooms would stay pending for long. So after five seconds of
// quiet the pair gets a row that is due at once, and the bit is cleared. Such rows are looked for
// when the consumer no longer rests. A node that has just started, or of an earlier release, finds
// them too.
//
// # A batch
//
// The bounds of a batch are fixed and stored before its first attempt, together with what the
// consumer seals. Each further attempt, on any node, has the same bounds. Its entries are read
// again, in their present form. The write that moves a cursor past a batch also fixes the next
// batch. Cursors of many pairs are written together. After a write the runner pauses for four times
// as long as the write took, so that others can use the store.
//
// After a batch a pair lingers: it waits for more entries if there are few. The pairs of a room
// linger together. What they take then is read once for all of them (see core/recent). It is not
// read at all if it was appended on this node.
//
// The write of the bounds also returns the room's head. So an entry that any node has deleted or
// edited before that write is read again before it is taken. The same holds for what this node has
// deleted or edited before the attempt begins. This needs no statement of its own. Only what
// another node deletes after the write may still be in the batch, which is on its way by then.
package consuming
