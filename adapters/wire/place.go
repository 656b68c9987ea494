package wire

import (
	"bytes"

	"github.com/parley-chat/parley/core/chat"
)

// PlaceOf returns the room and the seq of a frame that AppendEntry has made; ok is false for every
// other frame. The room is memory of the frame.
func PlaceOf(frame []byte) (room []byte, seq chat.Seq, ok bool) {
	rest, ok := afterType(frame)
	if !ok || bytes.HasPrefix(frame, answerHead) {
		return nil, 0, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"room":"`)); !ok {
		return nil, 0, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil, 0, false
	}
	room, rest = rest[:end], rest[end+1:]
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"seq":`)); !ok {
		return nil, 0, false
	}
	seq, rest, ok = leadingSeq(rest)
	return room, seq, ok && bytes.HasPrefix(rest, []byte(`,"at":`))
}

// TypeOf returns the type of a frame that AppendEntry or AppendFrame has made. It is memory of the
// frame.
func TypeOf(frame []byte) []byte {
	rest, ok := afterType(frame)
	if !ok {
		return nil
	}
	return frame[len(typeHead) : len(frame)-len(rest)-1]
}

// Place is how far a client is in a room after a join, as the answer to it says.
type Place struct {
	Room      chat.RoomID
	Head      chat.Seq
	From      chat.Seq // the first entry that follows
	Truncated bool
}

// JoinedOf reads the answer to a join that has no id, as AppendFrame has made it; ok is false for
// every other frame.
func JoinedOf(frame []byte) (at Place, ok bool) {
	rest, ok := bytes.CutPrefix(frame, []byte(`{"type":"ok","room":"`))
	if !ok {
		return at, false
	}
	room, rest, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return at, false
	}
	at.Room = chat.RoomID(room)
	if behind, has := bytes.CutPrefix(rest, []byte(`,"log":"`)); has {
		if _, rest, ok = bytes.Cut(behind, []byte(`"`)); !ok {
			return at, false
		}
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"head":`)); !ok {
		return at, false
	}
	if at.Head, rest, ok = leadingSeq(rest); !ok {
		return at, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"from":`)); !ok {
		return at, false
	}
	at.From, rest, ok = leadingSeq(rest)
	at.Truncated = bytes.HasPrefix(rest, []byte(`,"truncated":true`))
	return at, ok
}

var (
	typeHead   = []byte(`{"type":"`)
	answerHead = []byte(`{"type":"ok"`)
)

// afterType returns what follows the type of a frame, which comes first.
func afterType(frame []byte) (rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(frame, typeHead); !ok {
		return nil, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil, false
	}
	return rest[end+1:], true
}

// leadingSeq reads the digits at the beginning of b.
func leadingSeq(b []byte) (seq chat.Seq, rest []byte, ok bool) {
	n := 0
	for n < len(b) && n < 17 && '0' <= b[n] && b[n] <= '9' {
		seq = 10*seq + chat.Seq(b[n]-'0')
		n++
	}
	return seq, b[n:], n > 0
}
