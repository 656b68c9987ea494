package shards

import (
	"cmp"
	"context"
	"slices"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Index implements ports.SearchIndex. It is one commit on each server.
func (s *Store) Index(ctx context.Context, docs []ports.SearchDoc) error {
	p := part(s, docs, func(d *ports.SearchDoc) chat.RoomID { return d.Room })
	return s.some(p.has, func(i int, server Server) error { return server.Index(ctx, p.parts[i]) })
}

// Find implements ports.SearchIndex. Times are those of the rooms' servers.
func (s *Store) Find(ctx context.Context, query ports.FindQuery) ([]ports.FoundMessage, error) {
	rooms, but := part(s, query.Rooms, self), part(s, query.But, self)
	lists := make([][]ports.FoundMessage, len(s.all))
	asked := func(i int) bool { return query.Public || rooms.has(i) }
	err := s.some(asked, func(i int, server Server) (err error) {
		q := query
		q.Rooms, q.But = rooms.parts[i], but.parts[i]
		lists[i], err = server.Find(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := flat(lists)
	slices.SortFunc(all, func(a, b ports.FoundMessage) int {
		return -cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Room, b.Room), cmp.Compare(a.Seq, b.Seq))
	})
	return all[:min(len(all), query.Limit)], nil
}
