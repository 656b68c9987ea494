// Package ledger judges what may be appended to a room's log, and what it comes to.
//
// A store loads what is known of a room, asks the judge, and saves what the judge ruled:
//
//	proposal ─► Judge ─► Ruling: the outcome, and what is to be saved with it
//	              ▲        │
//	        Rows: the room, its members, its messages, …
//	              ▲        ▼
//	              the store
//
// The judge reads by Rows alone and changes nothing. It knows no table and no transaction: that
// nobody else changes the room from the first look to the last save is the store's to see to.
//
// In which order refusals count is promised by ports.Log, and stands once, in judge.go. What is
// particular to a kind of fact stands in the file of that kind: who may make it, whether an
// archived room takes it, what it changes, when it changes nothing, and how a row has it.
//
// A new kind is a new file, and a line in kinds and kindOf. What it changes it says by the parts of
// a Ruling, which are few. How it is stored it says by Columns. Stores save and read both for all
// kinds alike.
//
// PostgreSQL appends plain messages by a statement that judges by itself. Its tests hold that
// statement to this package.
package ledger
