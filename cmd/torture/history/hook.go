package history

import (
	"path"
	"slices"
	"strings"
	"time"
)

// hook is a webhook: what it asked for, what it was told, and how it answered.
type hook struct {
	name         string
	made, ended  bool
	rooms, types []string
	requests     []*Record          // Told and Answered
	first        map[string]*Record // the first Told of each webhook-id
	behind       int
}

func (c *checker) hook(name string) *hook {
	h := c.hooks[name]
	if h == nil {
		h = &hook{name: name, first: map[string]*Record{}}
		c.hooks[name] = h
	}
	return h
}

func (h *hook) take(c *checker, r *Record) {
	switch r.Kind {
	case Hooked:
		c.Hooks++
		h.made, h.rooms, h.types = true, r.Rooms, r.Types
	case Told:
		c.Told++
		h.requests = append(h.requests, r)
		h.told(c, r)
	case Answered:
		h.requests = append(h.requests, r)
	case Behind:
		h.ended, h.behind = true, r.Count
	}
}

// told checks a request by itself, and against others with its webhook-id.
func (h *hook) told(c *checker, r *Record) {
	if !r.Signed {
		c.breaks(HookSigned, r.Room, "%s was told %s, which its secret did not sign", h.name, r.ID)
	}
	before := h.first[r.ID]
	if before == nil {
		h.first[r.ID] = r
		return
	}
	if before.Hash != r.Hash {
		c.breaks(HookBytes, r.Room, "%s was told %s twice, with other bytes", h.name, r.ID)
	}
}

// judge compares what a hook was told with the logs.
func (h *hook) judge(c *checker) {
	if !h.made || !h.ended {
		c.breaks(Vacuous, "", "it is not known what %s asked for, or how far it is behind at the end", h.name)
		return
	}
	followers := map[string]*follower{}
	for name, rm := range c.rooms {
		if rm.final && h.follows(name) {
			followers[name] = h.follower(rm)
		}
	}
	for _, r := range h.requests {
		f := followers[r.Room]
		switch {
		case f == nil && !h.follows(r.Room):
			c.breaks(HookBatch, r.Room, "%s was told of a room that it does not follow", h.name)
		case f == nil: // that its log was not read is reported already
		case r.Kind == Told:
			f.told(c, r)
		default:
			f.answered(r)
		}
	}
	for _, f := range followers {
		f.end(c)
	}
	if h.behind != 0 {
		c.breaks(HookEnd, "", "the service says that %s is %d entries behind", h.name, h.behind)
	}
}

func (h *hook) follows(room string) bool {
	return slices.ContainsFunc(h.rooms, func(pattern string) bool {
		fits, err := path.Match(pattern, room) // rooms of a run have no slash in their names
		return err == nil && fits
	})
}

// follower is a hook in one room. Batches follow one another there. The newest one comes again
// until it is taken. The next one begins where the answer says.
type follower struct {
	*hook
	room   *room
	due    []int64 // the entries that the hook takes
	newest bounds
	taken  []int64 // how far it got, by each answer to the newest batch that takes any of it
	before map[bounds]bool
	stale  bool // an older batch came after the newest one
}

type bounds struct{ first, last int64 }

func (h *hook) follower(rm *room) *follower {
	f := &follower{hook: h, room: rm, taken: []int64{0}, before: map[bounds]bool{}}
	for _, e := range rm.stored {
		if len(h.types) == 0 || slices.Contains(h.types, e.Entry) {
			f.due = append(f.due, e.Seq)
		}
	}
	return f
}

// next returns the first entry after seq that the hook takes, or 0.
func (f *follower) next(seq int64) int64 {
	i, _ := slices.BinarySearch(f.due, seq+1)
	if i == len(f.due) {
		return 0
	}
	return f.due[i]
}

// reached returns how far the hook got, by its answers.
func (f *follower) reached() int64 {
	return slices.Max(append([]int64{f.newest.first - 1}, f.taken...))
}

func (f *follower) told(c *checker, r *Record) {
	f.holds(c, r)
	is := bounds{r.First, r.Last}
	switch {
	case is == f.newest:
		c.Again++
	case f.before[is]:
		c.Again++
		f.late(c, r)
	default:
		f.goesOn(c, is)
		f.newest, f.taken, f.stale = is, nil, false
		f.before[is] = true
	}
}

// troubled is how long after the start of a fault a request may still come that was made before the
// fault.
const troubled = time.Minute

// late judges a batch that comes again although a later one has come. A node may send such a batch
// if it was paused, or cut off from the store, while another node took over. It cannot send its
// next batch any more.
func (f *follower) late(c *checker, r *Record) {
	recent := func(at time.Duration) bool { return at <= r.At && r.At-at <= troubled }
	if f.stale || !slices.ContainsFunc(c.struck, recent) {
		c.breaks(HookBounds, f.room.name, "%s was told %d–%d again after %d–%d", f.name, r.First, r.Last, f.newest.first, f.newest.last)
	}
	f.stale = true
}

// goesOn judges the bounds of a batch that has not come before.
func (f *follower) goesOn(c *checker, is bounds) {
	for _, seq := range f.taken {
		if is.first == f.next(seq) {
			return
		}
	}
	reached := f.reached()
	rule := HookBounds
	if is.first > f.next(reached) {
		rule = HookOrder
	}
	c.breaks(rule, f.room.name, "%s was told %d–%d after %d–%d, of which up to %d was taken, so that %d was due",
		f.name, is.first, is.last, f.newest.first, f.newest.last, reached, f.next(reached))
}

// holds checks the entries of a batch.
func (f *follower) holds(c *checker, r *Record) {
	from, _ := slices.BinarySearch(f.due, r.First)
	to, _ := slices.BinarySearch(f.due, r.Last+1)
	want := f.due[from:max(from, to)]
	has := make([]int64, len(r.Entries))
	for i := range r.Entries {
		has[i] = r.Entries[i].Seq
	}
	if len(want) == 0 || r.First != want[0] || r.Last > f.room.head || !slices.Equal(has, want) {
		c.breaks(HookBatch, f.room.name, "%s was told %d–%d of %d with the entries %v, and takes %v", f.name, r.First, r.Last, f.room.head, has, want)
		return
	}
	for i := range r.Entries {
		e := r.Entries[i]
		e.Client = f.name
		c.compare(f.room, &e)
		target := e.Seq
		if e.Entry == "edited" {
			target = e.Target
		}
		if gone, deleted := f.room.gone[target]; deleted && e.Body != "" && r.At-gone > troubled {
			c.breaks(HookForgets, f.room.name, "%s was told a text of %d, %v after that was deleted", f.name, target, r.At-gone)
		}
	}
}

// answered takes an answer: if it takes any of the newest batch, the next one may follow.
func (f *follower) answered(r *Record) {
	told := f.first[r.ID]
	if told == nil || !strings.HasPrefix(r.Code, "2") || (bounds{told.First, told.Last}) != f.newest {
		return
	}
	seq := told.Last
	if r.Ack != 0 {
		seq = min(r.Ack, told.Last)
	}
	if seq >= told.First && !slices.Contains(f.taken, seq) {
		f.taken = append(f.taken, seq)
	}
}

// end checks that nothing is left.
func (f *follower) end(c *checker) {
	if next := f.next(f.reached()); next != 0 {
		i, _ := slices.BinarySearch(f.due, next)
		c.breaks(HookEnd, f.room.name, "%s has not taken %d, nor the %d entries behind it", f.name, next, len(f.due)-i-1)
	}
}
