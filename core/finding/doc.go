// Package finding keeps which messages of a room have which tokens. It decides what the rows of an
// index hold, and reads answers out of them; a store loads and saves the rows, and decides nothing.
//
// # Blocks and pieces
//
// The documents of a room lie in blocks, each of which covers a run of seqs:
//
//	seq   1 ───────────────────────── 4096 ────────── 4608 ──── 4650 ── 4652
//	      block 7: 3,900 documents         block 9: 480   11: 40   12: 2
//
// A block is an inverted index of its own: it is cut into pieces of about a kilobyte, rows that
// each hold tokens with the seqs of their documents, in the order of the tokens. So a token of a
// block is found in one row, by its key. A row of the room, its manifest, lists the blocks.
//
// New documents make a block at the end. Where it is not much smaller than the one before, it is
// merged with it at once, so that each block is several times as large as the next: there are
// about log(n) of them, and a document is written anew about as often, as a part of large runs of
// rows. This is the logarithmic method of Bentley and Saxe (1980), as LSM trees have it, apart for
// each room. Blocks that are full are not merged any more. A document that changes has its block
// written anew.
//
// # Finding
//
// Find takes the newest blocks first, and ends as soon as no block that is left can have anything
// newer than what it has. So a word that is in every message costs a look at the newest blocks; a
// rare one costs one row of each block of each room. Neither needs to know which of both it is,
// and no statement has a choice of plans.
package finding
