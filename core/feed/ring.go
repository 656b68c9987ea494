package feed

import (
	"hash/maphash"
	"math/bits"
	"sort"
	"sync/atomic"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	minChunk = 4 << 10
	maxChunk = 64 << 10
)

// View is a feed at one moment: its head, and the encoded frames of the entries Floor+1 … Head, one
// after the other. It never changes, so a reader takes it once and needs no lock.
type View struct {
	Head  chat.Seq
	Floor chat.Seq
	// Primed is the last entry that was read from the log. Authors may not have the answers for
	// entries up to this one yet.
	Primed chat.Seq

	life   int     // how often the feed has begun anew
	chunks []chunk // ascending; entries at the front that are not above Floor are outdated
}

// chunk is a run of frames. It is written only after the part that views show.
type chunk struct {
	first chat.Seq
	buf   []byte
	ends  []end  // ends[i] is of the frame of first+i
	packs *packs // nil: nobody takes packed frames
}

// end is where an entry's frame ends, and the entry's print.
type end struct {
	at    uint32
	print uint32
}

// prints is the seed of all prints, a new one in each process.
var prints = maphash.MakeSeed()

// printOf returns a hash that identifies an entry at its place, in whatever form it is. Two
// different entries hardly ever have the same print.
func printOf(e *chat.Entry) uint32 {
	h := maphash.String(prints, string(e.Author.ID))
	h = bits.RotateLeft64(h, 17) ^ maphash.String(prints, string(e.Key))
	h ^= uint64(e.At.UnixMicro()) * 0x9e3779b97f4a7c15 // stores keep microseconds
	return uint32(h ^ h>>32)
}

// Run returns frames of the entries after after, up to upto: as many as lie in one chunk and fit
// into maxBytes, but at least one. last is the seq of the last of them. The frames must not be
// changed. Floor <= after < upto <= Head must hold.
func (v *View) Run(after, upto chat.Seq, maxBytes int) (frames []byte, last chat.Seq) {
	c, from, to := v.find(after, upto, maxBytes)
	return c.between(from, to), c.first + chat.Seq(to)
}

// find returns the chunk of what Run returns, and the indexes of the first and the last frame.
func (v *View) find(after, upto chat.Seq, maxBytes int) (c *chunk, from, to int) {
	i := len(v.chunks) - 1
	for v.chunks[i].first > after+1 {
		i--
	}
	c = &v.chunks[i]
	from = int(after + 1 - c.first)
	to = min(len(c.ends)-1, int(upto-c.first))
	if len(c.between(from, to)) > maxBytes {
		fit := sort.Search(to-from, func(n int) bool { return len(c.between(from, from+n)) > maxBytes })
		to = from + max(fit-1, 0)
	}
	return c, from, to
}

// between returns the frames of the indexes from to to; none if from is greater.
func (c *chunk) between(from, to int) []byte {
	start := uint32(0)
	if from > 0 {
		start = c.ends[from-1].at
	}
	until := start
	if to >= from {
		until = c.ends[to].at
	}
	return c.buf[start:until:until]
}

// ring is what a feed's views are made from, and the only part of them that changes. It has the
// newest entries in their first form, in chunks. Its bytes are bounded.
type ring struct {
	now    View
	bytes  int // of all chunks, as allocated
	bound  int
	total  *budget
	packer ports.Packer // nil: frames are not packed
	// Message → the last entry in the ring that may have its text: an edit, or an unknown.
	edited map[chat.Seq]chat.Seq
	sets   map[setSlot]chat.Seq // slot → the last entry in the ring that sets it to a value
	last   newest               // the entry at the head
}

// setSlot is a slot on a message, or on the room (0), with its type.
type setSlot struct {
	target chat.Seq
	of     chat.SetType
	slot   string
}

// newest is what is known of the entry at a feed's head. If the log has the same entry there, it
// has the same ones before it.
type newest struct {
	known bool
	print uint32
	at    int64 // its time, Unix microseconds
}

