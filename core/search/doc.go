// Package search finds messages for those who may read them.
//
//	log ──► consuming ──► Indexer ──► ports.SearchIndex           behind the log
//	                                        │ places where it may be
//	query ──► rooms, rights ──► find ◄──────┘
//	                             └──► read anew ──► match ──► rights again ──► hits
//
// # It may lag but never lies
//
// The index is a hint, and nothing of it is shown. Each message that it names is read from the log,
// in its present form, and matched again. So what was deleted or edited away is found by nothing,
// whatever the index still has of it. Who asks has their rights looked at twice: before the index
// is asked, so that a page tells nothing of rooms that they may not read, not even by being short,
// and after the messages were read. Whoever lost a right meanwhile gets nothing that was said
// since.
//
// How far the index has got is a part of each answer. It is written by a consumer, from the first
// entry of each room on: rooms from before there was an index are indexed by the same consumer.
//
// # Words
//
// Messages and queries are split into words alike (ports.Words). A token is a word's form, its form
// without accents, or two characters that stand together in a script without spaces. An author and
// what a message has are tokens, too: those have a colon, which no word has.
package search
