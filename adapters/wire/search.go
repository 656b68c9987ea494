package wire

import (
	"strconv"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// search reads a search. The core checks its text.
func (f *fields) search() ports.Ask {
	s := ports.Search{
		Public: f.flag(namePublic, false), From: f.moment(nameFrom), To: f.moment(nameTo),
		Limit: int(f.number(nameLimit, 1, ports.MaxHits, ports.DefaultHits)),
	}
	s.Text, _ = f.text(nameQ)
	if s.Has, _ = f.text(nameHas); s.Has == "" && f.has(nameHas) {
		f.fail(chat.Invalid, "has must not be empty: leave it out instead")
	}
	s.Cursor, _ = f.text(nameCursor)
	if f.has(nameRoom) {
		s.Room = f.room()
	}
	if author, ok := f.text(nameAuthor); ok {
		var err error
		s.Author, err = ParseAuthor(author)
		f.keep(err)
	}
	if f.has(nameAtLeast) {
		s.AtLeast = f.seq(nameAtLeast)
	}
	return s
}

// ParseAuthor returns the author whose messages are searched for, or an Invalid error. It may be
// the service itself.
func ParseAuthor(s string) (chat.UserID, error) {
	author, err := chat.ParseOldUserID(s)
	if err != nil {
		e := *chat.AsError(err)
		e.Reason = "author is no user: " + e.Reason
		return "", &e
	}
	return author, nil
}

// found writes a page of search results.
func (o *object) found(p *ports.SearchPage) {
	o.name("hits")
	o.dst = append(o.dst, '[')
	for i := range p.Hits {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.hit(&p.Hits[i])
	}
	o.dst = append(o.dst, ']')
	if p.Next != "" {
		o.text("next", p.Next)
	}
	if p.Truncated {
		o.flag("truncated", true)
	}
	o.number("behind", p.Behind)
	if p.Indexed.IsZero() && !p.OneRoom {
		return
	}
	o.open("indexed")
	if p.OneRoom {
		o.seq("seq", p.IndexedSeq)
	} else {
		o.time("at", p.Indexed)
	}
	o.close()
}

func (o *object) hit(h *ports.SearchHit) {
	o.dst = append(o.dst, '{')
	o.text("room", string(h.Entry.Room))
	o.seq("seq", h.Entry.Seq)
	o.name("entry")
	o.dst = AppendEntry(o.dst, &h.Entry)
	o.name("marks")
	o.dst = append(o.dst, '[')
	for i, m := range h.Marks {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = append(o.dst, '[')
		o.dst = strconv.AppendInt(o.dst, int64(m.From), 10)
		o.dst = append(o.dst, ',')
		o.dst = strconv.AppendInt(o.dst, int64(m.To), 10)
		o.dst = append(o.dst, ']')
	}
	o.dst = append(o.dst, ']')
	o.close()
}
