// Package recent has the newest entries of rooms at hand, so that several who follow a room do not
// each read the same from the log.
//
//	appended here, heard ──► Add ──► a run for each room ◄── what is behind it ── log
//	                                     │
//	                             Read ◄──┘ else from the log
//
// # In present form
//
// A run is a part of a room's log without holes. Whatever gives an entry another form is an entry
// too: an edit, a deletion, a reaction, what is set. So a run tells by itself which of its entries
// have another form by now, as far as it reaches. Each Read first reads what the log has behind the
// run, unless such a read has begun since it was called, or a moment before: it returns what the
// log would have returned at that time. Entries that have another form by now are read anew.
//
// So an entry is read once, however many want it, or not at all where it was appended on this node;
// and what others append without a word to this node is found as ever.
package recent
