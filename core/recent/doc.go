// Package recent keeps the newest entries of rooms in memory, so that several who follow a room do
// not each read the same entries from the log.
//
//	appended here, heard ──► Add ──► a run for each room ◄── what comes after it ── log
//	                                     │
//	                             Read ◄──┘ else from the log
//
// # In present form
//
// A run is a part of a room's log without holes. Whatever changes an entry is an entry too: an
// edit, a deletion, a reaction or a set. So a run itself tells which of its entries have changed,
// as far as it reaches. Read gets the head that the caller knows. If the run does not reach it,
// Read first reads what the log has after the run. Entries that have changed are read again.
//
// A consumer learns the present head when it writes the bounds of a batch. Then it asks whether the
// page that it has read before still Holds. That asks the log only if the head is beyond the run:
// if another node has appended.
//
// So an entry is read once, however many want it. It is not read at all if it was appended on this
// node. Entries that others have appended without a notice to this node are found as well.
package recent
