package ports

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// Hooks keeps hooks: who is told what is recorded in rooms. How far each has come is kept by the
// cursors of its consumer. It may be called concurrently.
type Hooks interface {
	// AllHooks returns all hooks, in the order in which they were made. They are MaxHooks at most.
	AllHooks(ctx context.Context) ([]Hook, error)

	// MakeHook keeps a new hook, and returns it with MadeAt, by the store's clock, and Version 1.
	// With now it begins at that time too, whatever From says. It is a Conflict where there are
	// MaxHooks already, or MaxRoomHooks of its Room, or one of its ID; and of one with a Room where
	// only SpareHooks could be made.
	MakeHook(ctx context.Context, hook Hook, now bool) (Hook, error)

	// ChangeHook sets all of a hook but ID, Room, Kind, By, Granted and MadeAt, if it has that
	// Version still, and returns it with the next one. A hook that has another Version is a
	// Conflict, one that is not there NotFound.
	ChangeHook(ctx context.Context, hook Hook) (Hook, error)

	// RemoveHook forgets a hook and what is leased of it, or is NotFound.
	RemoveHook(ctx context.Context, id chat.HookID) error

	// LeaseRooms leases rooms of a hook to the caller, for so long from now by the store's clock,
	// and returns those that it got: nobody else has them leased. With 0 it gives rooms back,
	// whoever leased them. A hook that is not there gets none.
	LeaseRooms(ctx context.Context, id chat.HookID, rooms []chat.RoomID, lasts time.Duration) ([]chat.RoomID, error)
}

// How many hooks there may be: in all, and of those that the moderators of a room made for it. The
// last SpareHooks of all are for admins, so that whoever makes many rooms does not take every
// place.
const (
	MaxHooks     = 50
	MaxRoomHooks = 5
	SpareHooks   = 20
)

// Hook is somebody's back end that is told what is recorded in rooms.
type Hook struct {
	ID      chat.HookID
	Room    chat.RoomID // made by a moderator of that room, for it alone; empty: made by an admin
	Kind    HookKind
	URL     string // where to; empty for one that pulls
	Filter  HookFilter
	Secrets []byte      // sealed: only the core can read it
	Keys    []byte      // its private keys, sealed too; empty: it has none
	Signals bool        // it is also told signals of its rooms, as they come; only one that is posted to
	Bot     chat.Author // who says what the hook's answers ask for
	Role    chat.Role   // of the bot in the rooms that the hook follows; None: answers do nothing
	Paused  string      // why nothing is sent, for people; empty: it is
	From    time.Time   // begins with entries made at that time or later; zero: with the first
	Epoch   int         // how often it was made to begin anew in all of its rooms
	By      chat.UserID // who made it
	Granted bool        // of one with a Room: its maker moderates there by their token, and not as a member
	MadeAt  time.Time
	Version int64

	// Error is why a node can tell it nothing though it is not paused; the store does not keep it.
	Error string

	// PublicKeys are those with which its parcels can be verified now, the newest first: whpk_…;
	// the store does not keep them.
	PublicKeys []string
}

// FeatureHookKeys is that hooks may have key pairs.
const FeatureHookKeys = "hook_keys"

// FeatureHookSignals is that hooks may be told signals.
const FeatureHookSignals = "hook_signals"

// HookKind is how a hook gets what it is told.
type HookKind string

// The kinds.
const (
	HookPush HookKind = "push" // it is posted to its URL
	HookPull HookKind = "pull" // it asks
)

// HookFilter is what a hook wants to be told, and how.
type HookFilter struct {
	Rooms []chat.RoomPattern `json:"rooms,omitempty"` // those that fit any; of a hook with a Room it is that one
	Types []string           `json:"types,omitempty"` // of entries, or of what they set; none: all
	Own   bool               `json:"own,omitempty"`   // also what its own bot says
	Batch int                `json:"batch,omitempty"` // most entries at once, 1–100
	Wait  time.Duration      `json:"wait,omitempty"`  // for more entries of a room where there are fewer, up to 5 s
}

// Limits on a HookFilter, and on an answer.
const (
	MaxHookRooms    = 20
	MaxHookTypes    = 20
	MaxHookBatch    = 100
	MaxHookWait     = 5 * time.Second
	MaxHookCommands = 20
)

// RoomForHook returns the Conflict of a hook that is one too many: of an admin if room is empty,
// beside so many in all, and in its room.
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

// NoHook says that there is no such hook, or none that the user may know of.
func NoHook(id chat.HookID) error { return chat.Errorf(chat.NotFound, "there is no hook %s", id) }

// StaleHook says that somebody else has changed a hook.
func StaleHook(id chat.HookID) error {
	return chat.Errorf(chat.Conflict, "hook %s was changed meanwhile: read it again", id)
}
