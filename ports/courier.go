package ports

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Courier brings what hooks are told to where their owners want it. It may be called concurrently.
type Courier interface {
	// Deliver tries once, for as long as ctx allows, and returns what was answered, be it a
	// refusal. It fails with Forbidden where the operator does not allow the address, and with
	// Unavailable where there was no answer, or none that could be read: whether the parcel came is
	// not known then. What an error says, the owner of the hook may see: it has no secret in it,
	// and nothing of what was answered.
	Deliver(ctx context.Context, parcel Parcel) (HookReceipt, error)

	// CheckURL returns an Invalid error where nothing would ever be delivered to a URL.
	CheckURL(url string) error
}

// Parcel is what is brought.
type Parcel struct {
	URL     string
	ID      string   // of the body: two parcels of one ID have the same Body
	Secrets [][]byte // it is signed with each, and so with each of Keys
	Keys    []ed25519.PrivateKey
	Body    []byte // JSON

	// Read reads what is answered to it.
	Read func(answer []byte) (HookAnswer, error)

	Piece int // bytes of the answer's body to return as they are, whatever its Status; 0: none
}

// HookReceipt is an answer.
type HookReceipt struct {
	Status     int           // of HTTP
	RetryAfter time.Duration // not before that; 0: it does not say
	Answer     HookAnswer    // with a Status from 200 to 299
	Piece      string        // the beginning of the answer's body, where the parcel asks for it; also beside an error
}

// HookBatch is what a hook is told at once: entries of a room, ascending, of those from First to
// Last. Head was the room's last entry when the batch was made.
type HookBatch struct {
	ID          string // of these bytes: where an entry was changed meanwhile, it is another one
	Hook        chat.HookID
	Room        chat.RoomID
	First, Last chat.Seq
	Head        chat.Seq
	Entries     []chat.Entry
	Forms       []*Form // where each of Entries may be kept as it is written; or nil
}

// HookSignal is a signal as a hook is told it.
type HookSignal struct {
	chat.Signal
	At time.Time // when it arose, by the clock of its node
}

// HookAnswer is what a hook's owner says to a batch.
type HookAnswer struct {
	Ack *chat.Seq     // how far they got; nil: all of it
	Do  []HookCommand // what the hook's bot is to do, in this order; MaxHookCommands at most
}

// HookCommand is one thing to do, or why it cannot be read.
type HookCommand struct {
	Change Change // in the batch's room, unless it says another one
	Key    chat.Key
	Err    error
}
