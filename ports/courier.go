package ports

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Courier brings to the owners of hooks what these are told. It may be called concurrently.
type Courier interface {
	// Deliver tries once, for as long as ctx allows, and returns the answer, even if that is a
	// refusal. It fails with Forbidden if the operator does not allow the address. It fails with
	// Unavailable if there was no answer, or none that could be read: then it is unknown whether
	// the parcel arrived. The hook's owner may see the text of an error. It contains no secret, and
	// nothing of the answer.
	Deliver(ctx context.Context, parcel Parcel) (HookReceipt, error)

	// CheckURL returns an Invalid error if nothing can ever be delivered to a URL.
	CheckURL(url string) error
}

// Parcel is what is delivered at once.
type Parcel struct {
	URL     string
	ID      string   // two parcels with one ID have the same Body
	Secrets [][]byte // the parcel is signed with each of these, and with each of Keys
	Keys    []ed25519.PrivateKey
	Body    []byte // JSON

	// Read reads the answer to the parcel.
	Read func(answer []byte) (HookAnswer, error)

	Piece int // how many bytes of the answer's body to return as they are, whatever its Status
}

// HookReceipt is the answer to a parcel.
type HookReceipt struct {
	Status     int           // of HTTP
	RetryAfter time.Duration // do not try again before that; 0: the answer does not say
	Answer     HookAnswer    // if Status is 200 to 299
	// The beginning of the answer's body, if the parcel asks for it. It may be set beside an error.
	Piece string
}

// HookBatch is what a hook is told at once: entries of a room, ascending, which lie between First
// and Last. Head was the room's last entry when the batch was made.
type HookBatch struct {
	ID          string // it changes when the batch's bytes do, as when an entry was edited
	Hook        chat.HookID
	Room        chat.RoomID
	First, Last chat.Seq
	Head        chat.Seq
	Entries     []chat.Entry
	Forms       []*Form // a place for each of Entries to keep its encoded form; or nil
}

// HookSignal is a signal as a hook is told it.
type HookSignal struct {
	chat.Signal
	At time.Time // when it arose, by the clock of its node
}

// HookAnswer is what a hook's owner answers to a batch.
type HookAnswer struct {
	Ack *chat.Seq     // the last entry that was taken; nil: all were
	Do  []HookCommand // commands for the hook's bot, in this order; at most MaxHookCommands
}

// HookCommand is one command for a bot, or why it cannot be read.
type HookCommand struct {
	Change Change // in the batch's room, unless it names another one
	Key    chat.Key
	Err    error
}
