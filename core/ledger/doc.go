// Package ledger judges which proposals may be appended to a room's log, and with what effect.
//
// A store loads what is known of a room, asks the judge, and saves what the judge ruled:
//
//	proposal ─► Judge ─► Ruling: the outcome, and what is to be saved with it
//	              ▲        │
//	        Rows: the room, its members, its messages, …
//	              ▲        ▼
//	              the store
//
// The judge reads through Rows alone and changes nothing. It knows no table and no transaction. The
// store must ensure that nobody else changes the room from the first read to the last write.
//
// ports.Log promises the order in which refusals are checked. It is implemented once, in judge.go.
// Each kind of fact has a file. It says who may make it, whether an archived room takes it, what it
// changes, when it changes nothing, and how a row holds it.
//
// A new kind is a new file, and a line in kinds and kindOf. It expresses its changes with the few
// parts of a Ruling, and its stored form with Columns. Stores save and read both in the same way
// for all kinds.
//
// The PostgreSQL adapter appends plain messages with a statement that makes these checks itself.
// Its tests compare that statement with this package.
package ledger
