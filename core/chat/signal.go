package chat

// Signal is something that is true for the moment and not in the log. Signals may be lost or
// coalesced: of two that have the same Slot the later one is enough.
type Signal struct {
	Room RoomID
	User UserID
	Kind SignalKind
	On   bool // SignalTyping: is typing; SignalPresence: is online
	Seq  Seq  // SignalRead: the read mark. SignalTyping: what the user said before it, or 0. It goes to nobody before that entry does
}

// SignalKind is what a signal is about.
type SignalKind uint8

// The kinds of signals.
const (
	SignalTyping SignalKind = iota + 1
	SignalPresence
	SignalRead
)

// SignalSlot is what a later signal replaces an earlier one in.
type SignalSlot struct {
	Room RoomID
	User UserID
	Kind SignalKind
}

// Slot returns the signal's slot.
func (s Signal) Slot() SignalSlot { return SignalSlot{s.Room, s.User, s.Kind} }
