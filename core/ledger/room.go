package ledger

import "github.com/parley-chat/parley/core/chat"

type roomRule struct{}

func (roomRule) terms(*chat.Proposal) terms { return terms{role: chat.Moderate, archived: true} }

func (roomRule) ruling(c matter) (Ruling, error) {
	f := c.Fact.(chat.RoomChanged)
	is := *c.room
	of := change(&is.Room, f)
	if is.Room == c.room.Room {
		return c.unchanged(is.Set[of]), nil
	}
	r := c.appends(f)
	is.Set[of] = r.Entry.Seq
	r.Room = &is
	return r, nil
}

// Property is what a change of a room sets. Two opposite changes set the same property. Everything
// that is Set on a room of the types room.* is one property together.
type Property uint8

// The properties.
const (
	Name Property = iota
	Visibility
	Life
	Metadata
	Properties // how many there are
)

// change applies f to the room, and returns which property f sets. A change that does not exist
// sets nothing.
func change(room *chat.Room, f chat.RoomChanged) Property {
	switch f.Change {
	case chat.RoomRenamed:
		room.Name = f.Name
		return Name
	case chat.RoomPublished, chat.RoomHidden:
		room.Public = f.Change == chat.RoomPublished
		return Visibility
	case chat.RoomArchived, chat.RoomUnarchived:
		room.Archived = f.Change == chat.RoomArchived
	}
	return Life
}

func (roomRule) columns(f chat.Fact) Columns {
	is := f.(chat.RoomChanged)
	return Columns{Change: string(is.Change), Name: is.Name}
}

func (roomRule) fact(c *Columns) chat.Fact {
	return chat.RoomChanged{Change: chat.RoomChange(c.Change), Name: c.Name}
}
