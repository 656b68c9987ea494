package feed

import (
	"sync"
	"sync/atomic"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Unpacked is what a connection has unpacked last: frames of one chunk, from first to last without
// a gap. The zero value stands for nothing.
type Unpacked struct {
	chunk       uint64
	first, last int32
}

// packs are the packed forms of a chunk's frames. Each is made for the first reader that takes it,
// and is the same for all others. Nothing of it changes once it is made.
type packs struct {
	id     uint64 // of no other chunk of this process
	packer ports.Packer
	total  *budget

	mu      sync.Mutex
	alone   form
	chains  form
	spent   int  // bytes of the budget
	dropped bool // the ring has dropped the chunk, and given back its part of the budget
}

// form is one form of the first frames of a chunk.
type form struct {
	buf    []byte
	frames []packedFrame
}

type packedFrame struct {
	end    uint32 // where the frame ends in the form's buf
	first  int32  // index of the first frame of its chain
	packed bool   // otherwise it is as it was
}

var lastPacks atomic.Uint64

func newPacks(packer ports.Packer, total *budget) *packs {
	if packer == nil {
		return nil
	}
	return &packs{id: lastPacks.Add(1), packer: packer, total: total}
}

// PackedRun is a result of View.RunPacked.
type PackedRun struct {
	Frames []byte // they must not be changed
	Last   chat.Seq
	Packed int // how many of them are packed: so many frames
	Bytes  int // bytes of the packed ones
	Plain  int // bytes of the same frames before they were packed
}

// RunPacked is like Run, for a connection that takes packed frames. maxBytes counts the frames
// before they are packed. at says what the connection has unpacked last, and is moved forward.
//
// A frame of a chain refers back to those before it. So a connection that lacks one of them gets
// unpacked frames, until the next chain begins.
func (v *View) RunPacked(packing ports.Packing, at *Unpacked, after, upto chat.Seq, maxBytes int) PackedRun {
	c, from, to := v.find(after, upto, maxBytes)
	plain := PackedRun{Frames: c.between(from, to), Last: c.first + chat.Seq(to)}
	if c.packs == nil || packing == ports.Unpacked {
		return plain
	}
	p := c.packs
	p.mu.Lock()
	defer p.mu.Unlock()
	if packing == ports.PackedAlone {
		if !p.packAlone(c, to) {
			return plain
		}
		return p.alone.run(c, from, to)
	}
	if !p.packChains(c, to) {
		return plain
	}
	first, last := int32(from), int32(to)
	began := p.chains.frames[from].first
	switch goesOn := at.chunk == p.id && at.last == first-1; {
	case goesOn && at.first <= began:
		at.last = last
	case began == first:
		*at = Unpacked{chunk: p.id, first: first, last: last}
	default:
		for next := from + 1; next <= to; next++ {
			if p.chains.frames[next].first == int32(next) {
				to = next - 1
				break
			}
		}
		return PackedRun{Frames: c.between(from, to), Last: c.first + chat.Seq(to)}
	}
	return p.chains.run(c, from, to)
}

// packAlone packs each frame up to the index to by itself. It reports false if the budget is spent.
func (p *packs) packAlone(c *chunk, to int) bool {
	f := &p.alone
	for i := len(f.frames); i <= to; i++ {
		if !p.affords() {
			return false
		}
		var packed bool
		f.buf, packed = p.packer.Alone(f.buf, c.between(i, i))
		f.frames = append(f.frames, packedFrame{uint32(len(f.buf)), int32(i), packed})
		p.spend()
	}
	return true
}

// packChains is like packAlone, but packs the frames in chains. A chain ends before it gets too
// large, and after a frame that cannot be packed.
func (p *packs) packChains(c *chunk, to int) bool {
	f := &p.chains
	for i := len(f.frames); i <= to; i++ {
		if !p.affords() {
			return false
		}
		first := i
		if i > 0 && f.frames[i-1].packed && len(c.between(int(f.frames[i-1].first), i)) <= p.packer.ChainBytes() {
			first = int(f.frames[i-1].first)
		}
		var packed bool
		f.buf, packed = p.packer.Chained(f.buf, c.between(first, i-1), c.between(i, i))
		f.frames = append(f.frames, packedFrame{uint32(len(f.buf)), int32(first), packed})
		p.spend()
	}
	return true
}

// run returns the frames of a form.
func (f *form) run(c *chunk, from, to int) PackedRun {
	start := uint32(0)
	if from > 0 {
		start = f.frames[from-1].end
	}
	until := f.frames[to].end
	r := PackedRun{Frames: f.buf[start:until:until], Last: c.first + chat.Seq(to)}
	for i := from; i <= to; i++ {
		frame := &f.frames[i]
		if frame.packed {
			r.Packed++
			r.Bytes += int(frame.end - start)
			r.Plain += len(c.between(i, i))
		}
		start = frame.end
	}
	return r
}

// affords reports whether the budget of all rings has room for packed forms. A quarter of the
// budget is kept for unpacked frames: without those, readers need the log.
func (p *packs) affords() bool { return p.total.used.Load() < p.total.max/4*3 }

// spend counts the memory of the forms. p.mu is held.
func (p *packs) spend() {
	if p.dropped {
		return
	}
	now := cap(p.alone.buf) + cap(p.chains.buf)
	p.total.used.Add(int64(now - p.spent))
	p.spent = now
}

// drop gives back the chunk's part of the budget.
func (p *packs) drop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total.used.Add(int64(-p.spent))
	p.spent, p.dropped = 0, true
}
