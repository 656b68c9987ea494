package shards

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Create implements ports.Directory.
func (s *Store) Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error) {
	made, err := s.of(room.ID).Create(ctx, room, owner)
	return made, s.named(s.at(room.ID), err)
}

// Standing implements ports.Directory.
func (s *Store) Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error) {
	is, err := s.of(room).Standing(ctx, room, user)
	return is, s.named(s.at(room), err)
}

// Places implements ports.Directory.
func (s *Store) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	return spread(s, asked, func(p *ports.Place) chat.RoomID { return p.Room }, func(server Server, part []ports.Place) ([]chat.Standing, error) {
		return server.Places(ctx, part)
	})
}

// Rooms implements ports.Directory. Each server is asked for a page, and what lies behind the end
// of the page that ends first is asked for again by the next one.
func (s *Store) Rooms(ctx context.Context, query ports.RoomsQuery) (page []chat.Standing, next chat.RoomID, err error) {
	granted := part(s, query.Granted, self)
	pages, nexts := make([][]chat.Standing, len(s.all)), make([]chat.RoomID, len(s.all))
	err = s.partly(every, func(i int, server Server) (err error) {
		q := query
		q.Granted = granted.parts[i]
		pages[i], nexts[i], err = server.Rooms(ctx, q)
		return err
	})
	if err != nil && !ports.IsPartial(err) {
		return nil, "", err
	}
	page, next = flat(pages), earliest(nexts)
	if next != "" {
		page = slices.DeleteFunc(page, func(st chat.Standing) bool { return st.Room.ID > next })
	}
	slices.SortStableFunc(page, func(a, b chat.Standing) int { return cmp.Compare(a.Room.ID, b.Room.ID) })
	if len(page) >= query.Limit {
		page = page[:query.Limit]
		next = page[query.Limit-1].Room.ID
	}
	return page, next, err
}

// earliest returns the first of the rooms behind which servers have more; empty where none has.
func earliest(nexts []chat.RoomID) (first chat.RoomID) {
	for _, next := range nexts {
		if next != "" && (first == "" || next < first) {
			first = next
		}
	}
	return first
}

// Members implements ports.Directory.
func (s *Store) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	members, err := s.of(room).Members(ctx, room, after, limit)
	return members, s.named(s.at(room), err)
}

// Mark implements ports.Directory. It is one commit on each server. Marks on one that is away fail,
// and no others.
func (s *Store) Mark(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	p := part(s, marks, func(m *ports.ReadMark) chat.RoomID { return m.Room })
	if p.count() == 0 {
		return s.first.Mark(ctx, marks)
	}
	single := p.count() == 1
	return spread(s, marks, func(m *ports.ReadMark) chat.RoomID { return m.Room }, func(server Server, part []ports.ReadMark) ([]ports.MarkOutcome, error) {
		outcomes, err := server.Mark(ctx, part)
		if err == nil || single {
			return outcomes, err
		}
		outcomes = make([]ports.MarkOutcome, len(part))
		for i := range outcomes {
			outcomes[i].Err = err
		}
		return outcomes, nil
	})
}

// Marks implements ports.Directory.
func (s *Store) Marks(ctx context.Context, room chat.RoomID, limit int) ([]ports.ReadMark, bool, error) {
	marks, all, err := s.of(room).Marks(ctx, room, limit)
	return marks, all, s.named(s.at(room), err)
}

// Order implements ports.RoomLists. Times are those of the rooms' servers.
func (s *Store) Order(ctx context.Context, query ports.OrderQuery) (keys []ports.RoomKey, cut chat.RoomID, err error) {
	keys, looked, err := s.listed(ctx, query)
	if err != nil && !ports.IsPartial(err) || looked <= query.Max {
		return keys, "", err
	}
	cut, err = s.cutOf(ctx, query)
	if err != nil && !ports.IsPartial(err) || cut == "" {
		return keys, "", err
	}
	query.UpTo = cut
	query.Max++ // cut is among them
	keys, _, err = s.listed(ctx, query)
	return keys, cut, err
}

// listed returns the first rooms of all servers in the order, and at how many rooms they looked.
func (s *Store) listed(ctx context.Context, query ports.OrderQuery) (keys []ports.RoomKey, looked int, err error) {
	granted, but := part(s, query.Granted, self), part(s, query.But, self)
	lists, counts := make([][]ports.RoomKey, len(s.all)), make([]int, len(s.all))
	err = s.partly(every, func(i int, server Server) (err error) {
		q := query
		q.Granted, q.But = granted.parts[i], but.parts[i]
		lists[i], counts[i], _, err = server.Listed(ctx, q)
		return err
	})
	if err != nil && !ports.IsPartial(err) {
		return nil, 0, err
	}
	for _, n := range counts {
		looked += n
	}
	keys = flat(lists)
	slices.SortStableFunc(keys, func(a, b ports.RoomKey) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Room, b.Room))
	})
	return keys[:min(len(keys), query.Limit)], looked, err
}

// cutOf returns the last room that is looked at of a user who has more than query.Max: it asks each
// server for the ids of so many. Few users have so many rooms.
func (s *Store) cutOf(ctx context.Context, query ports.OrderQuery) (chat.RoomID, error) {
	ids, _, err := s.listed(ctx, ports.OrderQuery{
		User: query.User, Granted: query.Granted, Sort: ports.SortID, Max: query.Max, UpTo: query.UpTo, Limit: query.Max + 1,
	})
	if err != nil && !ports.IsPartial(err) || len(ids) <= query.Max {
		return "", err
	}
	return ids[query.Max].Room, err
}

// Sights implements ports.RoomLists.
func (s *Store) Sights(ctx context.Context, user chat.UserID, rooms []chat.RoomID) ([]ports.RoomSight, error) {
	return spread(s, rooms, self, func(server Server, part []chat.RoomID) ([]ports.RoomSight, error) {
		return server.Sights(ctx, user, part)
	})
}
