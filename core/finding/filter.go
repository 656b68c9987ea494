package finding

import (
	"sync"

	"github.com/parley-chat/parley/core/chat"
)

// Filter tells of most tokens that a block does not have them: a Bloom filter (1970) of a byte for
// each of its tokens. It takes one token in 46 for one that the block has. A node of another
// release reads it, so how it is made never changes. Nil: nothing is known.
type Filter []byte

// probes is how many bits each token sets.
const probes = 5

func filterOf(all []posting) Filter {
	f := make(Filter, len(all))
	for _, p := range all {
		for bit := range f.bits(hashOf(p.token)) {
			f[bit/8] |= 1 << (bit % 8)
		}
	}
	return f
}

// mayHave reports false only if a token with this hash is not there.
func (f Filter) mayHave(hash uint64) bool {
	if len(f) == 0 {
		return true
	}
	for bit := range f.bits(hash) {
		if f[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// bits are those of a token, by two hashes (Kirsch and Mitzenmacher, 2006).
func (f Filter) bits(hash uint64) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		at, step := uint32(hash>>32), uint32(hash)|1
		for range probes {
			if !yield(int(uint64(at) * uint64(8*len(f)) >> 32)) {
				return
			}
			at += step
		}
	}
}

// hashOf is FNV-1a with the last step of MurmurHash3, so that all bits depend on all of a token.
func hashOf[T string | []byte](token T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(token) {
		h = (h ^ uint64(token[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// filterBytes is how much Filters keeps, and filterHead what one takes beside its bits, about.
const (
	filterBytes = 32 << 20
	filterHead  = 150
)

// Filters keeps filters that were read and are rows of their own: those used last, 32 MB at most,
// enough for 8 million messages. A block never changes, and so neither does its filter. The zero
// value is ready; several may use it at a time.
type Filters struct {
	mu         sync.Mutex
	young, old map[filterKey]Filter // what is used comes from the old ones to the young ones
	bytes      int                  // of the young ones
}

// filterKey names a block, also where a node of another release made one with the same id.
type filterKey struct {
	room chat.RoomID
	id   int64
	last chat.Seq
	size int
}

func (b *Block) filterKey(room chat.RoomID) filterKey { return filterKey{room, b.ID, b.Last, b.Size} }

// get returns a filter, if it is there.
func (c *Filters) get(key filterKey) Filter {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.young[key]
	if !ok {
		if f, ok = c.old[key]; ok {
			c.keep(key, f)
		}
	}
	return f
}

func (c *Filters) put(key filterKey, f Filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(key, f)
}

// keep keeps a filter. If there are many young ones they become the old ones, which are forgotten.
func (c *Filters) keep(key filterKey, f Filter) {
	if c.young == nil || c.bytes > filterBytes/2 {
		c.young, c.old, c.bytes = map[filterKey]Filter{}, c.young, 0
	}
	if _, ok := c.young[key]; !ok {
		c.bytes += len(f) + filterHead
	}
	c.young[key] = f
}
