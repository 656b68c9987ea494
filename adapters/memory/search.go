package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.SearchIndex = (*Store)(nil)

// index has the tokens of messages. It has a lock of its own: a search goes through all documents
// of a room, and must not hold up writers.
type index struct {
	mu    sync.RWMutex
	rooms map[chat.RoomID][]document // ascending by seq
}

type document struct {
	seq    chat.Seq
	at     time.Time
	tokens []string // sorted
}

func (d *document) place(room chat.RoomID) ports.FoundMessage {
	return ports.FoundMessage{Room: room, Seq: d.seq, At: d.at}
}

// Index implements ports.SearchIndex.
func (s *Store) Index(ctx context.Context, docs []ports.SearchDoc) error {
	if err := ended(ctx, "index messages"); err != nil {
		return err
	}
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	for i := range docs {
		d := &docs[i]
		at, ok := s.madeAt(d.Room, d.Seq)
		if !ok {
			continue
		}
		tokens := slices.Clone(d.Tokens)
		slices.Sort(tokens)
		s.index.put(d.Room, document{seq: d.Seq, at: at, tokens: tokens})
	}
	return nil
}

// madeAt returns when an entry was made, if it is there.
func (s *Store) madeAt(room chat.RoomID, seq chat.Seq) (at time.Time, is bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.rooms[room]
	if r == nil || seq < 1 || seq > r.Head {
		return at, false
	}
	return r.log[seq-1].At, true
}

// put sets the document of a message. x.mu is held.
func (x *index) put(room chat.RoomID, d document) {
	all := x.rooms[room]
	at, found := slices.BinarySearchFunc(all, d.seq, func(d document, seq chat.Seq) int { return cmp.Compare(d.seq, seq) })
	switch {
	case len(d.tokens) == 0 && found:
		all = slices.Delete(all, at, at+1)
	case len(d.tokens) == 0:
		return
	case found:
		all[at] = d
	default:
		all = slices.Insert(all, at, d)
	}
	x.rooms[room] = all
}

// Find implements ports.SearchIndex. It goes through the documents of all rooms of the query.
func (s *Store) Find(ctx context.Context, q ports.FindQuery) ([]ports.FoundMessage, error) {
	if err := ended(ctx, "search"); err != nil {
		return nil, err
	}
	rooms := q.Rooms
	if q.Public {
		rooms = s.withPublic(rooms, q.But)
	}
	var all []ports.FoundMessage
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	for _, room := range rooms {
		all = append(all, s.index.find(room, &q)...)
	}
	slices.SortFunc(all, newestFirst)
	return all[:min(len(all), q.Limit)], nil
}

// withPublic returns rooms and all public rooms, except those in but.
func (s *Store) withPublic(rooms, but []chat.RoomID) []chat.RoomID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := slices.Clone(rooms)
	for id, r := range s.rooms {
		if r.Public && !slices.Contains(but, id) && !slices.Contains(rooms, id) {
			all = append(all, id)
		}
	}
	return all
}

// find returns the newest messages of a room that match a query. x.mu is held.
func (x *index) find(room chat.RoomID, q *ports.FindQuery) (found []ports.FoundMessage) {
	docs := x.rooms[room]
	for i := len(docs) - 1; i >= 0 && len(found) < q.Limit; i-- {
		d := &docs[i]
		place := d.place(room)
		switch {
		case !q.To.IsZero() && !d.at.Before(q.To), q.Before != nil && newestFirst(place, *q.Before) <= 0:
			continue
		case d.at.Before(q.From):
			return found // later entries of the room are not older
		case d.fits(q):
			found = append(found, place)
		}
	}
	return found
}

func (d *document) fits(q *ports.FindQuery) bool {
	for _, t := range q.All {
		if !d.has(t) {
			return false
		}
	}
	return !slices.ContainsFunc(q.None, d.has)
}

func (d *document) has(t ports.SearchTerm) bool {
	at, found := slices.BinarySearch(d.tokens, t.Token)
	return found || t.Prefix && at < len(d.tokens) && strings.HasPrefix(d.tokens[at], t.Token)
}

// newestFirst compares messages by time, room and seq, each descending.
func newestFirst(a, b ports.FoundMessage) int {
	return cmp.Or(b.At.Compare(a.At), strings.Compare(string(b.Room), string(a.Room)), cmp.Compare(b.Seq, a.Seq))
}
