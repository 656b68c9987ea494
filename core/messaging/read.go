package messaging

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Enter implements ports.Reader.
func (s *Service) Enter(ctx context.Context, by chat.Identity, room chat.RoomID) (chat.Standing, chat.Role, error) {
	if err := s.charge(by, costRead); err != nil {
		return chat.Standing{}, chat.None, err
	}
	return s.standingAt(ctx, by, room, true)
}

// History implements ports.Reader.
func (s *Service) History(ctx context.Context, by chat.Identity, q ports.History) (ports.Page, error) {
	if err := s.charge(by, costRead); err != nil {
		return ports.Page{}, err
	}
	log := s.cfg.Which()
	st, _, err := s.standing(ctx, by, q.Room)
	if err != nil {
		return ports.Page{}, err
	}
	// One entry more than asked for is read. It tells whether there are more.
	span := ports.Span{
		Before: q.Before, Limit: q.Limit + 1, Newest: q.After == nil, Messages: q.Messages, Viewer: by.User, Bytes: s.cfg.AnswerBytes - answerHead,
	}
	if q.After != nil {
		span.After = *q.After
	}
	entries, err := s.cfg.Log.Read(ctx, q.Room, span)
	if err != nil {
		return ports.Page{}, err
	}
	page := ports.Page{Room: q.Room, Log: log, Head: st.Room.Head}
	if len(entries) == 0 && span.After > page.Head {
		return ports.Page{}, chat.CursorAhead(span.After, page.Head)
	}
	page.Entries, page.More = s.fit(entries, span)
	if n := len(entries); n > 0 {
		page.Head = max(page.Head, entries[n-1].Seq) // some may be newer than the standing
	}
	return page, nil
}

// answerHead is more bytes than an answer has around its entries.
const answerHead = 1 << 10

// fit returns the entries that go into one answer, at least one, and whether there are more. The
// limit of span is one more than the client's.
func (s *Service) fit(entries []chat.Entry, span ports.Span) (page []chat.Entry, more bool) {
	fits, bytes, sizes := 0, 0, 0
	for fits < min(len(entries), span.Limit-1) {
		e := &entries[fits]
		if span.Newest {
			e = &entries[len(entries)-1-fits]
		}
		if bytes += s.cfg.Measure(e) + len(","); bytes > span.Bytes && fits > 0 {
			break
		}
		sizes += e.Size()
		fits++
	}
	if page = entries[:fits]; span.Newest {
		page = entries[len(entries)-fits:]
	}
	// The log ends a span when it has its bytes.
	return page, fits < len(entries) || sizes >= span.Bytes
}

// Mark implements ports.Reader.
func (s *Service) Mark(ctx context.Context, by chat.Identity, mark ports.Mark) (ports.Marked, error) {
	if err := s.charge(by, costRead); err != nil {
		return ports.Marked{}, err
	}
	if by.User == chat.System {
		return ports.Marked{}, chat.Errorf(chat.Invalid, "as must be a user: the system keeps no read marks")
	}
	st, _, err := s.known(ctx, by, mark.Room, chat.Read, false)
	if err != nil {
		return ports.Marked{}, err
	}
	if !st.Room.Made() { // there is nothing to mark, and nothing is kept
		if mark.Seq > 0 {
			return ports.Marked{}, chat.Errorf(chat.Invalid, "seq must not be beyond the room's head, 0")
		}
		return ports.Marked{Room: mark.Room}, nil
	}
	o, err := s.marker.move(ctx, ports.ReadMark{Room: mark.Room, User: by.User, Seq: mark.Seq})
	if err != nil {
		return ports.Marked{}, err
	}
	return ports.Marked{Room: mark.Room, Read: o.Read, Unread: o.Unread}, nil
}
