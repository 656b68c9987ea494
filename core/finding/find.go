package finding

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Rows are the rows of an index, all from the same moment.
type Rows interface {
	// Manifests tells the manifests of the rooms that a query names, each with what is kept beside
	// it, in any order. A room without one has nothing indexed. tell must not keep the bytes.
	Manifests(ctx context.Context, query *ports.FindQuery, tell func(room chat.RoomID, blocks, beside []byte) error) error

	// Pieces tells the data of pieces for each of some blocks, with the block's index, in the order
	// of their keys: the last piece whose key is at most from, and, unless to is nil, those after
	// it whose keys are below to. tell must not keep the data.
	Pieces(ctx context.Context, blocks []BlockPlace, from, to []byte, tell func(block int, data []byte) error) error

	// Filters returns the filters of blocks, in the order of blocks. Each is a row of its own.
	Filters(ctx context.Context, blocks []BlockPlace) ([]Filter, error)

	// Times returns when messages were made, in the order of places. It is zero for a message that
	// does not exist.
	Times(ctx context.Context, places []Place) ([]time.Time, error)
}

// BlockPlace is where a block is.
type BlockPlace struct {
	Room  chat.RoomID
	Block int64
}

// Place is where a message is.
type Place struct {
	Room chat.RoomID
	Seq  chat.Seq
}

// term is a token that is looked for, or the beginning of tokens that are.
type term struct {
	token  []byte
	prefix bool
	hash   uint64

	// In how many blocks it was looked for, and how many documents there have it.
	asked, found int
}

// rate returns how many documents of a block have the term, judged by the blocks seen so far.
func (t term) rate() float64 {
	if t.asked == 0 {
		return math.Inf(1)
	}
	return float64(t.found) / float64(t.asked)
}

// compare is negative if a token comes before the term, 0 if it matches, and positive if it comes
// after.
func (t term) compare(token []byte) int {
	if t.prefix && bytes.HasPrefix(token, t.token) {
		return 0
	}
	return bytes.Compare(token, t.token)
}

// to returns the first key after all tokens that begin with the term.
func (t term) to() (end []byte) {
	if t.prefix && len(t.token) > 0 {
		end = slices.Clone(t.token)
		end[len(end)-1]++ // no byte of UTF-8 has the highest value
	}
	return end
}

