package chat

import (
	"maps"
	"strings"
	"time"
)

// Identity is who a verified token speaks for, and what it allows.
type Identity struct {
	User    UserID
	Name    string    // may be empty
	Admin   bool      // may everything
	Grants  Grants    // nil where the token says nothing of rooms
	Issued  time.Time // zero where the token does not say
	Expires time.Time
}

// Author returns the identity as the author of an entry.
func (i Identity) Author() Author { return Author{ID: i.User, Name: i.Name} }

// Grants says which role a token gives in which rooms, by room id or pattern ("support-*"; a star stands for any run of
// characters). A token that has grants speaks for those rooms only: elsewhere its user has what membership gives, and not what
// everybody has in a public room.
type Grants map[string]Role

// For returns the role granted in room: that of the exact id, or else of the longest pattern that fits (of two as long, the
// higher role), or None.
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

// match takes the parts between stars in turn, each at its first place: enough, as a star may take anything.
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

// String returns the role's name. One that a later version gives may at least all that the highest here may.
func (r Role) String() string { return roleNames[min(r, Moderate)] }

// ParseRole returns the role of that name (read, write, moderate), or an Invalid error. None is no role to give.
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
