package load

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Parley speaks protocol v1.
type Parley struct {
	Token func(user string) string // a token for a user
}

var _ Dialect = Parley{}

// Path implements Dialect.
func (Parley) Path(string, int) string { return "/ws" }

// Header implements Dialect.
func (p Parley) Header(user string) []string {
	return []string{"Authorization: Bearer " + p.Token(user)}
}

// Open implements Dialect: the token is in the handshake.
func (Parley) Open(dst []byte, _ string) []byte { return dst }

// Join implements Dialect.
func (Parley) Join(dst []byte, id int, room string, history int) []byte {
	dst = strconv.AppendInt(append(dst, `{"type":"join","id":"`...), int64(id), 10)
	dst = append(append(dst, `","room":"`...), room...)
	dst = strconv.AppendInt(append(dst, `","limit":`...), int64(history), 10)
	return append(dst, '}')
}

// Send implements Dialect.
func (Parley) Send(dst []byte, id int, room, body string) []byte {
	dst = strconv.AppendInt(append(dst, `{"type":"send","id":"`...), int64(id), 10)
	dst = append(append(dst, `","room":"`...), room...)
	dst = append(append(dst, `","body":"`...), body...)
	return append(dst, `"}`...)
}

// Ping implements Dialect: WebSocket's own pings do.
func (Parley) Ping(dst []byte, _ []byte) []byte { return dst }

var (
	parleyEntry  = []byte(`{"type":"message","room":"`)
	parleyOK     = []byte(`{"type":"ok","id":"`)
	quotedRoom   = []byte(`","room":"`)
	quotedSeq    = []byte(`","seq":`)
	quotedBody   = []byte(`"body":"`)
	quotedAtNext = []byte(`,"at":"`)
)

// Next implements Dialect. Frequent frames are parsed by their known form, and all others as JSON.
func (Parley) Next(payload []byte) (Message, []byte) {
	if rest, ok := bytes.CutPrefix(payload, parleyEntry); ok {
		if m, ok := parleyEntryIn(rest); ok {
			return m, nil
		}
	}
	if rest, ok := bytes.CutPrefix(payload, parleyOK); ok {
		if m, ok := parleyAccepted(rest); ok {
			return m, nil
		}
	}
	return parleyAny(payload), nil
}

func parleyAccepted(rest []byte) (m Message, ok bool) {
	m.Kind = Accepted
	if m.ID, rest = number(rest); m.ID < 0 {
		return m, false
	}
	if rest, ok = bytes.CutPrefix(rest, quotedRoom); !ok {
		return m, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !bytes.HasPrefix(rest[end:], quotedSeq) {
		return m, false
	}
	m.Seq, rest = number(rest[end+len(quotedSeq):])
	return m, m.Seq >= 0 && bytes.HasPrefix(rest, quotedAtNext)
}

func parleyEntryIn(rest []byte) (m Message, ok bool) {
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !bytes.HasPrefix(rest[end:], quotedSeq) {
		return m, false
	}
	m.Kind, m.Room = Entry, rest[:end]
	if m.Seq, rest = number(rest[end+len(quotedSeq):]); m.Seq < 0 {
		return m, false
	}
	at := bytes.Index(rest, quotedBody)
	if at < 0 {
		return m, false
	}
	rest = rest[at+len(quotedBody):]
	if end = bytes.IndexByte(rest, '"'); end < 0 || end > 0 && rest[end-1] == '\\' {
		return m, false
	}
	m.Body = rest[:end]
	return m, true
}

func parleyAny(payload []byte) Message {
	var f struct {
		Type string `json:"type"`
		ID   string `json:"id"`
		Room string `json:"room"`
		Body string `json:"body"`
		Seq  int    `json:"seq"`
		Head int    `json:"head"`
		At   string `json:"at"`
		From *int   `json:"from"`
	}
	if json.Unmarshal(payload, &f) != nil {
		return Message{Kind: Failed, Body: payload}
	}
	id, err := strconv.Atoi(f.ID)
	if err != nil {
		id = -1
	}
	switch {
	case f.Type == "welcome":
		return Message{Kind: Opened}
	case f.Type == "error":
		return Message{Kind: Failed, ID: id, Body: payload}
	case f.Type == "ok" && f.From != nil:
		return Message{Kind: Joined, ID: id, Seq: f.Head}
	case f.Type == "ok" && f.At != "":
		return Message{Kind: Accepted, ID: id, Seq: f.Seq}
	case f.Seq > 0 && f.Type != "read" && f.Type != "ok": // every entry has a seq
		return Message{Kind: Entry, Room: []byte(f.Room), Seq: f.Seq, Body: []byte(f.Body)}
	default:
		return Message{Kind: Other, ID: id}
	}
}

// number reads the digits at the front of b; -1 if there are none or too many.
func number(b []byte) (n int, rest []byte) {
	i := 0
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i == 0 || i > 18 {
		return -1, b
	}
	return n, b[i:]
}
