// Package consuming has consumers follow the logs of rooms: durably, in order, and none of them
// held up by another. Webhooks are consumers, and whatever else is to be done once for each entry.
//
// There is no queue: the log is the queue. What is kept is a cursor for each (consumer, room), a
// pair, which moves on only after success.
//
//	journal ──► room.pending ──► sweep ─┐
//	   └──── nudge ───────────────────► pair ─► fix bounds ─► Take ─► move ─► fix, take, move, …
//	   (or by the bus, elsewhere)       │          ▲            │
//	                                    │          └─ wait ◄────┘ failed: 5 s · 2ⁿ, at last stalled
//	                                    └► nothing is left: 5 s of quiet, and the bit is cleared
//
// # Finding work
//
// A room whose log was appended to is pending: the append sets that bit in the update of the room
// that it makes anyway. The bit is the truth, and whoever sweeps finds it within seconds. So that
// nobody needs to wait for the sweep, the journal nudges the runner of its own node, and tells the
// others by the bus which rooms have grown.
//
// A bit that turns costs ten times what one that stays does, so it is cleared only after five
// seconds of quiet, when every pair of the room is at its head or waits on its own: pairs that wait
// to be tried again, or have stalled, are found by their own rows. A node of an earlier release
// appends without setting the bit. With the bit the head is noted at which it was cleared: a slow
// walk through all rooms finds those that have another head and are not pending. The same walk
// makes rooms pending that a new consumer has to begin with.
//
// A bit must not be cleared by a node that does not know of a new consumer yet. So each consumer
// that begins moves a generation on, and to clear takes the present one.
//
// # Who does it
//
// The rooms are divided into 256 shares, by a hash of their ids. Nodes lease shares for 15 seconds,
// as many each, and take over those of a node that fell silent. Each lease has a fence, a number
// that grows with each change of hands: a cursor moves only under the present one, so that a node
// which stood still and wakes cannot move what is another's by now.
//
// # Away, and at rest
//
// A consumer that has failed three times in a row on a node, with no success between, is away
// there. Then it is not every pair that is tried by its own wait: every 15 to 30 seconds one that
// waits is, and once a second one that has not failed yet, so that a poisoned room does not hold up
// others. The first success ends that. The pairs that wait are then due within three seconds, by
// their rows, so that all nodes find them; but for those of which the consumer has said when. What
// is under way at once grows from two, by one with each success. A node cannot know of failures
// before it had a share: where it finds pairs that wait, the consumer is away until it is known
// better.
//
// A consumer may also rest, as it wants (see Limits). Nothing is begun for it then, and what is
// under way ends. For either a room would stay pending for long. So after five seconds of quiet the
// pair gets a row that is due at once, and the bit is cleared. Such rows are looked for when the
// consumer rests no more, also by a node that has just started, or is of an earlier release.
//
// # A batch
//
// Its bounds are fixed and stored before its first attempt, with what the consumer seals of it. Any
// further attempt, on any node, has the same bounds; its entries are read anew, in present form.
// The write that moves a cursor past a batch fixes the next one. Writes of many pairs go together,
// and leave the store four times as long to others as they take.
//
// Behind a batch a pair lingers while little is there, and the pairs of a room do so together. What
// they take then is read once for all of them (see core/recent), or not at all where it was
// appended on this node. What is known to be deleted or edited by the time that the bounds are
// written is read anew before it is taken.
package consuming
