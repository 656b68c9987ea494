package chat

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Identity is who a verified token speaks for, and what it allows.
type Identity struct {
	User    UserID
	Name    string    // may be empty
	Admin   bool      // may everything
	Grants  Grants    // nil where the token says nothing of rooms
	Issued  time.Time // zero where the token does not say; at most MaxIssuedAhead from now
	Expires time.Time
}

// MaxIssuedAhead is how far ahead of our clock a token may say that it was issued: the clocks of
// issuers are never quite the same.
const MaxIssuedAhead = 30 * time.Second

// Author returns the identity as the author of an entry.
func (i Identity) Author() Author { return Author{ID: i.User, Name: i.Name} }

// In returns what the identity's token gives in a room.
func (i Identity) In(room RoomID) Rights {
	return Rights{Granted: i.Grants.For(room), Everybody: i.Grants == nil, Admin: i.Admin}
}

// Rights is what a token gives its user in one room, whatever place they have there. The zero value
// gives nothing.
type Rights struct {
	Granted   Role // what the token grants there
	Everybody bool // the user has what everybody has in a public room: the token says nothing of rooms
	Admin     bool // may everything
}

// Role returns what a user with these rights may do in a room, where they have that place. A ban
// beats every grant; an admin may everything.
func (r Rights) Role(room Room, place Member) Role {
	switch {
	case r.Admin:
		return Moderate
	case place.Banned:
		return None
	}
	role := max(place.Role, r.Granted)
	if room.Public && r.Everybody {
		role = max(role, Write)
	}
	return role
}

// Entitle returns the role of a user with these rights in a room, where they have that place, and
// an error unless it covers need: Forbidden, or NotFound for who may not even read. They do not
// learn that the room exists, unless they were banned from it: they know.
func (r Rights) Entitle(room Room, place Member, need Role) (Role, error) {
	role := r.Role(room, place)
	switch {
	case role.May(need):
		return role, nil
	case role.May(Read):
		return role, Errorf(Forbidden, "this needs the role %s in %s; yours is %s", need, room.ID, role)
	case place.Banned:
		return role, Errorf(Forbidden, "you are banned from %s", room.ID)
	}
	return role, NoRoom(room.ID)
}

// NoRoom says that there is no such room, or none that the user may know of: the two look the same.
func NoRoom(room RoomID) *Error { return Errorf(NotFound, "there is no room %s", room) }

// Grants says which role a token gives in which rooms, by room id or pattern ("support-*"; a star
// stands for any run of characters). A token that has grants speaks for those rooms only: elsewhere
// its user has what membership gives, and not what everybody has in a public room.
type Grants map[string]Role

// For returns the role granted in room: that of the exact id, or else of the longest pattern that
// fits (of two as long, the higher role), or None.
func (g Grants) For(room RoomID) Role {
	if role, ok := g[string(room)]; ok {
		return role
	}
	best, role := -1, None
	for pattern, r := range g {
		if strings.Contains(pattern, "*") && (len(pattern) > best || len(pattern) == best && r > role) && match(pattern, string(room)) {
			best, role = len(pattern), r
		}
	}
	return role
}

// Rooms returns the rooms that are granted by their exact ids, ascending.
func (g Grants) Rooms() (rooms []RoomID) {
	for pattern, role := range g {
		if id, err := ParseRoomID(pattern); err == nil && role != None {
			rooms = append(rooms, id)
		}
	}
	slices.Sort(rooms)
	return rooms
}

// match takes the parts between stars in turn, each at its first place: enough, as a star may take
// anything.
func match(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, parts[last])
}

// Role is what a user may do in a room. Each role may all that the ones below it may.
type Role uint8

// The roles.
const (
	None     Role = iota
	Read          // see the log and who is there
	Write         // say something, change one's own messages, react
	Moderate      // delete others' messages, change the room and its members
)

var roleNames = [...]string{None: "none", Read: "read", Write: "write", Moderate: "moderate"}

// String returns the role's name. One that a later version gives may at least all that the highest
// here may.
func (r Role) String() string { return roleNames[min(r, Moderate)] }

// ParseRole returns the role of that name (read, write, moderate), or an Invalid error. None is no
// role to give.
func ParseRole(s string) (Role, error) {
	for r := Read; r <= Moderate; r++ {
		if roleNames[r] == s {
			return r, nil
		}
	}
	return None, Errorf(Invalid, "role must be read, write or moderate")
}

// May reports whether the role covers what needs need.
func (r Role) May(need Role) bool { return r >= need }

// Equal reports whether both grant the same.
func (g Grants) Equal(other Grants) bool {
	return (g == nil) == (other == nil) && maps.Equal(g, other)
}
