package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// Read implements ports.Log.
func (s *Store) Read(ctx context.Context, id chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	if err := ended(ctx, "read entries"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.rooms[id]
	if r == nil {
		return nil, nil
	}
	first, last := span.After+1, r.Head
	if span.Before > 0 {
		last = min(last, span.Before-1)
	}
	p := page{room: r, span: span}
	if span.Messages {
		p.messages(first, last)
	} else {
		p.all(first, last)
	}
	if span.Newest {
		slices.Reverse(p.entries)
	}
	return p.entries, nil
}

// page collects a span of a room, from its oldest or newest entry on.
type page struct {
	room    *room
	span    ports.Span
	entries []chat.Entry
	bytes   int
}

// all adds the entries first to last, and reports whether the page has room for more.
func (p *page) all(first, last chat.Seq) (more bool) {
	for i := chat.Seq(0); first+i <= last; i++ {
		seq := first + i
		if p.span.Newest {
			seq = last - i
		}
		if p.span.Messages && p.room.messages[seq] == nil || p.span.Among != nil && !slices.Contains(p.span.Among, seq) {
			continue
		}
		e := p.room.present(&p.room.log[seq-1], p.span.Viewer)
		p.entries = append(p.entries, e)
		p.bytes += e.Size()
		if len(p.entries) == p.span.Limit || p.span.Bytes > 0 && p.bytes >= p.span.Bytes {
			return false
		}
	}
	return true
}

// messages adds the messages among the entries first to last, and reports whether the page has room
// for more. Each entry has the number of messages up to it. So parts without messages are skipped
// at once, however long they are, and the lock is held only briefly.
func (p *page) messages(first, last chat.Seq) (more bool) {
	if first > last {
		return true
	}
	switch n := p.room.count(last) - p.room.count(first-1); n {
	case 0:
		return true
	case int64(last - first + 1):
		return p.all(first, last)
	}
	middle := first + (last-first)/2
	if p.span.Newest {
		return p.messages(middle+1, last) && p.messages(first, middle)
	}
	return p.messages(first, middle) && p.messages(middle+1, last)
}

// count returns how many messages there are up to an entry; 0 is the place before the first.
func (r *room) count(seq chat.Seq) int64 {
	if seq <= 0 {
		return 0
	}
	return r.log[seq-1].Messages
}

// Entry implements ports.Log.
func (s *Store) Entry(ctx context.Context, id chat.RoomID, seq chat.Seq) (chat.Entry, error) {
	if err := ended(ctx, "read an entry"); err != nil {
		return chat.Entry{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.rooms[id]; r != nil && 1 <= seq && seq <= r.Head {
		return r.present(&r.log[seq-1], ""), nil
	}
	return chat.Entry{}, chat.Errorf(chat.NotFound, "there is no such entry")
}

// Heads implements ports.Log.
func (s *Store) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	if err := ended(ctx, "read heads"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	heads := make(map[chat.RoomID]chat.Seq, len(rooms))
	for _, id := range rooms {
		if r := s.rooms[id]; r != nil {
			heads[id] = r.Head
		}
	}
	return heads, nil
}

// present returns an entry in its present form.
func (r *room) present(e *chat.Entry, viewer chat.UserID) chat.Entry {
	is := *e
	switch f := e.Fact.(type) {
	case chat.Message:
		m := r.messages[e.Seq]
		said := m.Message
		for _, of := range m.reactions {
			if of.count > 0 {
				said.Reactions = append(said.Reactions, chat.Reaction{Emoji: of.emoji, Count: of.count, Me: of.by[viewer].on})
			}
		}
		if len(r.slots) > 0 {
			said.Slots = r.slotsOf(e.Seq)
		}
		is.Fact = said
	case chat.Edited:
		f.Body = r.messages[f.Target].Body
		is.Fact = f
	case chat.Set:
		is.Fact = r.presentSet(f, e.Seq)
	}
	return is
}

// Create implements ports.Directory.
func (s *Store) Create(ctx context.Context, given chat.Room, owner chat.UserID) (chat.Room, error) {
	if err := ended(ctx, "create a room"); err != nil {
		return chat.Room{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms[given.ID] != nil {
		return chat.Room{}, chat.Errorf(chat.Conflict, "there is a room of that id")
	}
	r := newRoom(given)
	if owner != "" {
		r.places[owner] = ledger.Place{Member: chat.Member{User: owner, Role: chat.Moderate, Since: r.CreatedAt}}
	}
	s.rooms[r.ID] = r
	return r.Room.Room, nil
}

// Standing implements ports.Directory.
func (s *Store) Standing(ctx context.Context, id chat.RoomID, user chat.UserID) (chat.Standing, error) {
	if err := ended(ctx, "read a standing"); err != nil {
		return chat.Standing{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.rooms[id]
	if r == nil {
		return chat.Standing{}, chat.Errorf(chat.NotFound, "there is no such room")
	}
	return r.standing(user), nil
}

// Places implements ports.Directory.
func (s *Store) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	if err := ended(ctx, "read standings"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	standings := make([]chat.Standing, len(asked))
	for i, p := range asked {
		if r := s.rooms[p.Room]; r != nil {
			standings[i] = chat.Standing{Room: r.Room.Room, Member: r.places[p.User].Member, Read: r.marks[p.User]}
		}
	}
	return standings, nil
}

func (r *room) standing(user chat.UserID) chat.Standing {
	return chat.Standing{Room: r.Room.Room, Member: r.places[user].Member, Read: r.marks[user], Unread: r.unread(user)}
}

func (r *room) unread(user chat.UserID) int64 {
	behind := func(said []chat.Seq) int {
		at, found := slices.BinarySearch(said, r.marks[user])
		if found {
			at++
		}
		return len(said) - at
	}
	others := behind(r.said)
	if own := r.speakers[user]; own != nil {
		others -= behind(own.said)
	}
	return int64(min(others, chat.MaxUnread))
}

// listed reports whether a room is in a user's list because they made entries there and have not
// left since.
func (r *room) listed(user chat.UserID) bool {
	s := r.speakers[user]
	return s != nil && !s.left
}

// Rooms implements ports.Directory. It goes through all rooms.
func (s *Store) Rooms(ctx context.Context, query ports.RoomsQuery) (page []chat.Standing, next chat.RoomID, err error) {
	if err := ended(ctx, "list rooms"); err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	mine := slices.Clone(query.Next())
	for id, r := range s.rooms {
		_, marked := r.marks[query.User]
		if id > query.After && (query.All || marked || r.listed(query.User) || r.places[query.User].Role != chat.None) {
			mine = append(mine, id)
		}
	}
	slices.Sort(mine)
	mine = slices.Compact(mine)
	if len(mine) >= query.Limit {
		mine = mine[:query.Limit]
		next = mine[query.Limit-1]
	}
	for _, id := range mine {
		if r := s.rooms[id]; r != nil && (query.All || !r.places[query.User].Banned) {
			page = append(page, r.standing(query.User))
		}
	}
	return page, next, nil
}

// Members implements ports.Directory.
func (s *Store) Members(ctx context.Context, id chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	if err := ended(ctx, "list members"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.rooms[id]
	if r == nil {
		return nil, nil
	}
	var members []chat.Member
	for user, place := range r.places {
		if user > after && place.Member != (chat.Member{}) {
			members = append(members, place.Member)
		}
	}
	slices.SortFunc(members, func(a, b chat.Member) int { return cmp.Compare(a.User, b.User) })
	return members[:min(limit, len(members))], nil
}

// Mark implements ports.Directory.
func (s *Store) Mark(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	if err := ended(ctx, "move read marks"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]ports.MarkOutcome, len(marks))
	for i, m := range marks {
		switch r := s.rooms[m.Room]; {
		case r == nil:
			outcomes[i].Err = chat.Errorf(chat.NotFound, "there is no such room")
		case m.Seq > r.Head:
			outcomes[i].Err = chat.Errorf(chat.Invalid, "seq must not be beyond the room's head, %d", r.Head)
		default:
			r.marks[m.User] = max(r.marks[m.User], m.Seq)
		}
	}
	for i, m := range marks {
		if r := s.rooms[m.Room]; outcomes[i].Err == nil {
			outcomes[i].Read, outcomes[i].Unread = r.marks[m.User], r.unread(m.User)
		}
	}
	return outcomes, nil
}

// Marks implements ports.Directory.
func (s *Store) Marks(ctx context.Context, id chat.RoomID, limit int) (marks []ports.ReadMark, all bool, err error) {
	if err := ended(ctx, "read marks"); err != nil {
		return nil, false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.rooms[id]
	if r == nil {
		return nil, true, nil
	}
	members := 0
	for _, place := range r.places {
		if place.Member != (chat.Member{}) {
			members++
		}
		if members > limit {
			return nil, false, nil
		}
	}
	for user, seq := range r.marks {
		if len(marks) > limit {
			return nil, false, nil
		}
		if !r.places[user].Banned {
			marks = append(marks, ports.ReadMark{Room: id, User: user, Seq: seq})
		}
	}
	if len(marks) > limit {
		return nil, false, nil
	}
	slices.SortFunc(marks, func(a, b ports.ReadMark) int { return cmp.Compare(a.User, b.User) })
	return marks, true, nil
}
