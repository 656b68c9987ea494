package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Centrifuge speaks the JSON protocol of the centrifuge library to the server in
// cmd/bench/peers/centrifuge.
type Centrifuge struct {
	Token func(user string) string // a token for a user
}

var _ Dialect = Centrifuge{}

// subscribeID is the id of a subscription with history. Then the history is the answer to the join.
const subscribeID = 1 << 30

// Path implements Dialect.
func (Centrifuge) Path(string, int) string { return "/connection/websocket" }

// Header implements Dialect.
func (c Centrifuge) Header(user string) []string {
	return []string{"Authorization: Bearer " + c.Token(user)}
}

// Open implements Dialect.
func (Centrifuge) Open(dst []byte, _ string) []byte {
	return fmt.Appendf(dst, `{"id":%d,"connect":{}}`, OpenID)
}

// Join implements Dialect. With history, two commands go in one frame.
func (Centrifuge) Join(dst []byte, id int, room string, history int) []byte {
	subscribe := id
	if history > 0 {
		subscribe = subscribeID
	}
	dst = fmt.Appendf(dst, `{"id":%d,"subscribe":{"channel":%q,"positioned":true,"recoverable":true}}`, subscribe, room)
	if history > 0 {
		dst = fmt.Appendf(dst, "\n"+`{"id":%d,"history":{"channel":%q,"limit":%d,"reverse":true}}`, id, room, history)
	}
	return dst
}

// Send implements Dialect.
func (Centrifuge) Send(dst []byte, id int, room, body string) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), int64(id), 10)
	dst = append(append(dst, `,"publish":{"channel":"`...), room...)
	dst = append(append(dst, `","data":{"body":"`...), body...)
	return append(dst, `"}}}`...)
}

// Ping implements Dialect.
func (Centrifuge) Ping(dst, _ []byte) []byte { return append(dst, `{}`...) }

var (
	centrifugePush  = []byte(`{"push":{"channel":"`)
	centrifugePub   = []byte(`","pub":{"data":{"body":"`)
	centrifugeReply = []byte(`{"id":`)
	emptyPublish    = []byte(`,"publish":{}}`)
	quotedOffset    = []byte(`,"offset":`)
)

// Next implements Dialect. Frequent frames are parsed by their known form, and all others as JSON.
func (Centrifuge) Next(payload []byte) (Message, []byte) {
	line, rest, _ := bytes.Cut(payload, []byte{'\n'})
	if m, ok := centrifugeEntry(line); ok {
		return m, rest
	}
	if after, ok := bytes.CutPrefix(line, centrifugeReply); ok {
		if id, after := number(after); id >= 0 && bytes.Equal(after, emptyPublish) {
			return Message{Kind: Accepted, ID: id}, rest
		}
	}
	return centrifugeAny(line), rest
}

func centrifugeEntry(line []byte) (m Message, ok bool) {
	line, ok = bytes.CutPrefix(line, centrifugePush)
	if !ok {
		return m, false
	}
	end := bytes.IndexByte(line, '"')
	if end < 0 || !bytes.HasPrefix(line[end:], centrifugePub) {
		return m, false
	}
	m.Kind, m.Room, line = Entry, line[:end], line[end+len(centrifugePub):]
	if end = bytes.IndexByte(line, '"'); end < 0 || end > 0 && line[end-1] == '\\' {
		return m, false
	}
	m.Body, line = line[:end], line[end:]
	at := bytes.Index(line, quotedOffset)
	if at < 0 {
		return m, false
	}
	m.Seq, _ = number(line[at+len(quotedOffset):])
	return m, m.Seq >= 0
}

func centrifugeAny(line []byte) Message {
	var f struct {
		ID        int       `json:"id"`
		Error     *struct{} `json:"error"`
		Connect   *struct{} `json:"connect"`
		Subscribe *struct {
			Offset int `json:"offset"`
		} `json:"subscribe"`
		Publish *struct{} `json:"publish"`
		History *struct {
			Offset       int        `json:"offset"`
			Publications []struct{} `json:"publications"`
		} `json:"history"`
		Push *struct {
			Channel    string    `json:"channel"`
			Disconnect *struct{} `json:"disconnect"`
			Pub        *struct {
				Data struct {
					Body string `json:"body"`
				} `json:"data"`
				Offset int `json:"offset"`
			} `json:"pub"`
		} `json:"push"`
	}
	switch err := json.Unmarshal(line, &f); {
	case err != nil, f.Error != nil, f.Push != nil && f.Push.Disconnect != nil:
		return Message{Kind: Failed, ID: f.ID, Body: line}
	case f.Push != nil && f.Push.Pub != nil:
		return Message{Kind: Entry, Room: []byte(f.Push.Channel), Seq: f.Push.Pub.Offset, Body: []byte(f.Push.Pub.Data.Body)}
	case f.Connect != nil:
		return Message{Kind: Opened}
	case f.History != nil:
		return Message{Kind: Joined, ID: f.ID, Seq: f.History.Offset, History: len(f.History.Publications)}
	case f.Subscribe != nil && f.ID != subscribeID:
		return Message{Kind: Joined, ID: f.ID, Seq: f.Subscribe.Offset}
	case f.Publish != nil:
		return Message{Kind: Accepted, ID: f.ID}
	case f.ID == 0 && f.Push == nil:
		return Message{Kind: PingDue}
	default:
		return Message{Kind: Other, ID: f.ID}
	}
}
