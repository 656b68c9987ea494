package wire

import (
	"sync"
	"unicode/utf8"

	"github.com/parley-chat/parley/core/chat"
)

// MaxEntryBytes is more than the size of any entry's frame. All parts of a frame are bounded.
// Reactions were not bounded in earlier releases: only those that fit into maxReactions bytes are
// shown.
const (
	MaxEntryBytes = 64 << 10
	maxReactions  = 24 << 10
	maxSets       = 19 << 9 // more than may be set on a message, with the names of its members

	// MaxReactions is how many different emoji of a message are shown at least, however long they
	// are. It is the upper limit of the setting. A character of an emoji has at most 4 bytes: an
	// emoji has no characters that JSON escapes with more.
	MaxReactions = maxReactions / (len(`{"emoji":"","count":9007199254740991,"me":true},`) + chat.MaxEmojiChars*utf8.UTFMax)
)

// MeasureEntry returns the size of an entry's frame, in bytes.
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
	case chat.Set:
		o.text("type", "set")
		o.place(e)
		o.set(&f)
	case chat.Unknown:
		o.unknown(e, &f)
	}
	if e.Trace != "" {
		o.text("traceparent", string(e.Trace))
	}
	return append(o.dst, '}')
}

func (o *object) place(e *chat.Entry) {
	o.text("room", string(e.Room))
	o.seq("seq", e.Seq)
	o.time("at", e.At)
	o.author("author", e.Author)
	if e.Via != "" {
		o.text("via", e.Via)
	}
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
	if len(m.Meta) > 0 && m.DeletedAt.IsZero() && GoodMeta(m.Meta) { // it may predate the rules
		o.raw("meta", m.Meta)
	}
	if !m.EditedAt.IsZero() {
		o.time("edited_at", m.EditedAt)
	}
	if !m.DeletedAt.IsZero() {
		o.time("deleted_at", m.DeletedAt)
	}
	if m.Silent {
		o.flag("silent", true)
	}
	if len(m.Slots) > 0 && m.DeletedAt.IsZero() {
		o.folded(m.Slots)
	}
	if len(m.Reactions) == 0 {
		return
	}
	o.name("reactions")
	o.dst = append(o.dst, '[')
	end := len(o.dst) + maxReactions
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
		if len(o.dst) > end {
			o.dst = o.dst[:before]
			break
		}
	}
	o.dst = append(o.dst, ']')
}

// set writes what an entry sets. Without data the slot is empty, or has another value now.
func (o *object) set(f *chat.Set) {
	o.text("set", string(f.Type))
	if f.Target > 0 {
		o.seq("target", f.Target)
	}
	o.text("slot", f.Slot)
	if f.Data != nil && len(f.Data) <= MaxUnknownBytes {
		o.raw("data", f.Data)
	}
}

// folded writes the slots that are set on a message: a pin as a member of its own, and all others
// in a list, including types of later releases. If they take more than maxSets, it writes as many
// as fit. This release does not allow so many.
func (o *object) folded(slots []chat.Slot) {
	listed := false
	end := len(o.dst) + maxSets
	for i := range slots {
		is := &slots[i]
		if is.Type == chat.Pinned || len(is.Data) > maxSets {
			continue
		}
		before := len(o.dst)
		if listed {
			o.dst = append(o.dst, ',')
		} else {
			o.name("sets")
			o.dst = append(o.dst, '[')
		}
		o.slot(is)
		if len(o.dst) >= end {
			o.dst = o.dst[:before]
			break
		}
		listed = true
	}
	if listed {
		o.dst = append(o.dst, ']')
	}
	for i := range slots {
		if slots[i].Type == chat.Pinned && len(slots[i].Data) <= chat.MaxSetBytes {
			o.raw("pinned", slots[i].Data)
		}
	}
}

// slot writes a slot that has a value, as an object.
func (o *object) slot(is *chat.Slot) {
	o.dst = append(o.dst, '{')
	o.text("set", string(is.Type))
	o.text("slot", is.Slot)
	o.raw("data", is.Data)
	o.close()
}

// unknown writes an entry that this version does not know. Its data is an object with members that
// other entries do not have.
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