func newestOf(e *chat.Entry) newest { return newest{true, printOf(e), e.At.UnixMicro()} }

// budget bounds the bytes of all rings together.
type budget struct {
	used atomic.Int64
	max  int64
}

// add extends the ring by the frame of head+1.
func (r *ring) add(e *chat.Entry, frame []byte) {
	r.now.Head++
	r.last = newestOf(e)
	last := len(r.now.chunks) - 1
	if last < 0 || cap(r.now.chunks[last].buf)-len(r.now.chunks[last].buf) < len(frame) {
		if !r.grow(len(frame)) {
			r.empty()
			return
		}
		last = len(r.now.chunks) - 1
	}
	c := &r.now.chunks[last]
	c.buf = append(c.buf, frame...)
	c.ends = append(c.ends, end{uint32(len(c.buf)), r.last.print})
}

// grow adds an empty chunk with room for size bytes, and drops old ones for it. It fails when the
// budget of all rings is spent.
func (r *ring) grow(size int) bool {
	want := minChunk
	if n := len(r.now.chunks); n > 0 {
		want = min(2*cap(r.now.chunks[n-1].buf), maxChunk)
	}
	want = max(want, size)
	drop := 0
	for drop < len(r.now.chunks) && r.bytes+want > r.bound {
		r.spend(-cap(r.now.chunks[drop].buf))
		r.now.chunks[drop].packs.drop()
		drop++
	}
	// Views share the old slice, so it must not change.
	chunks := make([]chunk, 0, len(r.now.chunks)-drop+1)
	chunks = append(chunks, r.now.chunks[drop:]...)
	if r.total.used.Load()+int64(want) > r.total.max {
		return false
	}
	r.spend(want)
	r.now.chunks = append(chunks, chunk{first: r.now.Head, buf: make([]byte, 0, want), ends: make([]end, 0, 16), packs: newPacks(r.packer, r.total)})
	r.raise(r.now.chunks[0].first - 1)
	return true
}

func (r *ring) spend(bytes int) {
	r.bytes += bytes
	r.total.used.Add(int64(bytes))
}

// restart empties the ring and sets its head. Nothing is known of the entry there.
func (r *ring) restart(head chat.Seq) {
	r.now.Head, r.last = head, newest{}
	r.empty()
}

// empty removes all entries from the ring.
func (r *ring) empty() {
	r.spend(-r.bytes)
	for i := range r.now.chunks {
		r.now.chunks[i].packs.drop()
	}
	r.now = View{Head: r.now.Head, Floor: r.now.Head, life: r.now.life}
	r.edited, r.sets = nil, nil
}

// printAt returns the print of the entry seq, which is at most the head, if the ring knows it.
func (r *ring) printAt(seq chat.Seq) (of uint32, known bool) {
	if seq <= r.now.Floor {
		return r.last.print, r.last.known && seq == r.now.Head
	}
	i := len(r.now.chunks) - 1
	for r.now.chunks[i].first > seq {
		i--
	}
	return r.now.chunks[i].ends[seq-r.now.chunks[i].first].print, true
}

// doubts reports whether an entry that comes again, at the head or before it, differs from the
// feed's entry in that place. If it does, the log has changed, or the entry belongs to another log.
func (r *ring) doubts(e *chat.Entry) bool {
	if has, known := r.printAt(e.Seq); known {
		return has != printOf(e)
	}
	return r.last.known && e.At.UnixMicro() > r.last.at // times do not go back in a room
}

// raise removes the entries up to seq from the ring.
func (r *ring) raise(seq chat.Seq) {
	r.now.Floor = max(r.now.Floor, min(seq, r.now.Head))
	for target, edit := range r.edited {
		if edit <= r.now.Floor {
			delete(r.edited, target)
		}
	}
	for is, set := range r.sets {
		if set <= r.now.Floor {
			delete(r.sets, is)
		}
	}
}

