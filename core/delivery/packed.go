package delivery

import (
	"sync/atomic"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// minPackedAnswer is the size of the smallest answer that is packed, in bytes: a page, as a rule.
// An answer is packed for one connection alone, so it must be worth it.
const minPackedAnswer = 1 << 10

// run returns the ring's next frames, as the connection takes them. The lock is held.
func (r *Reader) run(v *feed.View, after, upto chat.Seq, limit int) (frames []byte, last chat.Seq) {
	if r.packing == ports.Unpacked {
		return v.Run(after, upto, limit)
	}
	run := v.RunPacked(r.packing, &r.unpacked, after, upto, limit)
	r.shard.packed.add(run.Packed, run.Plain, run.Bytes)
	return run.Frames, run.Last
}

// pack packs the frame at the end of the outbox that begins at the index at. Since the client then
// unpacks something other than entries, a chain of entries does not continue after it. The lock is
// held.
func (r *Reader) pack(at int) {
	plain := r.outbox[at:]
	packed, ok := r.node.cfg.Packer.Alone(nil, plain)
	if !ok {
		return
	}
	r.node.cfg.Observer.Compressed(ports.Compression{What: ports.Answers, Messages: 1, Plain: len(plain), Packed: len(packed)})
	r.outbox = append(r.outbox[:at], packed...)
	r.unpacked = feed.Unpacked{}
}

// packedSum counts packed entries of a shard.
type packedSum struct{ entries, plain, bytes atomic.Int64 }

func (s *packedSum) add(entries, plain, bytes int) {
	if entries > 0 {
		s.entries.Add(int64(entries))
		s.plain.Add(int64(plain))
		s.bytes.Add(int64(bytes))
	}
}

// tell tells the observer what was counted since the last time.
func (s *packedSum) tell(o ports.DeliveryObserver) {
	if s.entries.Load() == 0 {
		return
	}
	o.Compressed(ports.Compression{
		What: ports.Entries, Messages: int(s.entries.Swap(0)), Plain: int(s.plain.Swap(0)), Packed: int(s.bytes.Swap(0)),
	})
}
