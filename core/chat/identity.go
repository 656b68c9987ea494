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
	Avatar  string    // where their picture is; may be empty
	Admin   bool      // may everything
	Act     bool      // a service, which may act for others: see As
	Client  string    // which service; 1–128 characters, empty if it is none
	Via     string    // the client of the service that acts for the user; empty: none does
	Grants  Grants    // nil if the token names no rooms
	Issued  time.Time // zero if the token does not say; at most MaxIssuedAhead in the future
	Expires time.Time
}

// MaxIssuedAhead is how far in the future a token's time of issue may be, as issuers' clocks differ
// from ours.
const MaxIssuedAhead = 30 * time.Second

// Author returns the identity as the author of an entry.
func (i Identity) Author() Author { return Author{ID: i.User, Name: i.Name} }

// In returns what the identity's token gives in a room.
func (i Identity) In(room RoomID) Rights {
	if i.User == System {
		return i.systemIn(room)
	}
	return Rights{Granted: i.Grants.For(room), Everybody: i.Grants == nil, Admin: i.Admin, Service: i.Service()}
}

// Rights is what a token gives its user in one room, independent of their place there. The zero
// value gives nothing.
type Rights struct {
	Granted   Role // what the token grants there
	Everybody bool // the user may write in public rooms, as everybody may: the token names no rooms
	Admin     bool // may everything
	Service   bool // it is a service that speaks, for itself or for the user
}

// Role returns the role in a room of a user with these rights and that place. A ban overrides every
// grant. An admin may everything, even when banned.
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

// Entitle returns the role in a room of a user with these rights and that place. It fails if the
// role does not cover need: with Forbidden, or with NotFound if the user may not even read, so that
// they do not learn that the room exists. A banned user knows that, and gets Forbidden.
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

// NoRoom is the error for a room that does not exist or that the user may not know of. The two look
// the same.
func NoRoom(room RoomID) *Error { return Errorf(NotFound, "there is no room %s", room) }

// Grants are the roles that a token gives, by room id or pattern ("support-*"; a star stands for
// any run of characters). With such a token the user has only their membership in other rooms, and
// not what everybody has in a public room.
type Grants map[string]Role

// For returns the role granted in room: that of the exact id, or else that of the longest pattern
// that matches, or None. Of two patterns of the same length the higher role counts.
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

// match looks for the parts between the stars one after the other, and takes the first place of
// each. That is enough, as a star matches anything.
func match(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == s
	}
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

// Role is what a user may do in a room. Each role includes the lower ones.
type Role uint8

// The roles.
const (
	None     Role = iota
	Read          // see the log and who is there
	Write         // say something, change one's own messages, react
	Moderate      // delete others' messages, change the room and its members
)

var roleNames = [...]string{None: "none", Read: "read", Write: "write", Moderate: "moderate"}

// String returns the role's name. A higher role, of a later version, includes Moderate and is shown
// as that.
func (r Role) String() string { return roleNames[min(r, Moderate)] }

// ParseRole returns the role of that name (read, write, moderate), or an Invalid error. None cannot
// be given.
func ParseRole(s string) (Role, error) {
	for r := Read; r <= Moderate; r++ {
		if roleNames[r] == s {
			return r, nil
		}
	}
	return None, Errorf(Invalid, "role must be read, write or moderate")
}

// May reports whether the role covers need.
func (r Role) May(need Role) bool { return r >= need }

// Equal reports whether both grant the same.
func (g Grants) Equal(other Grants) bool {
	return (g == nil) == (other == nil) && maps.Equal(g, other)
}
