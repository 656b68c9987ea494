package wire

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// AppendFrame appends a frame other than an entry to dst. Heartbeat and CloseFrame belong to the
// transport and are not JSON: they append nothing.
func AppendFrame(dst []byte, frame ports.Frame) []byte {
	o := object{dst: append(dst, '{')}
	switch f := frame.(type) {
	case ports.Welcome:
		o.welcome(&f)
	case *ports.OK:
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
	case ports.ProfileFrame:
		o.text("type", "user")
		o.open("user")
		o.profile(&f.Profile)
		o.close()
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
	if f.Limits.People {
		o.number("users", ports.MaxUsers)
		o.number("watched_users", ports.MaxWatched)
	}
	if f.Limits.Search {
		o.number("query_chars", ports.MaxQueryChars)
		o.number("query_terms", ports.MaxQueryTerms)
		o.number("hits", ports.MaxHits)
		o.number("hit_marks", ports.MaxHitMarks)
	}
	o.number("pins", chat.MaxPins)
	o.number("set_bytes", chat.MaxSetBytes)
	o.number("message_sets", chat.MaxMessageSlots)
	o.number("message_sets_bytes", chat.MaxMessageBytes)
	o.number("room_sets", chat.MaxRoomSlots)
	o.number("room_sets_bytes", chat.MaxRoomBytes)
	o.close()
}

// log writes the identity of the log if it is known.
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
	if e.Detail == chat.Ahead || e.Detail == chat.Moved {
		o.seq("head", e.Head)
	}
	if e.RetryAfter > 0 {
		// Rounded up, so that a client that waits so long is not too early.
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

// AppendAnswer appends an answer's fields to dst, as an object.
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
		o.marks(a.Marks)
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
	case ports.SlotSet:
		o.text("room", string(a.Room))
		o.seq("seq", a.Seq)
		o.flag("changed", !a.Unchanged)
	case ports.Page:
		o.page(&a)
	case ports.SearchPage:
		o.found(&a)
	case ports.Marked:
		o.text("room", string(a.Room))
		o.seq("read", a.Read)
		o.number("unread", a.Unread)
	case ports.Present:
		o.present(&a)
	case ports.ProfilePage:
		o.profiles(&a)
	case ports.Pong:
		o.time("now", a.Now)
	}
}

// marks writes how far the other users have read, if that is told.
func (o *object) marks(marks []ports.ReadMark) {
	if marks == nil {
		return
	}
	o.name("marks")
	o.dst = append(o.dst, '[')
	for i, m := range marks {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = append(o.dst, '{')
		o.text("user", string(m.User))
		o.seq("seq", m.Seq)
		o.close()
	}
	o.dst = append(o.dst, ']')
}

// AppendMarks appends how far the other users have read a room to dst, as an object.
func AppendMarks(dst []byte, room chat.RoomID, marks []ports.ReadMark) []byte {
	o := object{dst: append(dst, '{')}
	o.text("room", string(room))
	o.marks(marks)
	return append(o.dst, '}')
}

// made describes a room that the send made; a moderator of null means that it has none.
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
