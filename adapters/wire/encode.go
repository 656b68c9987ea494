package wire

import (
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// MaxEntryBytes is more than any entry's frame has: its parts are bounded, and of the reactions,
// which once were not, so many are shown as go into maxReactions.
const (
	MaxEntryBytes = 64 << 10
	maxReactions  = 24 << 10

	// MaxReactions is how many different emoji are shown of a message at the least, however wide
	// they are: it may be configured to have as many. The characters of an emoji have 4 bytes at
	// most: of those that JSON escapes with more, it has none.
	MaxReactions = maxReactions / (len(`{"emoji":"","count":9007199254740991,"me":true},`) + chat.MaxEmojiChars*utf8.UTFMax)
)

// MeasureEntry returns how many bytes an entry's frame has.
func MeasureEntry(e *chat.Entry) int {
	scratch := scratches.Get().(*[]byte)
	*scratch = AppendEntry((*scratch)[:0], e)
	n := len(*scratch)
	scratches.Put(scratch)
	return n
}

var scratches = sync.Pool{New: func() any { return new([]byte) }}

// AppendEntry appends an entry's frame to dst. It allocates nothing but what dst needs.
func AppendEntry(dst []byte, e *chat.Entry) []byte {
	o := object{dst: append(dst, '{')}
	switch f := e.Fact.(type) {
	case chat.Message:
		o.text("type", "message")
		o.place(e)
		o.message(e, &f)
	case chat.Edited:
		o.text("type", "edited")
		o.place(e)
		o.seq("target", f.Target)
		if f.Body != "" {
			o.text("body", f.Body)
		}
	case chat.Deleted:
		o.text("type", "deleted")
		o.place(e)
		o.seq("target", f.Target)
	case chat.Reacted:
		o.text("type", "reacted")
		o.place(e)
		o.seq("target", f.Target)
		o.text("emoji", f.Emoji)
		o.flag("removed", f.Removed)
		o.number("count", int64(f.Count))
	case chat.MemberChanged:
		o.text("type", "member")
		o.place(e)
		o.text("user", string(f.User))
		o.text("change", string(f.Change))
		if f.Role != chat.None {
			o.text("role", f.Role.String())
		}
	case chat.RoomChanged:
		o.text("type", "room")
		o.place(e)
		o.text("change", string(f.Change))
		if f.Change == chat.RoomRenamed {
			o.text("name", f.Name)
		}
	case chat.Unknown:
		o.unknown(e, &f)
	}
	if e.Trace != "" {
		o.text("traceparent", string(e.Trace))
	}
	return append(o.dst, '}')
}

// object writes the members of one JSON object.
type object struct{ dst []byte }

func (o *object) name(name string) {
	if o.dst[len(o.dst)-1] != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

func (o *object) text(name, s string) { o.name(name); o.dst = appendString(o.dst, s) }
func (o *object) texts(name string, list []string) {
	o.name(name)
	o.dst = append(o.dst, '[')
	for i, s := range list {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendString(o.dst, s)
	}
	o.dst = append(o.dst, ']')
}

func (o *object) number(name string, n int64)  { o.name(name); o.dst = strconv.AppendInt(o.dst, n, 10) }
func (o *object) seq(name string, n chat.Seq)  { o.number(name, int64(n)) }
func (o *object) flag(name string, yes bool)   { o.name(name); o.dst = strconv.AppendBool(o.dst, yes) }
func (o *object) raw(name string, json []byte) { o.name(name); o.dst = append(o.dst, json...) }
func (o *object) open(name string)             { o.name(name); o.dst = append(o.dst, '{') }
func (o *object) close()                       { o.dst = append(o.dst, '}') }

// TimeLayout is how the protocol writes times, which must be in UTC: RFC 3339 with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

func (o *object) time(name string, at time.Time) {
	o.name(name)
	o.dst = append(o.dst, '"')
	o.dst = at.UTC().AppendFormat(o.dst, TimeLayout)
	o.dst = append(o.dst, '"')
}

// author shows the id where there is no name.
func (o *object) author(name string, a chat.Author) {
	o.open(name)
	o.user(a)
	o.close()
}

func (o *object) user(a chat.Author) {
	o.text("id", string(a.ID))
	if a.Name == "" {
		a.Name = string(a.ID)
	}
	o.text("name", a.Name)
}

func (o *object) place(e *chat.Entry) {
	o.text("room", string(e.Room))
	o.seq("seq", e.Seq)
	o.time("at", e.At)
	o.author("author", e.Author)
}

func (o *object) message(e *chat.Entry, m *chat.Message) {
	if m.DeletedAt.IsZero() {
		o.text("body", m.Body)
	}
	if e.Key != "" && !e.Key.Made() {
		o.text("key", string(e.Key))
	}
	if m.ReplyTo > 0 {
		o.seq("reply_to", m.ReplyTo)
	}
	if len(m.Meta) > 0 && m.DeletedAt.IsZero() && GoodMeta(m.Meta) { // it may be older than the rules for it, or an older node's
		o.raw("meta", m.Meta)
	}
	if !m.EditedAt.IsZero() {
		o.time("edited_at", m.EditedAt)
	}
	if !m.DeletedAt.IsZero() {
		o.time("deleted_at", m.DeletedAt)
	}
	if len(m.Reactions) == 0 {
		return
	}
	o.name("reactions")
	o.dst = append(o.dst, '[')
	most := len(o.dst) + maxReactions
	for i, r := range m.Reactions {
		before := len(o.dst)
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = append(o.dst, '{')
		o.text("emoji", r.Emoji)
		o.number("count", int64(r.Count))
		if r.Me {
			o.flag("me", true)
		}
		o.close()
		if len(o.dst) > most {
			o.dst = o.dst[:before]
			break
		}
	}
	o.dst = append(o.dst, ']')
}

// unknown writes what this version does not know: its data is an object, of members that no entry
// has otherwise.
func (o *object) unknown(e *chat.Entry, f *chat.Unknown) {
	o.text("type", f.Type)
	o.place(e)
	if f.Target > 0 {
		o.seq("target", f.Target)
	}
	if len(f.Data) > len("{}") {
		o.dst = append(o.dst, ',')
		o.dst = append(o.dst, f.Data[1:len(f.Data)-1]...)
	}
}

// AppendFrame appends a frame that is no entry to dst. Heartbeat and CloseFrame are the transport's
// and no JSON: they append nothing.
func AppendFrame(dst []byte, frame ports.Frame) []byte {
	o := object{dst: append(dst, '{')}
	switch f := frame.(type) {
	case ports.Welcome:
		o.welcome(&f)
	case ports.OK:
		o.text("type", "ok")
		if f.ID != "" {
			o.text("id", f.ID)
		}
		o.answer(f.Answer)
	case ports.Failure:
		o.text("type", "error")
		if f.ID != "" {
			o.text("id", f.ID)
		}
		o.failure(chat.AsError(f.Err))
	case ports.SignalFrame:
		o.signal(f.Signal)
	case ports.Added:
		o.text("type", "added")
		o.text("room", string(f.Room))
		o.author("by", f.By)
		o.text("role", f.Role.String())
	case ports.FollowEnded:
		o.text("type", "left")
		o.text("room", string(f.Room))
		o.failure(chat.AsError(f.Err))
	case ports.Drain:
		o.text("type", "drain")
		o.number("reconnect_in_ms", f.ReconnectIn.Milliseconds())
	default:
		return dst
	}
	return append(o.dst, '}')
}

func (o *object) welcome(f *ports.Welcome) {
	o.text("type", "welcome")
	o.text("session", f.Session)
	o.author("user", f.User)
	o.number("heartbeat_ms", f.Heartbeat.Milliseconds())
	o.log(f.Log)
	if !f.Expires.IsZero() {
		o.time("expires_at", f.Expires)
	}
	o.texts("features", f.Features)
	o.open("limits")
	o.number("frame_bytes", int64(f.Limits.FrameBytes))
	o.number("answer_bytes", int64(f.Limits.AnswerBytes))
	o.number("body_chars", chat.MaxBodyChars)
	o.number("meta_bytes", chat.MaxMetaBytes)
	o.number("rooms", int64(f.Limits.Rooms))
	o.number("replay", int64(f.Limits.Replay))
	o.number("reactions", int64(f.Limits.Reactions))
	o.number("page", ports.MaxPage)
	o.close()
}

// log says which log it is, where that is known.
func (o *object) log(id chat.LogID) {
	if id != "" {
		o.text("log", string(id))
	}
}

func (o *object) failure(e *chat.Error) {
	o.text("code", string(e.Kind))
	o.text("message", e.Reason)
	if e.Detail != "" {
		o.text("reason", string(e.Detail))
	}
	if e.Detail == chat.Ahead {
		o.seq("head", e.Head)
	}
	if e.RetryAfter > 0 {
		// Rounded up: whoever comes back on time must not be early.
		o.number("retry_after_ms", int64((e.RetryAfter+time.Millisecond-1)/time.Millisecond))
	}
}

func (o *object) signal(s chat.Signal) {
	switch s.Kind {
	case chat.SignalTyping:
		o.text("type", "typing")
	case chat.SignalPresence:
		o.text("type", "presence")
	case chat.SignalRead:
		o.text("type", "read")
	}
	o.text("room", string(s.Room))
	o.text("user", string(s.User))
	switch s.Kind {
	case chat.SignalTyping:
		o.flag("on", s.On)
	case chat.SignalPresence:
		o.flag("online", s.On)
	case chat.SignalRead:
		o.seq("seq", s.Seq)
	}
}

// AppendAnswer appends an answer's fields to dst, as an object of their own.
func AppendAnswer(dst []byte, answer ports.Answer) []byte {
	o := object{dst: append(dst, '{')}
	o.answer(answer)
	return append(o.dst, '}')
}

func (o *object) answer(answer ports.Answer) {
	switch a := answer.(type) {
	case ports.Authenticated:
		o.author("user", a.User)
	case ports.Joined:
		o.text("room", string(a.Room))
		o.log(a.Log)
		o.seq("head", a.Head)
		o.seq("from", a.From)
		o.flag("truncated", a.Truncated)
		o.text("role", a.Role.String())
		o.seq("read", a.Read)
	case ports.Left:
		o.text("room", string(a.Room))
	case ports.Sent:
		o.text("room", string(a.Room))
		o.seq("seq", a.Seq)
		o.time("at", a.At)
		o.flag("duplicate", a.Duplicate)
		o.made(a.Made)
	case ports.Changed:
		o.text("room", string(a.Room))
		o.seq("seq", a.Seq)
	case ports.ReactionSet:
		o.text("room", string(a.Room))
		o.seq("seq", a.Seq)
		o.flag("changed", !a.Unchanged)
	case ports.Page:
		o.page(&a)
	case ports.Marked:
		o.text("room", string(a.Room))
		o.seq("read", a.Read)
		o.number("unread", a.Unread)
	case ports.Present:
		o.present(&a)
	case ports.Pong:
		o.time("now", a.Now)
	}
}

// made tells of a room that the send made; null says that it has no moderator.
func (o *object) made(m *ports.RoomMade) {
	if m == nil {
		return
	}
	o.open("made")
	if m.Moderator == "" {
		o.raw("moderator", []byte("null"))
	} else {
		o.text("moderator", string(m.Moderator))
	}
	o.close()
}

func (o *object) page(p *ports.Page) {
	o.text("room", string(p.Room))
	o.log(p.Log)
	o.seq("head", p.Head)
	o.name("entries")
	o.dst = append(o.dst, '[')
	for i := range p.Entries {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = AppendEntry(o.dst, &p.Entries[i])
	}
	o.dst = append(o.dst, ']')
	o.flag("more", p.More)
}

func (o *object) present(p *ports.Present) {
	o.text("room", string(p.Room))
	o.name("users")
	o.dst = append(o.dst, '[')
	for i, u := range p.Users {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = append(o.dst, '{')
		o.user(u)
		o.close()
	}
	o.dst = append(o.dst, ']')
	o.number("total", int64(p.Total))
}

const hex = "0123456789abcdef"

// appendString appends s as a JSON string, as encoding/json does without HTML escaping.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			start = i + n
		}
		i += n
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
