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
	// Manifests returns the manifests of the rooms that a query names. A room without one has
	// nothing indexed.
	Manifests(ctx context.Context, query *ports.FindQuery) (map[chat.RoomID]Manifest, error)

	// Pieces returns pieces for each of some blocks, in the order of their keys: the last piece
	// whose key is at most from, and those after it whose keys are below to. A nil to is no limit.
	Pieces(ctx context.Context, blocks []BlockPlace, from, to []byte) ([][]Piece, error)

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
	// maxUnits is how many blocks are looked at together.
	maxUnits = 2000
	// firstRooms is in how many rooms, at least, is looked first: those with the newest messages,
	// and those which are at most so many times as far behind.
	firstRooms, behindFirst = 50, 4
)

// search is one call of Find.
type search struct {
	rows      Rows
	filters   *Filters
	query     ports.FindQuery
	all, none []term
	rooms     []*room
	found     []ports.FoundMessage // the newest first, at most Limit
}

// room is a room that is being searched.
type room struct {
	id     chat.RoomID
	blocks []Block    // the blocks that are left; the last one is looked at next
	looks  int        // how often blocks of it were looked at
	hits   []chat.Seq // hits that are left of blocks that were looked at; the last comes next
	upTo   time.Time  // nothing that is left is newer than this
}

// Find answers a query from rows, and from filters of blocks, where it keeps those that it reads.
func Find(ctx context.Context, rows Rows, filters *Filters, query ports.FindQuery) ([]ports.FoundMessage, error) {
	s := search{rows: rows, filters: filters, query: query, all: terms(query.All), none: terms(query.None)}
	manifests, err := rows.Manifests(ctx, &query)
	if err != nil {
		return nil, err
	}
	for id, m := range manifests {
		s.add(id, m)
	}
	for round := 1; ; round *= 2 {
		s.drop()
		if len(s.rooms) == 0 {
			return s.found, nil
		}
		if err := s.look(ctx, round); err != nil {
			return nil, err
		}
		s.drop()
		if err := s.date(ctx, round); err != nil {
			return nil, err
		}
	}
}

// add adds a room, with its blocks that may have a hit.
func (s *search) add(id chat.RoomID, m Manifest) {
	r := &room{id: id}
	for _, b := range m {
		if !s.mayBefore(id, b.First, b.FirstAt) || b.LastAt.Before(s.query.From) {
			continue
		}
		if b.Apart {
			b.Filter = s.filters.get(b.filterKey(id))
		}
		if s.mayHave(b.Filter) {
			r.blocks = append(r.blocks, b)
		}
	}
	if len(r.blocks) > 0 {
		r.upTo = r.blocks[len(r.blocks)-1].LastAt
		s.rooms = append(s.rooms, r)
	}
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

// drop drops rooms that cannot add anything.
func (s *search) drop() {
	full := len(s.found) >= s.query.Limit
	s.rooms = slices.DeleteFunc(s.rooms, func(r *room) bool {
		return len(r.hits) == 0 && len(r.blocks) == 0 || full && r.upTo.Before(s.found[s.query.Limit-1].At)
	})
}

// unit is a block that is being looked at.
type unit struct {
	room  *room
	block Block
	hits  []chat.Seq
}

// look looks at the next blocks of rooms without hits: one block of a room at first, then two, and
// so on. Rooms with the newest blocks come first: what is found in them may make it unnecessary to
// look at the others. With prefixes alone all rooms come at once, which was measured to be quicker.
func (s *search) look(ctx context.Context, round int) error {
	slices.SortFunc(s.rooms, func(a, b *room) int { return b.upTo.Compare(a.upTo) })
	newest := s.rooms[0].upTo
	behind := newest.Sub(s.rooms[min(len(s.rooms), max(firstRooms, s.query.Limit))-1].upTo)
	var units []*unit
	for _, r := range s.rooms {
		if len(r.hits) > 0 {
			continue
		}
		if s.whole() && round <= behindFirst && newest.Sub(r.upTo) > behindFirst*time.Duration(round)*behind {
			break
		}
		next := r.blocks[max(0, len(r.blocks)-1<<r.looks):]
		r.looks++
		r.blocks = r.blocks[:len(r.blocks)-len(next)]
		for _, b := range next {
			units = append(units, &unit{room: r, block: b})
		}
	}
	units, err := s.sift(ctx, units)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(units, maxUnits) {
		if err := s.match(ctx, some); err != nil {
			return err
		}
	}
	for _, u := range units { // the units of one room are in the order of their seqs
		u.room.hits = append(u.room.hits, u.hits...)
	}
	for _, r := range s.rooms {
		if len(r.hits) == 0 && len(r.blocks) > 0 {
			r.upTo = r.blocks[len(r.blocks)-1].LastAt
		}
	}
	return nil
}

// whole reports whether a whole token is looked for.
func (s *search) whole() bool {
	return slices.ContainsFunc(s.all, func(t term) bool { return !t.prefix })
}

// sift reads the filters that are not known yet, and removes the blocks that lack a token.
func (s *search) sift(ctx context.Context, units []*unit) ([]*unit, error) {
	if !s.whole() {
		return units, nil
	}
	var unknown []*unit
	for _, u := range units {
		if u.block.Apart && u.block.Filter == nil {
			unknown = append(unknown, u)
		}
	}
	for some := range slices.Chunk(unknown, maxUnits) {
		filters, err := s.rows.Filters(ctx, places(some))
		if err != nil {
			return nil, err
		}
		for i, u := range some {
			u.block.Filter = filters[i]
			s.filters.put(u.block.filterKey(u.room.id), filters[i])
		}
	}
	return slices.DeleteFunc(units, func(u *unit) bool { return !s.mayHave(u.block.Filter) }), nil
}

// match finds the hits of units. Each term is looked for only among the documents that the terms
// before it were found in. So the term that was found in the fewest documents so far comes first.
func (s *search) match(ctx context.Context, units []*unit) error {
	slices.SortStableFunc(s.all, func(a, b term) int { return cmp.Compare(a.rate(), b.rate()) })
	for i := range s.all {
		t := &s.all[i]
		if err := s.each(ctx, units, *t, func(u *unit, has []chat.Seq) {
			t.asked, t.found = t.asked+1, t.found+len(has)
			if i == 0 {
				u.hits = has
			} else {
				u.hits = common(u.hits, has, true)
			}
		}); err != nil {
			return err
		}
		units = slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return len(u.hits) == 0 })
	}
	for _, t := range s.none {
		if err := s.each(ctx, units, t, func(u *unit, has []chat.Seq) { u.hits = common(u.hits, has, false) }); err != nil {
			return err
		}
	}
	return s.bound(ctx, units)
}

