// Package finding is an inverted index: for each token it keeps the messages of a room that have
// it. It decides what the rows of an index contain, and finds messages in them. A store loads and
// saves the rows, and decides nothing.
//
// # Blocks and pieces
//
// The documents of a room are in blocks. Each block covers a run of seqs:
//
//	seq   1 ───────────────────────── 4096 ────────── 4608 ──── 4650 ── 4652
//	      block 7: 3,900 documents         block 9: 480   11: 40   12: 2
//
// A block is an inverted index of its own. It is cut into pieces of about a kilobyte. A piece is
// one row, and has tokens with the seqs of their documents, in the order of the tokens. So a token
// of a block is found in one row, by its key. Each room has one more row: its manifest, which lists
// the blocks.
//
// New documents make a block at the end. If this block is not much smaller than the one before it,
// the two are merged at once. So each block is several times as large as the next one. There are
// about log(n) blocks, and each document is written again about as often, as a part of large runs
// of rows. This is the logarithmic method of Bentley and Saxe (1980), which LSM trees use too. Here
// it is applied to each room by itself. Blocks that are full are not merged any more. When a
// document changes, its block is written again.
//
// Each block has a filter, with a byte for each of its tokens. A filter says of most tokens that
// the block does not have them. Small filters are stored beside the manifest. Larger ones are rows
// of their own, and a node keeps those in memory that it used last. Nodes of the last release make
// blocks without filters. Such a block gets its filter by a later write.
//
// Beside the manifest, it is also noted when some messages of each block were made: all of the
// newest ones, and fewer of older ones. So each hit has a time that it is not older than, and one
// that it is not newer than, without a look at the message.
//
// # Finding
//
// Find looks at the newest rooms and blocks first. It ends as soon as no block that is left can
// have anything newer than what was found. Only then it reads when those hits were made that may
// be among the newest, unless that is noted. So a word that is in every message costs a look at the
// newest blocks of the rooms with the newest messages. A rare word costs one row of each room, its
// manifest, and one row of each block that has it. Find need not know which of the two a word is,
// and the database has no choice between query plans.
package finding