// terms returns terms with the rarest first. Long tokens are taken to be rare.
func terms(of []ports.SearchTerm) (ts []term) {
	for _, t := range of {
		ts = append(ts, term{token: []byte(t.Token), prefix: t.Prefix, hash: hashOf(t.Token)})
	}
	slices.SortStableFunc(ts, func(a, b term) int {
		if a.prefix != b.prefix {
			return cmp.Compare(b2i(a.prefix), b2i(b.prefix))
		}
		return cmp.Compare(len(b.token), len(a.token))
	})
	return ts
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

const (
	// firstRooms is in how many rooms, at least, is looked first: those with the newest messages,
	// and those which are at most so many times as far behind.
	firstRooms, behindFirst = 50, 4
	// newestLooks is how often it is looked in such rooms only.
	newestLooks = 3
)

// search is one call of Find.
type search struct {
	rows      Rows
	filters   *Filters
	query     ports.FindQuery
	all, none []term
	rooms     []*room
	found     []ports.FoundMessage // the newest first, at most Limit

	parsed         Manifest // of the room that is being added
	total, left    int      // blocks of all rooms, and those of them that may have a hit
	looks, datings int      // how often blocks were looked at, and times were read
}

// room is a room that is being searched.
type room struct {
	id     chat.RoomID
	blocks []Block   // the blocks that are left; the last one is looked at next
	looks  int       // how often blocks of it were looked at
	hits   []hits    // those that are left of blocks that were looked at, the newest first
	upTo   time.Time // no hit that is left is newer; zero: that is not known
}

// Find answers a query from rows, and from filters of blocks, where it keeps those that it reads.
//
// It looks at blocks until none that is left can have anything newer than the hits that are known.
// Then it reads the times of those hits that may be among the newest.
func Find(ctx context.Context, rows Rows, filters *Filters, query ports.FindQuery) ([]ports.FoundMessage, error) {
	s := search{rows: rows, filters: filters, query: query, all: terms(query.All), none: terms(query.None)}
	if err := rows.Manifests(ctx, &query, s.add); err != nil {
		return nil, err
	}
	for {
		least := s.least()
		if units := s.next(least); len(units) > 0 {
			if err := s.look(ctx, units); err != nil {
				return nil, err
			}
			continue
		}
		if more, err := s.date(ctx, least); err != nil || !more {
			return s.found, err
		}
	}
}

// add adds a room, with its blocks that may have a hit.
func (s *search) add(id chat.RoomID, blocks, beside []byte) (err error) {
	if s.parsed, err = s.parsed[:0].parse(blocks, beside); err != nil {
		return err
	}
	r := &room{id: id}
	for i := range s.parsed {
		b := &s.parsed[i]
		s.total++
		if !s.mayBefore(id, b.First, b.FirstAt) || b.LastAt.Before(s.query.From) {
			continue
		}
		if b.Apart {
			b.Filter = s.filters.get(b.filterKey(id))
		}
		if s.mayHave(b.Filter) {
			r.blocks = append(r.blocks, *b)
			left := &r.blocks[len(r.blocks)-1]
			left.Apart, left.Filter = b.Apart && b.Filter == nil, nil // from now on Apart means that it is to be read
			left.Noted = slices.Clone(b.Noted)
		}
	}
	if s.left += len(r.blocks); len(r.blocks) > 0 {
		s.rooms = append(s.rooms, r)
	}
	return nil
}

// mayHave reports whether a block with this filter may have all tokens that are looked for.
func (s *search) mayHave(f Filter) bool {
	return !slices.ContainsFunc(s.all, func(t term) bool { return !t.prefix && !f.mayHave(t.hash) })
}

// mayBefore reports whether a message at this place, made at that time or later, may come after the
// one that the query's cursor names, and before the query's To.
func (s *search) mayBefore(id chat.RoomID, seq chat.Seq, at time.Time) bool {
	if to := s.query.To; !to.IsZero() && !at.Before(to) {
		return false
	}
	switch b := s.query.Before; {
	case b == nil:
		return true
	case b.Room == id:
		return seq < b.Seq
	case at.Equal(b.At):
		return id < b.Room
	default:
		return at.Before(b.At)
	}
}

// next takes the blocks to be looked at next: those that may have hits made at least or later. It
// takes one block of a room at first, then two, and so on. Rooms with the newest blocks come first:
// what is found in them may make it unnecessary to look at the others. With prefixes alone, or if
// filters show that the words are in few blocks, all rooms come at once.
func (s *search) next(least time.Time) (units []*unit) {
	if least.IsZero() && s.whole() && s.looks < newestLooks && 2*s.left > s.total {
		least = s.newestRooms()
	}
	s.looks++
	for _, r := range s.rooms {
		n := 0
		for n < len(r.blocks) && n < 1<<r.looks && !r.blocks[len(r.blocks)-1-n].LastAt.Before(least) {
			n++
		}
		if n == 0 {
			continue
		}
		for range n {
			last := len(r.blocks) - 1
			units = append(units, &unit{r, hits{block: &r.blocks[last]}})
			r.blocks = r.blocks[:last]
		}
		r.looks++
	}
	return units
}

// newestRooms returns a time so that enough rooms have blocks that end then or later.
func (s *search) newestRooms() time.Time {
	var ends []time.Time
	for _, r := range s.rooms {
		if len(r.blocks) > 0 {
			ends = append(ends, r.blocks[len(r.blocks)-1].LastAt)
		}
	}
	if len(ends) == 0 {
		return time.Time{}
	}
	slices.SortFunc(ends, func(a, b time.Time) int { return b.Compare(a) })
	behind := ends[0].Sub(ends[min(len(ends), max(firstRooms, s.query.Limit))-1])
	return ends[0].Add(-behindFirst * behind << s.looks)
}

// whole reports whether a whole token is looked for.
func (s *search) whole() bool {
	return slices.ContainsFunc(s.all, func(t term) bool { return !t.prefix })
}
