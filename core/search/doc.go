// Package search finds messages for those who may read them.
//
//	log ──► consuming ──► Indexer ──► ports.SearchIndex           later than the log
//	                                        │ places where it may be
//	query ──► rooms, rights ──► find ◄──────┘
//	                             └──► read again ──► match ──► rights again ──► hits
//
// # It may lag but never lies
//
// The index is a hint, and nothing of it is shown. Each message that it names is read from the log,
// in its present form, and matched again. So text that was deleted or edited away is never found,
// whatever the index still has of it.
//
// The user's rights are checked twice. The first check is before the index is asked. So a page
// tells nothing about rooms that the user may not read, not even by being short. The second check
// is after the messages were read. So a user who has lost a right meanwhile gets nothing that was
// said since.
//
// Each answer says how far the index has got. A consumer writes the index, from the first entry of
// each room on. So it also indexes rooms that are older than the index.
//
// # Words
//
// Messages and queries are split into words in the same way (ports.Words). A token is a word's
// form, its form without accents, or two characters that stand together in a script without spaces.
// A message's author and some of its properties are tokens too. Those have a colon, which no word
// has.
package search
