package sse

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/core/chat"
)

// cursors are the places of a stream in its rooms. As text they are the id of an event:
//
//	<log>.<seq>                             of one room
//	<log>.<rooms>.<cursor>-<cursor>-…       of several: a hash of their ids, and the cursors in the
//	                                        order of the ids, in base 36, empty if not known
//
// So an id has all that a client needs to continue, on any node. It is not accepted for another log
// or other rooms.
type cursors struct {
	rooms []chat.RoomID // sorted
	at    []chat.Seq    // the last entry that the client got; -1: not known
	head  string        // the beginning of the id, before the cursors
}

const unknown chat.Seq = -1

// newCursors returns the cursors of rooms, all different, in a log. No place is known yet.
func newCursors(log chat.LogID, rooms []chat.RoomID) cursors {
	c := cursors{rooms: slices.Sorted(slices.Values(rooms)), at: make([]chat.Seq, len(rooms)), head: string(log) + "."}
	for i := range c.at {
		c.at[i] = unknown
	}
	if len(rooms) > 1 {
		h := fnv.New32a()
		for _, room := range c.rooms {
			_, _ = h.Write([]byte(room + "\n"))
		}
		c.head += strconv.FormatUint(uint64(h.Sum32()), 36) + "."
	}
	return c
}

// find returns the index of a room, or -1.
func (c *cursors) find(room []byte) int {
	low, high := 0, len(c.rooms)
	for low < high {
		if middle := (low + high) / 2; string(c.rooms[middle]) < string(room) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(c.rooms) && string(c.rooms[low]) == string(room) {
		return low
	}
	return -1
}

// appendID appends the id of an event after which a client is at these cursors.
func (c *cursors) appendID(dst []byte) []byte {
	dst = append(dst, c.head...)
	if len(c.at) == 1 {
		return strconv.AppendInt(dst, int64(max(c.at[0], 0)), 10)
	}
	for i, at := range c.at {
		if i > 0 {
			dst = append(dst, '-')
		}
		if at != unknown {
			dst = strconv.AppendInt(dst, int64(at), 36)
		}
	}
	return dst
}

// parse sets the cursors from an id of the same log and rooms.
func (c *cursors) parse(log chat.LogID, id string) error {
	of, rest, ok := strings.Cut(id, ".")
	switch {
	case !ok:
		return errID
	case of != string(log):
		return chat.CursorOfOther(log)
	}
	base := 10
	if len(c.at) > 1 || strings.Contains(rest, ".") {
		if rest, ok = strings.CutPrefix(id, c.head); !ok || len(c.at) == 1 {
			return errOthers
		}
		base = 36
	}
	texts := strings.Split(rest, "-")
	if len(texts) != len(c.at) {
		return errID
	}
	for i, text := range texts {
		if text == "" && base == 36 {
			continue
		}
		n, err := strconv.ParseUint(text, base, 53)
		if err != nil {
			return errID
		}
		c.at[i] = chat.Seq(n)
	}
	return nil
}

var (
	errID     = chat.Errorf(chat.Invalid, "Last-Event-ID must be the id of an event of this stream")
	errOthers = chat.Errorf(chat.Invalid, "Last-Event-ID is of a stream of other rooms: give their cursors in rooms, as room@seq")
)

// parseRooms reads a list of rooms with or without cursors, such as a@12,b. Ids of rooms may have
// colons, but no @.
func parseRooms(text string, limit int) (rooms []chat.RoomID, after []chat.Seq, err error) {
	if text == "" {
		return nil, nil, chat.Errorf(chat.Invalid, "rooms must be a list of rooms, such as general@12,random")
	}
	if n := strings.Count(text, ",") + 1; n > limit {
		return nil, nil, chat.Errorf(chat.Invalid, "rooms has %d rooms: a stream may have %d", n, limit)
	}
	seen := map[chat.RoomID]bool{}
	for item := range strings.SplitSeq(text, ",") {
		name, cursor, has := strings.Cut(item, "@")
		room, err := chat.ParseRoomID(name)
		if err != nil {
			return nil, nil, chat.Errorf(chat.Invalid, "rooms has %.80q, which is no room id", name)
		}
		if seen[room] {
			return nil, nil, chat.Errorf(chat.Invalid, "rooms has %s twice", room)
		}
		seen[room] = true
		at := unknown
		if has {
			n, err := strconv.ParseUint(cursor, 10, 53)
			if err != nil {
				return nil, nil, chat.Errorf(chat.Invalid, "rooms has a cursor for %s that is no seq", room)
			}
			at = chat.Seq(n)
		}
		rooms, after = append(rooms, room), append(after, at)
	}
	return rooms, after, nil
}

// String returns the id, for tests and logs.
func (c *cursors) String() string { return string(c.appendID(nil)) }
