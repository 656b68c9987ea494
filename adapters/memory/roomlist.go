package memory

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.RoomLists = (*Store)(nil)

// Order implements ports.RoomLists. It goes through all rooms.
func (s *Store) Order(ctx context.Context, q ports.OrderQuery) (keys []ports.RoomKey, cut chat.RoomID, err error) {
	if err := ended(ctx, "list rooms"); err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	mine := s.mine(q.User, q.Granted)
	mine = slices.DeleteFunc(mine, func(id chat.RoomID) bool { return q.UpTo != "" && id > q.UpTo })
	if len(mine) > q.Max {
		mine = mine[:q.Max+1]
		cut = mine[q.Max]
	}
	for _, id := range mine {
		k, there := s.rooms[id].key(&q)
		if there && (q.Behind == nil || compareKeys(*q.Behind, k) < 0) {
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(keys, compareKeys)
	return keys[:min(q.Limit, len(keys))], cut, nil
}

// mine returns the user's rooms, and those of granted that exist, ascending.
func (s *Store) mine(user chat.UserID, granted []chat.RoomID) (mine []chat.RoomID) {
	for id, r := range s.rooms {
		_, marked := r.marks[user]
		_, given := slices.BinarySearch(granted, id)
		if marked || given || r.listed(user) || r.places[user].Role != chat.None {
			mine = append(mine, id)
		}
	}
	slices.Sort(mine)
	return mine
}

// key returns the place of a room in an order. there is false if the room is not in it.
func (r *room) key(q *ports.OrderQuery) (k ports.RoomKey, there bool) {
	k.Room = r.ID
	switch q.Sort {
	case ports.SortActive:
		k.At = r.active(q.AsOf)
		return k, !slices.Contains(q.But, r.ID)
	case ports.SortName:
		k.Name = smallLetters(cmp.Or(r.Name, string(r.ID)))
	}
	return k, true
}

// active returns when the room's last entry up to asOf was made; zero asOf is no bound. If there is
// none, it returns when the room was made.
func (r *room) active(asOf time.Time) time.Time {
	entries := len(r.log)
	if !asOf.IsZero() {
		entries = sort.Search(entries, func(i int) bool { return r.log[i].At.After(asOf) })
	}
	if entries == 0 {
		return r.CreatedAt
	}
	return r.log[entries-1].At
}

// smallLetters makes A to Z small, and nothing else.
func smallLetters(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, s)
}

// compareKeys compares keys of one order.
func compareKeys(a, b ports.RoomKey) int {
	return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Name, b.Name), strings.Compare(string(a.Room), string(b.Room)))
}

// Sights implements ports.RoomLists.
func (s *Store) Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]ports.RoomSight, error) {
	if err := ended(ctx, "show rooms"); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	sights := make([]ports.RoomSight, len(rooms))
	for i, id := range rooms {
		r := s.rooms[id]
		if r == nil {
			continue
		}
		sights[i].Standing = r.standing(user)
		p := page{room: r, span: ports.Span{Newest: true, Limit: 1, Messages: true, Viewer: user}}
		if p.messages(1, r.Head); len(p.entries) > 0 {
			sights[i].Last = &p.entries[0]
		}
	}
	return sights, nil
}
