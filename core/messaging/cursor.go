package messaging

import (
	"strconv"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/paging"
	"github.com/parley-chat/parley/ports"
)

// A cursor carries a view, and belongs to a user and a log. A client that makes one itself can only
// change the order in which it sees its own rooms.

const (
	cursorRelease = "1"
	maxCursor     = 8 << 10 // bytes of a cursor's text; a real one is far shorter
)

// cursorParts are the parts of a cursor's payload, before the rooms of view.but.
const (
	partRelease = iota
	partSort
	partAsOf
	partHot
	partAt
	partName
	partRoom
	partUpTo
	cursorParts
)

var errCursor = chat.Errorf(chat.Invalid, "cursor must be the next of a page before, of the same user, sort and log; begin without one")

// text returns the view as a cursor for a user and a log.
func (v *view) text(user chat.UserID, log chat.LogID) string {
	var behind ports.RoomKey
	if v.behind != nil {
		behind = *v.behind
	}
	parts := []string{
		partRelease: cursorRelease, partSort: strconv.Itoa(int(v.sort)), partAsOf: micros(v.asOf), partHot: strconv.FormatBool(v.hot),
		partAt: micros(behind.At), partName: behind.Name, partRoom: string(behind.Room), partUpTo: string(v.upTo),
	}
	for _, room := range v.but {
		parts = append(parts, string(room))
	}
	return paging.Cursor(parts, string(user), string(log))
}

// parseView returns the view for a query: that of its cursor, or a new one if it has none.
func parseView(q ports.ListQuery, user chat.UserID, log chat.LogID) (view, error) {
	v := view{sort: q.Sort}
	if q.Cursor == "" {
		return v, nil
	}
	parts, ok := paging.Parts(q.Cursor, maxCursor, string(user), string(log))
	if !ok || len(parts) < cursorParts || parts[partRelease] != cursorRelease || parts[partSort] != strconv.Itoa(int(q.Sort)) {
		return v, errCursor
	}
	err := v.read(parts)
	return v, err
}

// read reads the parts of a payload whose checksum is right.
func (v *view) read(parts []string) error {
	at, ok := stampOf(parts[partAt])
	asOf, okToo := stampOf(parts[partAsOf])
	if !ok || !okToo {
		return errCursor
	}
	for _, room := range append([]string{parts[partRoom], parts[partUpTo]}, parts[cursorParts:]...) {
		if room == "" {
			continue
		}
		if _, err := chat.ParseRoomID(room); err != nil {
			return errCursor
		}
	}
	if room := chat.RoomID(parts[partRoom]); room != "" {
		v.behind = &ports.RoomKey{Room: room, At: at, Name: parts[partName]}
	}
	v.asOf, v.hot, v.upTo = asOf, parts[partHot] == "true", chat.RoomID(parts[partUpTo])
	for _, room := range parts[cursorParts:] {
		v.but = append(v.but, chat.RoomID(room))
	}
	return nil
}

// micros writes a time with the precision of stores. The zero time is written as an empty text.
func micros(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 36)
}

func stampOf(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	n, err := strconv.ParseInt(text, 36, 64)
	return time.UnixMicro(n).UTC(), err == nil
}
