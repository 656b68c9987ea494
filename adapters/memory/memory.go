// Package memory keeps rooms in the memory of one process: for tests, for trying the service out,
// and for services that need no history after the process's end. Nothing in it is durable.
package memory

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// Store is a log and a directory in memory. Its zero value is not usable; New makes one.
type Store struct {
	mu      sync.RWMutex
	log     chat.LogID
	rooms   map[chat.RoomID]*room
	people  map[chat.UserID]chat.Person
	revoked []chat.Revocation // in the order in which they were made; a place is the index plus one
	hooks   []ports.Hook      // in the order in which they were made

	hookLeases map[chat.HookID]map[chat.RoomID]time.Time // until when

	consuming consuming
	index     index
}

var (
	_ ports.Log         = (*Store)(nil)
	_ ports.Directory   = (*Store)(nil)
	_ ports.Slots       = (*Store)(nil)
	_ ports.LogIdentity = (*Store)(nil)
	_ ports.Revocations = (*Store)(nil)
	_ ports.Hooks       = (*Store)(nil)
	_ ports.Checker     = (*Store)(nil)
)

// New makes an empty store.
func New() *Store {
	return &Store{
		log: chat.NewLogID(), rooms: map[chat.RoomID]*room{}, people: map[chat.UserID]chat.Person{}, consuming: newConsuming(),
		index: index{rooms: map[chat.RoomID][]document{}},
	}
}

// Check fails only when ctx has ended.
func (s *Store) Check(ctx context.Context) error { return ended(ctx, "check the store") }

// room is all data of one room.
type room struct {
	ledger.Room
	lastAt  time.Time
	pending bool // consumers may be behind
	// Entries in their first form, but without the bodies of messages and edits and the data of
	// sets.
	log      []chat.Entry
	messages map[chat.Seq]*message
	keys     map[authorKey]chat.Seq
	places   map[chat.UserID]ledger.Place // a user who has left has a zero Member
	marks    map[chat.UserID]chat.Seq
	said     []chat.Seq // the messages that are not deleted, ascending
	speakers map[chat.UserID]*speaker
	// Of each message, and of the room at 0: the slots that hold a value, by type and slot.
	slots map[chat.Seq][]slot
}

type authorKey struct {
	author chat.UserID
	key    chat.Key
}

// message is a message in its present form.
type message struct {
	chat.Message // without Reactions and Slots
	deletedBy    chat.Seq
	reactions    []*reaction // in the order of their first entries
}

// speaker is a user who has made entries in a room.
type speaker struct {
	said []chat.Seq // their messages that are not deleted, ascending
	left bool       // and has made no entry since
}

// reaction is the users who react, or did, to a message with one emoji.
type reaction struct {
	emoji string   // as it was first sent
	first chat.Seq // the entry that first set it
	by    map[chat.UserID]reacted
	count int
}

type reacted struct {
	on  bool
	set chat.Seq
}

// now returns a time that is not before the room's earlier ones, in the precision of other stores.
func (r *room) now() time.Time {
	if now := time.Now().UTC().Truncate(time.Microsecond); now.After(r.lastAt) {
		r.lastAt = now
	}
	return r.lastAt
}

func ended(ctx context.Context, what string) error {
	return chat.Wrap(chat.Unavailable, ctx.Err(), what)
}
