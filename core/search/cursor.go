package search

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// A cursor is the last message that was looked at, as text: a sum, its time, room and seq, in
// base64. The sum is also over the user, the log and what was asked for, so that a cursor which was
// cut, mended, or taken from another search is known as no good. It guards nothing: rights are
// asked for with each page.

const (
	cursorRelease = "1"
	cursorSum     = 8       // bytes
	maxCursor     = 1 << 10 // bytes of its text; the longest that text makes is far shorter
	partEnd       = "\x1f"
	cursorParts   = 4
)

var errCursor = chat.Errorf(chat.Invalid, "cursor must be the next of a page before, of the same user, query and log; begin without one")

func cursorOf(last *ports.FoundMessage, ask *ports.Search, user chat.UserID, log chat.LogID) string {
	payload := strings.Join([]string{
		cursorRelease, strconv.FormatInt(last.At.UnixMicro(), 36), strconv.FormatInt(int64(last.Seq), 36), string(last.Room),
	}, partEnd)
	return base64.RawURLEncoding.EncodeToString(append(sumOf(payload, ask, user, log), payload...))
}

// sumOf returns what tells that a payload is of this search.
func sumOf(payload string, ask *ports.Search, user chat.UserID, log chat.LogID) []byte {
	of := strings.Join([]string{
		string(user), string(log), payload, ask.Text, string(ask.Room), strconv.FormatBool(ask.Public), string(ask.Author),
		ask.From.UTC().String(), ask.To.UTC().String(), ask.Has,
	}, "\x00")
	sum := sha256.Sum256([]byte(of))
	return sum[:cursorSum:cursorSum]
}

// parseCursor returns the message that a query's cursor names, or nil where it has none.
func parseCursor(ask *ports.Search, user chat.UserID, log chat.LogID) (*ports.FoundMessage, error) {
	if ask.Cursor == "" {
		return nil, nil
	}
	if len(ask.Cursor) > maxCursor {
		return nil, errCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(ask.Cursor)
	if err != nil || len(raw) < cursorSum {
		return nil, errCursor
	}
	payload := string(raw[cursorSum:])
	parts := strings.Split(payload, partEnd)
	if subtle.ConstantTimeCompare(raw[:cursorSum], sumOf(payload, ask, user, log)) != 1 || len(parts) != cursorParts || parts[0] != cursorRelease {
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
