package messaging

import (
	"context"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.RoomLister = (*Service)(nil)

const (
	// lateCommit is the longest time from an entry's time stamp until the entry can be read. Its
	// transaction has begun by then, and ends within lateCommit.
	lateCommit = 10 * time.Second
	// maxShownBytes is how many bytes of ids of lately active rooms a cursor carries.
	maxShownBytes = 2 << 10
	// joinSpace is by how many rooms a truncated list may grow while it is paged through.
	joinSpace = 1000
)

// List implements ports.RoomLister.
func (s *Service) List(ctx context.Context, by chat.Identity, q ports.ListQuery) (ports.RoomListPage, error) {
	if err := s.charge(by, costList); err != nil {
		return ports.RoomListPage{}, err
	}
	log := s.cfg.Which()
	v, err := parseView(q, by.User, log)
	if err != nil {
		return ports.RoomListPage{}, err
	}
	var lacks lacking
	keys, cut, err := s.cfg.Lists.Order(ctx, v.query(by, q))
	if err := lacks.take(err); err != nil {
		return ports.RoomListPage{}, err
	}
	if q.Cursor == "" {
		v.begin(keys, cut)
	}
	page := ports.RoomListPage{Truncated: v.upTo != ""}
	fits := v.fits(keys[:min(len(keys), q.Limit)])
	rooms, passed, err := s.show(ctx, by, keys[:fits], &lacks)
	if err != nil {
		return ports.RoomListPage{}, err
	}
	if page.Rooms = rooms; passed < len(keys) {
		v.pass(keys[:passed])
		page.Next = v.text(by.User, log)
	}
	return page, lacks.err()
}

// show returns views of the rooms of keys that by may read, as many as fit into the bytes of a
// page. It also returns how many of keys it has gone through. It leaves out what it adds to lacks.
func (s *Service) show(ctx context.Context, by chat.Identity, keys []ports.RoomKey, lacks *lacking) (rooms []ports.ListedRoom, passed int, err error) {
	if len(keys) == 0 {
		return nil, 0, nil
	}
	ids := make([]chat.RoomID, len(keys))
	for i := range keys {
		ids[i] = keys[i].Room
	}
	sights, err := s.cfg.Lists.Sights(ctx, by.User, ids)
	if err := lacks.take(err); err != nil {
		return nil, 0, err
	}
	if len(sights) != len(ids) {
		return nil, 0, chat.Errorf(chat.Internal, "the store gave %d sights of %d rooms", len(sights), len(ids))
	}
	known := make([]chat.Room, len(sights))
	for i := range sights {
		known[i] = sights[i].Room
	}
	set, err := s.described(ctx, known, listTypes...)
	if err := lacks.take(err); err != nil {
		return nil, 0, err
	}
	bytes := answerHead
	for i, sight := range sights {
		role := sight.Role(by)
		if sight.Room.ID == "" || lacks.has(sight.Room.ID) || sight.Member.Banned || !role.May(chat.Read) {
			continue
		}
		view := ports.RoomView{Standing: sight.Standing, Role: role, Metadata: set[sight.Room.ID]}
		bytes += roomSize(&view)
		if sight.Last != nil {
			bytes += s.cfg.Measure(sight.Last)
		}
		if bytes > s.cfg.AnswerBytes && len(rooms) > 0 {
			return rooms, i, nil
		}
		rooms = append(rooms, ports.ListedRoom{RoomView: view, Active: keys[i].At, Last: sight.Last})
	}
	return rooms, len(keys), nil
}

// roomSize is about how many bytes a room takes in an answer, without its last message.
func roomSize(v *ports.RoomView) int {
	const rest = 400
	return rest + len(v.Room.ID) + 2*len(v.Room.Name) + 6*len(v.Topic) + 6*len(v.Avatar)
}

// view says which of a user's rooms are in a list, in which order, and how far the list has been
// shown. Only the client keeps it, as a cursor.
//
// Rooms are listed by their activity, which changes all the time. So a view is frozen at a time:
// asOf. That is so long before the first page that all entries up to asOf were visible then.
//
// First come the rooms that are active since asOf: as long as these come, the view is hot. Each of
// them is put into but when it is shown, and is not shown again. Then come the other rooms. A room
// that is not in but stands where its last entry up to asOf puts it, whatever has been said in it
// since. Such a room has been shown already if its place is not after that of the last room shown.
//
// If but is full, the remaining hot rooms come with the others, in the order of what was said in
// them before asOf. Rooms that were made after asOf come first.
type view struct {
	sort   ports.RoomSort
	upTo   chat.RoomID    // the last room that is looked at, or empty
	behind *ports.RoomKey // the last room that was shown; nil: none
	asOf   time.Time
	hot    bool
	but    []chat.RoomID
}

// begin starts the view with the rooms of its first page.
func (v *view) begin(first []ports.RoomKey, cut chat.RoomID) {
	v.upTo = cut
	if v.sort == ports.SortActive && len(first) > 0 {
		v.asOf, v.hot = first[0].At.Add(-lateCommit), true
	}
}

// query returns the query for the next page. It asks for one room more than the page holds, which
// tells whether there are more.
func (v *view) query(by chat.Identity, q ports.ListQuery) ports.OrderQuery {
	limit := ports.MaxListed
	if v.upTo != "" {
		limit += joinSpace
	}
	order := ports.OrderQuery{
		User: by.User, Granted: by.Grants.Rooms(), Sort: v.sort, Max: limit, UpTo: v.upTo, Limit: q.Limit + 1, Behind: v.behind, But: v.but,
	}
	if !v.hot {
		order.AsOf = v.asOf
	}
	return order
}

// fits returns how many of the rooms of a page can be shown. A room that is active since asOf can
// be shown only while but has space.
func (v *view) fits(keys []ports.RoomKey) int {
	space := maxShownBytes - v.carried()
	for i, k := range keys {
		if v.recent(k) {
			if space -= len(k.Room); space < 0 {
				return i
			}
		}
	}
	return len(keys)
}

// pass notes that a page has gone through keys.
func (v *view) pass(keys []ports.RoomKey) {
	for _, k := range keys {
		if v.recent(k) {
			v.but = append(v.but, k.Room)
		}
	}
	switch {
	case len(keys) > 0 && !v.recent(keys[len(keys)-1]):
		v.hot, v.behind = false, &keys[len(keys)-1]
	case maxShownBytes-v.carried() < chat.MaxRoomIDChars:
		v.hot = false
	}
}

// recent reports whether a room is shown because it is active since asOf.
func (v *view) recent(k ports.RoomKey) bool { return v.hot && k.At.After(v.asOf) }

// carried returns how many bytes of ids are in but.
func (v *view) carried() (bytes int) {
	for _, room := range v.but {
		bytes += len(room)
	}
	return bytes
}
