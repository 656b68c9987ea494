package chat

import "strings"

// RoomPattern says which rooms are meant: one room by its id, or all rooms whose ids fit a pattern.
// A star in it stands for any run of characters, as in Grants. It never fits a room that belongs to
// one user.
type RoomPattern string

// ParseRoomPattern returns s as a pattern, or an Invalid error. It has 1–64 characters: those of a
// room id, and stars.
func ParseRoomPattern(s string) (RoomPattern, error) {
	if s == "" || len(s) > MaxRoomIDChars {
		return "", Errorf(Invalid, "a pattern of rooms must have 1 to %d characters", MaxRoomIDChars)
	}
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '*'
		if !alnum && (i == 0 || strings.IndexByte("._-:", c) < 0) {
			return "", Errorf(Invalid, "a pattern of rooms may have the characters a-z 0-9 . _ - : and * only, and starts with a letter, digit or star")
		}
	}
	return RoomPattern(s), nil
}

// Fits reports whether the pattern means the room.
func (p RoomPattern) Fits(room RoomID) bool {
	if strings.HasPrefix(string(room), "~") {
		return false
	}
	return match(string(p), string(room))
}
