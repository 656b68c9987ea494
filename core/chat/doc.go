// Package chat holds the words of the domain: what a room, an entry, an author or a role is, and
// which values of them are valid.
//
// A room is an ordered durable log of entries. An entry's place in it is its seq: 1, 2, 3, …
// without holes. A change to an earlier message (an edit, a deletion, a reaction) is an entry of
// its own that sets a value. So whoever applies entries in order ends in the same state, wherever
// they began.
//
// The package imports only the standard library and Unicode's normal forms, which that lacks. It
// knows no technology. Values are plain and safe to copy. A value with rules is made by a Parse
// function, and is valid from then on.
//
// # Glossary
//
// One word is one thing, in code, logs, metrics and documents:
//
//	room       a place to talk: a log of entries, with members
//	entry      one thing in a room's log; its fact says what
//	fact       a message, an edit, a deletion, a reaction, a change of a member or of the room, a set
//	message    something said
//	set        gives a slot a value, or empties it
//	slot       a place on a message, or on the room, for one value of some type
//	pin        the value of the slot that says that a message is pinned
//	seq        an entry's place in its room: 1, 2, 3, …
//	head       the seq of a room's last entry
//	log        all entries of all rooms of a store; it has an identity, and cursors belong to it
//	cursor     the last entry that somebody has got in a room
//	key        an author's own name for a send, so that it can be repeated and is stored once
//	proposal   an entry that somebody wants to be appended
//	ruling     the ledger's decision on a proposal: its outcome, and what is to be saved
//	draft      a proposal on its way through the journal
//	author     who made an entry
//	member     a user with a place in a room: a role, or a ban
//	role       what a user may do in a room: none, read, write, moderate
//	grant      a role that a token gives
//	standing   a user's relation to a room: the room, their place, their mark
//	mark       how far a user has read in a room
//	unread     messages of others after the mark that are not deleted
//	turn       a run of messages of one author
//	session    one connection's life, from its opening to its end
//	stranger   a session whose token has yet to come
//	reader     the writing side of a connection
//	follow     a reader's place in one room
//	audience   who follows a room on a node
//	feed       what a node knows of the log of one room
//	ring       the newest entries of a feed, encoded once
//	packed     of a frame: made smaller for the way to a client, alone or in a chain
//	chain      frames of a ring, of which each packed one refers back to those before it
//	shard      one of the writers, each with a part of the readers
//	journal    gathers drafts and appends them in batches, by lanes
//	aside      a room that has left its lane, because somebody else holds it in the store
//	bus        carries notices between nodes; a driver is for one kind of server
//	notice     what nodes tell each other
//	signal     is told to readers and is not in the log: presence, typing, reading
//	presence   who follows a room now, on all nodes
//	node       one process of the service; a peer is another one
//	consumer   takes the entries of rooms in order, at least once; has a cursor in each of them
//	pair       a consumer and a room, with the cursor that it has there
//	stalled    a pair that has failed for so long that an operator must decide how it goes on
//	pending    a room that was appended to since all consumers were known to be at its head
//	share      one of the 256 parts of all rooms that nodes divide among them to run consumers
//	lease      a node's hold on a share for a while
//	fence      the number of a lease, which grows with each change of hands
//	hook       somebody's back end that is told what is recorded in rooms: by posts, or it pulls
//	parcel     what a hook gets at once, signed
//	token      a word of a message, or something else that it is found by
//	block      an inverted index of a part of a room's messages: which of them have a token; it is
//	           cut into pieces, which are rows
//	drain      going away in an orderly manner
//	store      keeps logs and the directory of rooms, members and marks
package chat
