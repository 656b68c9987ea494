package chat

import "strings"

// RoomPattern says which rooms: one by its id, or those that fit a pattern, where a star stands for
// any run of characters, as in Grants. It fits no room that is somebody's own.
type RoomPattern string

// ParseRoomPattern returns s as a pattern (1–64 characters of a room id's, and stars), or an
// Invalid error.
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

// Fits reports whether a room is one that the pattern says.
func (p RoomPattern) Fits(room RoomID) bool {
	if strings.HasPrefix(string(room), "~") {
		return false
	}
	return match(string(p), string(room))
}
