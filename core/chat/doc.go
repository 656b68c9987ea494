// Package chat holds the words of the domain: what a room, an entry, an author or a role is, and which values of them are valid.
//
// A room is an ordered durable log of entries; an entry's place in it is its seq: 1, 2, 3, … without holes. A change to an
// earlier message (an edit, a deletion, a reaction) is an entry of its own that sets a value, so that whoever applies entries in
// order ends in the same state wherever they began.
//
// The package imports nothing but the standard library, and Unicode's normal forms, which that lacks; it knows no technology. Values are plain and safe to copy; what has
// rules is made by a Parse function and is valid from then on.
package chat
