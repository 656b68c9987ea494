package chat

// Settle says what a change of a member comes to, where the user's place was was and by makes it: the change as the log has it
// (whether somebody joined or got another role depends on what they were), or same, where it is so already. A user who is banned
// cannot leave the ban: Forbidden.
func (f MemberChanged) Settle(was Member, by UserID) (settled MemberChanged, same bool, err error) {
	switch f.Change {
	case MemberLeft:
		if was.Banned && f.User == by {
			return f, false, Errorf(Forbidden, "you are banned from the room")
		}
		f.Role = None
		return f, was.Role == None && !was.Banned, nil
	case MemberBanned:
		f.Role = None
		return f, was.Banned, nil
	}
	f.Change = MemberJoined
	if was.Role != None {
		f.Change = MemberRole
	}
	return f, was.Role == f.Role, nil
}

// Resigns reports whether by the proposal a moderator, who was in that place, gives up to be one, and does not moderate by their token
// either. The last one of a room may not: a log refuses that with LastModerator.
func (p *Proposal) Resigns(was Member) bool {
	f, ok := p.Fact.(MemberChanged)
	stays := f.Role == Moderate && f.Change != MemberLeft && f.Change != MemberBanned
	return ok && f.User == p.Author.ID && was.Role == Moderate && !stays && !p.By.Admin && !p.By.Granted.May(Moderate)
}

// LastModerator says that the last moderator of a room stays one.
func LastModerator() *Error {
	return Errorf(Conflict, "you are the room's last moderator: make somebody else one first")
}

// Place returns the place of the user after the change; its Since is the entry's At.
func (f MemberChanged) Place() Member {
	return Member{User: f.User, Role: f.Role, Banned: f.Change == MemberBanned}
}

// RoomProperty is what a RoomChanged sets: two opposite changes set the same one.
type RoomProperty uint8

// The properties.
const (
	RoomName RoomProperty = iota
	RoomVisibility
	RoomLife
	RoomProperties // how many there are
)

// Apply returns the room as the change makes it, and which property it sets. A change that does not exist sets nothing.
func (f RoomChanged) Apply(room Room) (Room, RoomProperty) {
	switch f.Change {
	case RoomRenamed:
		room.Name = f.Name
		return room, RoomName
	case RoomPublished, RoomHidden:
		room.Public = f.Change == RoomPublished
		return room, RoomVisibility
	case RoomArchived, RoomUnarchived:
		room.Archived = f.Change == RoomArchived
	}
	return room, RoomLife
}
