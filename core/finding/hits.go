package finding

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// hits are messages of a block that match.
type hits struct {
	block *Block
	seqs  []chat.Seq // ascending; the last one comes next
	notes []moment   // when some of the block's messages were made
}

// hit is a message that matches. It was made between two times, which may be the same.
type hit struct {
	seq      chat.Seq
	from, to time.Time
}

func (h hit) dated() bool { return h.from.Equal(h.to) }

// at returns a hit with what is known of its time.
func (h *hits) at(i int) hit {
	is := hit{h.seqs[i], h.block.FirstAt, h.block.LastAt}
	n, exact := slices.BinarySearchFunc(h.notes, is.seq, moment.to)
	switch {
	case exact:
		is.from, is.to = h.notes[n].at, h.notes[n].at
		return is
	case n > 0:
		is.from = h.notes[n-1].at
	}
	if n < len(h.notes) {
		is.to = h.notes[n].at
	}
	return is
}

// newest iterates over the hits that are left in a room, the newest first.
func (r *room) newest() iter.Seq[hit] {
	return func(yield func(hit) bool) {
		for k := range r.hits {
			for i := range slices.Backward(r.hits[k].seqs) {
				h := r.hits[k].at(i)
				if !r.upTo.IsZero() && r.upTo.Before(h.to) {
					h.to = r.upTo
				}
				if !yield(h) {
					return
				}
			}
		}
	}
}

// pop removes the newest hit that is left in a room.
func (r *room) pop() {
	h := &r.hits[0]
	if h.seqs = h.seqs[:len(h.seqs)-1]; len(h.seqs) == 0 {
		r.hits = r.hits[1:]
	}
}

// least returns a time so that enough hits are known that were made then or later. It is zero if
// not enough hits are known.
func (s *search) least() time.Time {
	best := best{limit: s.query.Limit}
	for i := range s.found {
		best.add(s.found[i].At)
	}
	for _, r := range s.rooms {
		n := 0
		for h := range r.newest() {
			if n == s.query.Limit || h.to.Before(best.least()) {
				break
			}
			n++
			if s.mayBefore(r.id, h.seq, h.to) && !h.from.Before(s.query.From) {
				best.add(h.from)
			}
		}
	}
	return best.least()
}

// best are the latest of some times, at most limit.
type best struct {
	limit int
	times []time.Time // the latest first
}

func (b *best) add(t time.Time) {
	if t.Before(b.least()) {
		return
	}
	i, _ := slices.BinarySearchFunc(b.times, t, func(a, t time.Time) int { return t.Compare(a) })
	b.times = slices.Insert(b.times, i, t)
	b.times = b.times[:min(len(b.times), b.limit)]
}

// least is zero if there are fewer than limit.
func (b *best) least() time.Time {
	if len(b.times) < b.limit {
		return time.Time{}
	}
	return b.times[b.limit-1]
}

// datedAtOnce is how many times are read at once for each message that is wanted, at most.
const datedAtOnce = 4

// date finds out when those hits were made that may be among the newest, and keeps those that are.
// It reports whether there were such hits. If there are very many, it takes the newest of each
// room.
func (s *search) date(ctx context.Context, least time.Time) (some bool, err error) {
	limit := datedAtOnce * s.query.Limit
	due := s.due(least, math.MaxInt, limit)
	if len(due) > limit {
		due = s.due(least, 1+s.query.Limit<<min(s.datings, 20)/len(s.rooms), math.MaxInt)
	}
	s.datings++
	var places []Place
	for _, d := range due {
		if !d.dated() {
			places = append(places, Place{d.room.id, d.seq})
		}
	}
	var times []time.Time
	if len(places) > 0 {
		if times, err = s.rows.Times(ctx, places); err != nil {
			return false, err
		}
	}
	for _, d := range due {
		at := d.from
		if !d.dated() {
			at, times = times[0], times[1:]
		}
		if d.room.pop(); at.IsZero() {
			continue // the message does not exist any more
		}
		if d.room.upTo = at; s.mayBefore(d.room.id, d.seq, at) && !at.Before(s.query.From) {
			s.found = append(s.found, ports.FoundMessage{Room: d.room.id, Seq: d.seq, At: at})
		}
	}
	slices.SortFunc(s.found, newestFirst)
	s.found = s.found[:min(len(s.found), s.query.Limit)]
	return len(due) > 0, nil
}

// due is a hit that is to be dated.
type due struct {
	room *room
	hit
}

// due returns hits that may have been made at least or later: at most so many of each room, with
// the newest first. It may end once there are more than limit.
func (s *search) due(least time.Time, each, limit int) (all []due) {
	for _, r := range s.rooms {
		n := 0
		for h := range r.newest() {
			if n == each || h.to.Before(least) {
				break
			}
			n++
			all = append(all, due{r, h})
		}
		if len(all) > limit {
			break
		}
	}
	return all
}

// newestFirst compares messages by time, room and seq, each descending.
func newestFirst(a, b ports.FoundMessage) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Room, a.Room), cmp.Compare(b.Seq, a.Seq))
}