// prime puts entries of the log below those of the ring. The last of them is at its floor. It fails
// where there is no room for them.
func (r *ring) prime(entries []chat.Entry, enc ports.Encoder) bool {
	if len(r.now.chunks) > 0 && r.now.chunks[0].first != r.now.Floor+1 {
		return false // the ring begins with frames that are outdated
	}
	c := chunk{first: entries[0].Seq, ends: make([]end, 0, len(entries)), packs: newPacks(r.packer, r.total)}
	for i := range entries {
		c.buf = enc.Entry(c.buf, &entries[i])
		c.ends = append(c.ends, end{uint32(len(c.buf)), printOf(&entries[i])})
	}
	size := cap(c.buf)
	if r.bytes+size > r.bound || r.total.used.Load()+int64(size) > r.total.max {
		return false
	}
	r.spend(size)
	for i := range entries {
		if target := chat.Target(entries[i].Fact); tells(entries[i].Fact) && r.edited[target] < entries[i].Seq {
			r.setEdited(target, entries[i].Seq)
		}
		if f, ok := entries[i].Fact.(chat.Set); ok {
			r.noteSet(f, entries[i].Seq)
		}
	}
	r.now.Primed = max(r.now.Primed, r.now.Floor)
	if r.now.Floor == r.now.Head {
		r.last = newestOf(&entries[len(entries)-1])
	}
	r.now.Floor = c.first - 1
	r.now.chunks = append([]chunk{c}, r.now.chunks...)
	return true
}

func (r *ring) setEdited(target, edit chat.Seq) {
	if r.edited == nil {
		r.edited = map[chat.Seq]chat.Seq{}
	}
	r.edited[target] = edit
}

// noteSet notes that the entry seq in the ring has the value of a slot.
func (r *ring) noteSet(f chat.Set, seq chat.Seq) {
	is := setSlot{f.Target, f.Type, f.Slot}
	if f.Data == nil || r.sets[is] >= seq {
		return
	}
	if r.sets == nil {
		r.sets = map[setSlot]chat.Seq{}
	}
	r.sets[is] = seq
}

// setAnew removes from the ring the entry that had the slot's value until the entry seq.
func (r *ring) setAnew(seq chat.Seq, f chat.Set) {
	if set, ok := r.sets[setSlot{f.Target, f.Type, f.Slot}]; ok {
		r.raise(set)
	}
	r.noteSet(f, seq)
}

// unset removes from the ring the entries that have values of slots on a message.
func (r *ring) unset(target chat.Seq) {
	for is, set := range r.sets {
		if is.target == target {
			r.raise(set)
		}
	}
}

// changed removes from the ring what becomes outdated by the new entry seq. That is the message
// that its fact changes, an earlier edit of that message, or the entry that had the slot's value
// until now. Nobody may get these any more.
func (r *ring) changed(seq chat.Seq, fact chat.Fact) {
	target := chat.Target(fact)
	if target > 0 {
		r.raise(min(target, seq-1))
	}
	switch f := fact.(type) {
	case chat.Reacted:
		return
	case chat.Set:
		r.setAnew(seq, f)
		return
	case chat.Deleted:
		r.unset(target)
	}
	if target == 0 {
		return
	}
	if edit, ok := r.edited[target]; ok {
		r.raise(edit)
	}
	if tells(fact) {
		r.setEdited(target, seq)
	}
}

// tells reports whether a fact may have text of the message that it changes. Nobody may get it once
// the message is deleted.
func tells(fact chat.Fact) bool {
	switch f := fact.(type) {
	case chat.Edited:
		return true
	case chat.Unknown:
		return f.Target > 0
	}
	return false
}

// snapshot returns the ring as it is now. Its chunk headers are copies, as the newest one's changes
// with the next entry.
func (r *ring) snapshot() *View {
	v := r.now
	v.chunks = append(make([]chunk, 0, len(v.chunks)), v.chunks...)
	return &v
}
