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
// as far as it reaches. Each Read first reads what the log has after the run. It need not if such a
// read has begun since Read was called, or a moment before. So Read returns what the log would have
// returned at that time. Entries that have changed are read again.
//
// So an entry is read once, however many want it. It is not read at all if it was appended on this
// node. Entries that others have appended without a notice to this node are found as well.
package recent
