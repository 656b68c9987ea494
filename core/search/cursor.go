package search

import (
	"strconv"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/paging"
	"github.com/parley-chat/parley/ports"
)

// A cursor is the last message that was looked at: its time, seq and room. It belongs to a user, a
// log, and a query.

const (
	cursorRelease = "1"
	maxCursor     = 1 << 10 // bytes of a cursor's text; a real one is far shorter
	cursorParts   = 4
)

var errCursor = chat.Errorf(chat.Invalid, "cursor must be the next of a page before, of the same user, query and log; begin without one")

func cursorOf(last *ports.FoundMessage, ask *ports.Search, user chat.UserID, log chat.LogID) string {
	return paging.Cursor([]string{
		cursorRelease, strconv.FormatInt(last.At.UnixMicro(), 36), strconv.FormatInt(int64(last.Seq), 36), string(last.Room),
	}, listOf(ask, user, log)...)
}

// listOf returns what a cursor belongs to.
func listOf(ask *ports.Search, user chat.UserID, log chat.LogID) []string {
	return []string{
		string(user), string(log), ask.Text, string(ask.Room), strconv.FormatBool(ask.Public), string(ask.Author),
		ask.From.UTC().String(), ask.To.UTC().String(), ask.Has,
	}
}

// parseCursor returns the message that a query's cursor names, or nil if the query has no cursor.
func parseCursor(ask *ports.Search, user chat.UserID, log chat.LogID) (*ports.FoundMessage, error) {
	if ask.Cursor == "" {
		return nil, nil
	}
	parts, ok := paging.Parts(ask.Cursor, maxCursor, listOf(ask, user, log)...)
	if !ok || len(parts) != cursorParts || parts[0] != cursorRelease {
		return nil, errCursor
	}
	at, errAt := strconv.ParseInt(parts[1], 36, 64)
	seq, errSeq := strconv.ParseInt(parts[2], 36, 64)
	room, errRoom := chat.ParseRoomID(parts[3])
	if errAt != nil || errSeq != nil || errRoom != nil {
		return nil, errCursor
	}
	return &ports.FoundMessage{Room: room, Seq: chat.Seq(seq), At: time.UnixMicro(at).UTC()}, nil
}
