package chat

// Signal is something that is true for the moment and not in the log. Signals may be lost or
// coalesced: of two with the same Slot the later one is enough.
type Signal struct {
	Room RoomID
	User UserID
	Kind SignalKind
	On   bool // SignalTyping: the user types; SignalPresence: the user is online

	// Seq is the read mark of a SignalRead. Of a SignalTyping it is the last entry that the user
	// made before, or 0: nobody gets the signal before that entry.
	Seq Seq
}

// SignalKind is what a signal is about.
type SignalKind uint8

// The kinds of signals.
const (
	SignalTyping SignalKind = iota + 1
	SignalPresence
	SignalRead
	SignalProfile // of no room: a user's profile has another version now
)

// SignalSlot is what two signals share if the later one replaces the earlier one.
type SignalSlot struct {
	Room RoomID
	User UserID
	Kind SignalKind
}

// Slot returns the signal's slot.
func (s Signal) Slot() SignalSlot { return SignalSlot{s.Room, s.User, s.Kind} }
