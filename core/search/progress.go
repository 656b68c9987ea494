package search

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	// atLeastTime is how long a search waits until an entry is indexed.
	atLeastTime = 2 * time.Second
	// While it waits, it looks again after lookFirst, and then less and less often, up to lookMost.
	lookFirst, lookMost = 20 * time.Millisecond, 160 * time.Millisecond
	// surveyed is how long the result of a survey is kept.
	surveyed = 5 * time.Second
	// surveyTime bounds how long a search waits for a survey.
	surveyTime = time.Second
	// unread is how many entries after a cursor are looked at. They may all be of kinds that are
	// not indexed: when a consumer passes over such entries, its cursor is stored later.
	unread = 100
	// skew is the largest difference of two clocks.
	skew = 10 * time.Second
)

// progress is how far the index is in all rooms.
type progress struct {
	asked   time.Time
	upTo    time.Time // all that was said up to then is indexed; zero: not known
	looking bool      // somebody surveys now
}

// tell adds to a page how far the index has got. It is called before the index is asked, so the
// index has got at least as far.
func (s *Service) tell(ctx context.Context, ask *ports.Search, in *scope, page *ports.SearchPage) error {
	if ask.Room == "" {
		return s.tellAll(ctx, in, page)
	}
	page.OneRoom = true
	head := in.seen[ask.Room].Room.Head
	if ask.AtLeast > head {
		ahead := chat.Errorf(chat.Invalid, "at_least is %d, but the room's last entry is %d", ask.AtLeast, head)
		ahead.Detail, ahead.Head = chat.Ahead, head
		return ahead
	}
	ctx, cancel := context.WithTimeout(ctx, atLeastTime)
	defer cancel()
	for wait := lookFirst; ; wait = min(2*wait, lookMost) {
		upTo, err := s.indexed(ctx, ask.Room, head)
		if err != nil {
			return err
		}
		page.IndexedSeq, page.Behind = upTo, int64(head-upTo)
		if upTo >= ask.AtLeast {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// indexed returns up to which entry all of a room is indexed.
func (s *Service) indexed(ctx context.Context, room chat.RoomID, head chat.Seq) (chat.Seq, error) {
	cursors, err := s.cfg.Cursors.Load(ctx, []chat.RoomID{room})
	if err != nil {
		return 0, err
	}
	at := chat.Seq(0)
	for i := range cursors {
		if cursors[i].Consumer == Consumer {
			at = cursors[i].Seq
		}
	}
	if at >= head {
		return head, nil
	}
	entries, err := s.cfg.Log.Read(ctx, room, ports.Span{After: at, Before: head + 1, Limit: unread, Bytes: batchBytes})
	if err != nil {
		return 0, err
	}
	for i := range entries {
		if concerns(&entries[i]) {
			break
		}
		at = entries[i].Seq
	}
	return at, nil
}

// tellAll tells how far the index has got in several rooms.
func (s *Service) tellAll(ctx context.Context, in *scope, page *ports.SearchPage) error {
	p := s.survey(ctx)
	page.Indexed = p.upTo
	n := 0
	for n < min(len(in.rooms), ports.MaxCounted) && (p.upTo.IsZero() || in.active[n].After(p.upTo.Add(-skew))) {
		n++
	}
	if n == 0 {
		return nil
	}
	cursors, err := s.cfg.Cursors.Load(ctx, in.rooms[:n])
	if err != nil {
		return err
	}
	at := map[chat.RoomID]chat.Seq{}
	for i := range cursors {
		if cursors[i].Consumer == Consumer {
			at[cursors[i].Room] = cursors[i].Seq
		}
	}
	for _, room := range in.rooms[:n] {
		page.Behind += int64(max(0, in.seen[room].Room.Head-at[room]))
	}
	return nil
}

// survey returns how far the index has got in all rooms, as it was a moment ago. While one caller
// surveys, others get the previous result, which is still true. If a survey fails, the result is
// empty, and the search goes on.
func (s *Service) survey(ctx context.Context) progress {
	if s.cfg.Behind == nil {
		return progress{}
	}
	s.mu.Lock()
	now := time.Now()
	if s.progress.looking || !s.progress.asked.IsZero() && now.Sub(s.progress.asked) < surveyed {
		defer s.mu.Unlock()
		return s.progress
	}
	s.progress.looking = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	p := progress{asked: now}
	if behind, err := s.cfg.Behind(ctx, Consumer); err == nil && !behind.Partial {
		p.upTo = now.Add(-behind.Oldest).UTC()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = p
	return p
}