// each calls tell for each unit with the documents that have a term.
func (s *search) each(ctx context.Context, units []*unit, t term, tell func(u *unit, has []chat.Seq)) error {
	if len(units) == 0 {
		return nil
	}
	pieces, err := s.rows.Pieces(ctx, places(units), t.token, t.to())
	if err != nil {
		return err
	}
	for i, u := range units {
		var has []chat.Seq
		for _, p := range pieces[i] {
			if has, err = p.has(u.block.First, t, has); err != nil {
				return err
			}
		}
		if t.prefix {
			slices.Sort(has)
			has = slices.Compact(has)
		}
		tell(u, has)
	}
	return nil
}

func places(units []*unit) []BlockPlace {
	all := make([]BlockPlace, len(units))
	for i, u := range units {
		all[i] = BlockPlace{u.room.id, u.block.ID}
	}
	return all
}

// common returns the elements of a that are also in b, or with too false those that are not.
func common(a, b []chat.Seq, too bool) []chat.Seq {
	kept := a[:0]
	for _, seq := range a {
		for len(b) > 0 && b[0] < seq {
			b = b[1:]
		}
		if (len(b) > 0 && b[0] == seq) == too {
			kept = append(kept, seq)
		}
	}
	return kept
}

// bound removes hits that are too new or too old, as far as that can be told without reading their
// times.
func (s *search) bound(ctx context.Context, units []*unit) error {
	var cut []*unit
	for _, u := range units {
		if b := s.query.Before; b != nil && b.Room == u.room.id {
			i, _ := slices.BinarySearch(u.hits, b.Seq)
			u.hits = u.hits[:i]
		}
		if len(u.hits) > 0 && (!s.mayBefore(u.room.id, 0, u.block.LastAt) || u.block.FirstAt.Before(s.query.From)) {
			cut = append(cut, u)
		}
	}
	if len(cut) == 0 {
		return nil
	}
	pieces, err := s.rows.Pieces(ctx, places(cut), lastKey, nil)
	if err != nil {
		return err
	}
	for i, u := range cut {
		if len(pieces[i]) != 1 {
			return errDamaged
		}
		all, err := pieces[i][0].moments()
		if err != nil {
			return err
		}
		// Messages at the same moment as one that is too new, or after it, are too new as well.
		tooNew, _ := slices.BinarySearchFunc(all, true, func(m moment, _ bool) int { return b2i(!s.mayBefore(u.room.id, 0, m.at)) - 1 })
		if tooNew < len(all) {
			to, _ := slices.BinarySearch(u.hits, all[tooNew].seq)
			u.hits = u.hits[:to]
		}
		old, _ := slices.BinarySearchFunc(all, s.query.From, func(m moment, from time.Time) int { return m.at.Compare(from) })
		if old > 0 {
			from, _ := slices.BinarySearch(u.hits, all[old-1].seq+1)
			u.hits = u.hits[from:]
		}
	}
	return nil
}

// date reads the times of the next hits of rooms, and keeps those that are among the newest.
func (s *search) date(ctx context.Context, round int) error {
	each := 1 + round*s.query.Limit/max(1, len(s.rooms))
	var places []Place
	for _, r := range s.rooms {
		for i := range min(each, len(r.hits)) {
			places = append(places, Place{r.id, r.hits[len(r.hits)-1-i]})
		}
	}
	if len(places) == 0 {
		return nil
	}
	times, err := s.rows.Times(ctx, places)
	if err != nil {
		return err
	}
	for _, r := range s.rooms {
		n := min(each, len(r.hits))
		for i := range n {
			m := ports.FoundMessage{Room: r.id, Seq: places[i].Seq, At: times[i]}
			if m.At.IsZero() {
				continue // the message does not exist any more
			}
			r.upTo = m.At
			if s.mayBefore(m.Room, m.Seq, m.At) && !m.At.Before(s.query.From) {
				s.found = append(s.found, m)
			}
		}
		places, times, r.hits = places[n:], times[n:], r.hits[:len(r.hits)-n]
		if len(r.hits) == 0 && len(r.blocks) > 0 {
			r.upTo = r.blocks[len(r.blocks)-1].LastAt
		}
	}
	slices.SortFunc(s.found, newestFirst)
	s.found = s.found[:min(len(s.found), s.query.Limit)]
	return nil
}

// newestFirst compares messages by time, room and seq, each descending.
func newestFirst(a, b ports.FoundMessage) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Room, a.Room), cmp.Compare(b.Seq, a.Seq))
}
