package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Hooks keeps hooks. How far each of them has got is kept as the cursors of its consumer. It may be
// called concurrently.
type Hooks interface {
	// AllHooks returns all hooks, in the order in which they were made. There are at most MaxHooks.
	AllHooks(ctx context.Context) ([]Hook, error)

	// MakeHook stores a new hook, and returns it with MadeAt, by the store's clock, and Version 1.
	// With now, the hook's From is that time too, whatever hook says. The error is a Conflict if
	// there are MaxHooks already, if its Room has MaxRoomHooks, or if a hook has that ID. A hook
	// with a Room is also refused if only SpareHooks are left.
	MakeHook(ctx context.Context, hook Hook, now bool) (Hook, error)

	// ChangeHook changes a hook, except ID, Room, Kind, By, Granted and MadeAt. It returns the hook
	// with its next Version. The error is a Conflict if the stored hook has another Version than
	// the given one, and NotFound if there is no such hook.
	ChangeHook(ctx context.Context, hook Hook) (Hook, error)

	// RemoveHook removes a hook and its leases. The error is NotFound if there is no such hook.
	RemoveHook(ctx context.Context, id chat.HookID) error

	// LeaseRooms leases rooms of a hook to the caller, for lasts from now, by the store's clock. It
	// returns the rooms that it has leased: those that nobody else has. If lasts is 0 it gives
	// rooms back, whoever has leased them. If there is no such hook it returns none.
	LeaseRooms(ctx context.Context, id chat.HookID, rooms []chat.RoomID, lasts time.Duration) ([]chat.RoomID, error)
}

// How many hooks there may be: in all, and for one room by its moderators. The last SpareHooks are
// for admins. So somebody who makes many rooms cannot take all places.
const (
	MaxHooks     = 50
	MaxRoomHooks = 5
	SpareHooks   = 20
)

// Hook is a back end of somebody else that is told what is recorded in rooms.
type Hook struct {
	ID      chat.HookID
	Room    chat.RoomID // made by a moderator of that room, for it alone; empty: made by an admin
	Kind    HookKind
	URL     string // where to post to; empty for a hook that pulls
	Filter  HookFilter
	Secrets []byte      // encrypted: only the core can read them
	Keys    []byte      // its private keys, encrypted too; empty: it has none
	Signals bool        // it is also told signals of its rooms; only a push hook can be
	Bot     chat.Author // the author of what the hook's answers ask for
	Role    chat.Role   // of the bot in the rooms that the hook follows; None: answers do nothing
	Paused  string      // why it is told nothing, for people to read; empty: it is not paused
	From    time.Time   // begins with entries made at that time or later; zero: with the first
	Epoch   int         // how often it was made to begin anew in all of its rooms
	By      chat.UserID // who made it
	// If it has a Room: its maker moderates there by their token, and not as a member.
	Granted bool
	MadeAt  time.Time
	Version int64

	// Error says why this node can tell the hook nothing although it is not paused. Stores do not
	// keep it.
	Error string

	// PublicKeys are the keys with which its parcels can be verified now, the newest first: whpk_….
	// Stores do not keep them.
	PublicKeys []string
}

// FeatureHookKeys says that hooks may have key pairs.
const FeatureHookKeys = "hook_keys"

// FeatureHookSignals says that hooks may be told signals.
const FeatureHookSignals = "hook_signals"

// HookKind says how a hook gets what it is told.
type HookKind string

// The kinds.
const (
	HookPush HookKind = "push" // parcels are posted to its URL
	HookPull HookKind = "pull" // its owner asks for batches
)

// HookFilter says what a hook wants to be told, and how.
type HookFilter struct {
	// Rooms that fit any of these. If the hook has a Room, it is only that one.
	Rooms []chat.RoomPattern `json:"rooms,omitempty"`
	Types []string           `json:"types,omitempty"` // of entries, or of what they set; empty: all
	Own   bool               `json:"own,omitempty"`   // also entries of its own bot
	Batch int                `json:"batch,omitempty"` // max entries at once, 1–100
	// How long to wait for more entries of a room if there are fewer; up to 5 s.
	Wait time.Duration `json:"wait,omitempty"`
}

// Limits on a HookFilter, and on an answer.
const (
	MaxHookRooms    = 20
	MaxHookTypes    = 20
	MaxHookBatch    = 100
	MaxHookWait     = 5 * time.Second
	MaxHookCommands = 20
)

// RoomForHook returns a Conflict if there is no place for one more hook. all is how many hooks
// there are, and inRoom how many of them are in room. room is empty for an admin's hook.
func RoomForHook(room chat.RoomID, all, inRoom int) error {
	switch {
	case room != "" && inRoom >= MaxRoomHooks:
		return chat.Errorf(chat.Conflict, "the room has %d hooks already: remove one first", MaxRoomHooks)
	case room != "" && all >= MaxHooks-SpareHooks && all < MaxHooks:
		return chat.Errorf(chat.Conflict, "there are %d hooks already: the last %d are for admins", all, SpareHooks)
	case all >= MaxHooks:
		return chat.Errorf(chat.Conflict, "there are %d hooks already: remove one first", MaxHooks)
	}
	return nil
}

// NoHook is the error for a hook that does not exist, or that the user may not know of.
func NoHook(id chat.HookID) error { return chat.Errorf(chat.NotFound, "there is no hook %s", id) }

// StaleHook is the error for a change of a hook that somebody else has changed.
func StaleHook(id chat.HookID) error {
	return chat.Errorf(chat.Conflict, "hook %s was changed meanwhile: read it again", id)
}
