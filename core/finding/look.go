package finding

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/parley-chat/parley/core/chat"
)

// maxUnits is how many blocks are looked at together.
const maxUnits = 2000

// unit is a block that is being looked at, with the hits that were found so far.
type unit struct {
	room *room
	hits
}

// look finds the hits of units. Those of one room come with the newest first.
func (s *search) look(ctx context.Context, units []*unit) error {
	units, err := s.sift(ctx, units)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(units, maxUnits) {
		if err := s.match(ctx, some); err != nil {
			return err
		}
	}
	for _, u := range units {
		if len(u.seqs) > 0 {
			u.room.hits = append(u.room.hits, u.hits)
		}
	}
	return nil
}

// sift reads the filters that are not known yet, and removes the blocks that lack a token.
func (s *search) sift(ctx context.Context, units []*unit) ([]*unit, error) {
	if !s.whole() {
		return units, nil
	}
	var unknown []*unit
	for _, u := range units {
		if u.block.Apart {
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
				u.seqs = has
			} else {
				u.seqs = common(u.seqs, has, true)
			}
		}); err != nil {
			return err
		}
		units = slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return len(u.seqs) == 0 })
	}
	for _, t := range s.none {
		if err := s.each(ctx, units, t, func(u *unit, has []chat.Seq) { u.seqs = common(u.seqs, has, false) }); err != nil {
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
	lists := make([][]chat.Seq, len(units))
	if err := s.rows.Pieces(ctx, places(units), t.token, t.to(), func(i int, data []byte) (err error) {
		lists[i], err = Piece{Data: data}.has(units[i].block.First, t, lists[i])
		return err
	}); err != nil {
		return err
	}
	for i, u := range units {
		if t.prefix {
			slices.Sort(lists[i])
			lists[i] = slices.Compact(lists[i])
		}
		tell(u, lists[i])
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
// times. Where the notes of a block leave it open, the more exact ones of its last piece are read.
func (s *search) bound(ctx context.Context, units []*unit) error {
	var open []*unit
	for _, u := range units {
		if len(u.seqs) == 0 {
			continue
		}
		var err error
		if u.notes, err = moments(u.block.Noted); err != nil {
			return err
		}
		if s.cut(u) {
			open = append(open, u)
		}
	}
	if len(open) == 0 {
		return nil
	}
	read := 0
	if err := s.rows.Pieces(ctx, places(open), lastKey, nil, func(i int, data []byte) (err error) {
		read++
		open[i].notes, err = moments(data)
		return err
	}); err != nil {
		return err
	}
	if read != len(open) {
		return errDamaged
	}
	for _, u := range open {
		s.cut(u)
	}
	return nil
}

// cut removes hits of a unit that are too new or too old, and reports whether others may be.
func (s *search) cut(u *unit) (open bool) {
	if b := s.query.Before; b != nil && b.Room == u.room.id {
		to, _ := slices.BinarySearch(u.seqs, b.Seq)
		u.seqs = u.seqs[:to]
	}
	// Messages at the same moment as one that is too new, or after it, are too new as well.
	u.seqs = u.seqs[:sort.Search(len(u.seqs), func(i int) bool { return !s.mayBefore(u.room.id, 0, u.at(i).from) })]
	u.seqs = u.seqs[sort.Search(len(u.seqs), func(i int) bool { return !u.at(i).to.Before(s.query.From) }):]
	if len(u.seqs) == 0 {
		return false
	}
	return !s.mayBefore(u.room.id, 0, u.at(len(u.seqs)-1).to) || u.at(0).from.Before(s.query.From)
}
