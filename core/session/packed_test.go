package session_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// linePacker packs frames into lines that say which frames must come before. All of the kit's nodes
// have one, and their clients take packed frames in all ways.
type linePacker struct{ counts *packCounts }

// packCounts counts how often each frame was packed.
type packCounts struct {
	mu            sync.Mutex
	alone, chains map[string]int
}

const (
	chainBytes = 1500    // some entries of the kit
	packedPipe = 8 << 10 // a pipe that is large enough for each packed frame
)

func (p linePacker) count(into func(*packCounts) map[string]int, frame []byte) {
	if p.counts != nil {
		p.counts.mu.Lock()
		defer p.counts.mu.Unlock()
		into(p.counts)[string(frame)]++
	}
}

func (p linePacker) Alone(dst, frame []byte) ([]byte, bool) {
	p.count(func(c *packCounts) map[string]int { return c.alone }, frame)
	if len(frame) < 150 {
		return append(dst, frame...), false
	}
	return appendLine(dst, line{Kind: "packed", Text: string(frame)}), true
}

func (p linePacker) Chained(dst, before, frame []byte) ([]byte, bool) {
	p.count(func(c *packCounts) map[string]int { return c.chains }, frame)
	return appendLine(dst, line{Kind: "packed", What: string(before), Text: string(frame)}), true
}

func (linePacker) ChainBytes() int { return chainBytes }

// unpack reads a packed line, like an inflater: it knows what it has unpacked last.
func (p *pipe) unpack(l line) line {
	if !strings.HasSuffix(p.unpacked, l.What) {
		panic(fmt.Sprintf("a frame refers back to %q, which was not unpacked right before it", l.What))
	}
	if len(l.What)+len(l.Text) > chainBytes && l.What != "" {
		panic("a chain is too large")
	}
	p.unpacked += l.Text
	p.unpacked = p.unpacked[max(0, len(p.unpacked)-2*chainBytes):]
	p.packed++
	return readLine([]byte(strings.TrimSuffix(l.Text, "\n")))
}

var ways = []ports.Packing{ports.PackedChained, ports.PackedAlone, ports.Unpacked, ports.PackedChained}

// packing is how the next client takes frames: each in another way.
func (w *world) packing() ports.Packing {
	w.opened++
	return ways[w.opened%len(ways)]
}

// takes opens a session that takes frames in one way.
func (w *world) takes(user string, packing ports.Packing) *client {
	for ways[(w.opened+1)%len(ways)] != packing {
		w.opened++
	}
	return w.connects(user)
}

// packedWorld has a node that counts what it packs.
func packedWorld(t *testing.T) (*world, *packCounts) {
	counts := &packCounts{alone: map[string]int{}, chains: map[string]int{}}
	return newWorld(t, 1, func(c *session.Config, _ *messaging.Config) { c.Packer = linePacker{counts} }), counts
}

func TestEachEntryIsPackedOnceForAllReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, counts := packedWorld(t)
		var readers []*client
		for i := range 60 {
			readers = append(readers, w.takes(fmt.Sprint("reader", i), ways[i%3]))
		}
		for _, c := range readers {
			c.joins("tea")
		}
		const messages = 40
		body := strings.Repeat("x", 100)
		for range messages {
			readers[0].sends("tea", body)
		}
		for _, c := range readers {
			for range messages {
				c.sees(body)
			}
		}
		counts.mu.Lock()
		defer counts.mu.Unlock()
		if len(counts.alone) != messages || len(counts.chains) != messages {
			t.Errorf("%d entries were packed alone and %d in chains, of %d", len(counts.alone), len(counts.chains), messages)
		}
		for name, of := range map[string]map[string]int{"alone": counts.alone, "in chains": counts.chains} {
			for frame, n := range of {
				if n != 1 {
					t.Errorf("%s, a frame was packed %d times: %s", name, n, frame)
				}
			}
		}
		for i, c := range readers {
			if got, want := c.pipe.packed, map[ports.Packing]int{ports.PackedAlone: messages, ports.PackedChained: messages}[ways[i%3]]; got != want {
				t.Errorf("a reader of the way %d got %d packed frames, want %d", ways[i%3], got, want)
			}
		}
	})
}

func TestNothingIsPackedForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, counts := packedWorld(t)
		alice := w.takes("alice", ports.Unpacked)
		alice.joins("tea")
		alice.sends("tea", strings.Repeat("x", 500))
		alice.sees(strings.Repeat("x", 500))
		alice.gets(ports.History{Room: "tea", Limit: 50}, nil)
		synctest.Wait()
		if n := len(counts.alone) + len(counts.chains); n > 0 {
			t.Errorf("%d frames were packed", n)
		}
	})
}

// A reader that comes into the middle of a chain gets frames as they are until the next one begins.
func TestAChainIsJoinedAtItsBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := packedWorld(t)
		alice := w.takes("alice", ports.PackedChained)
		alice.joins("tea")
		says := func(n int, to ...*client) {
			for i := range n {
				alice.sends("tea", fmt.Sprint("message ", i))
				for _, c := range to {
					c.sees(fmt.Sprint("message ", i))
				}
			}
		}
		says(3, alice)
		bob := w.takes("bob", ports.PackedChained)
		bob.joins("tea", 3)
		says(2, alice, bob)
		if bob.pipe.packed != 0 {
			t.Errorf("bob got %d packed frames in the middle of a chain", bob.pipe.packed)
		}
		says(40, alice, bob)
		if bob.pipe.packed < 25 || alice.pipe.packed != 45 {
			t.Errorf("bob got %d packed frames, and alice %d of 45", bob.pipe.packed, alice.pipe.packed)
		}
	})
}

// What a client unpacks in between, of another room or in an answer, ends a chain for it.
func TestChainsOfTwoRoomsAndAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := packedWorld(t)
		alice := w.takes("alice", ports.PackedChained)
		alice.joins("tea")
		alice.joins("coffee")
		for i := range 100 {
			room := chat.RoomID("tea")
			if i%9 == 8 {
				room = "coffee"
			}
			alice.sends(room, fmt.Sprint(room, i))
			alice.sees(fmt.Sprint(room, i))
			if i%31 == 30 {
				alice.gets(ports.History{Room: "tea", Limit: 50}, nil)
			}
			time.Sleep(time.Millisecond)
		}
		if alice.pipe.packed < 30 {
			t.Errorf("%d frames were packed, of 103", alice.pipe.packed)
		}
	})
}

// An entry that was deleted is in the ring's chains no more than in the ring.
func TestChainsDoNotHaveWhatWasDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := packedWorld(t)
		alice := w.takes("alice", ports.PackedChained)
		alice.joins("tea")
		alice.sends("tea", "one")
		secret := alice.sends("tea", "secret").Seq
		alice.sends("tea", "three")
		alice.sees("one", "secret", "three")
		alice.gets(ports.Delete{Room: "tea", Seq: secret}, nil)
		for range 3 {
			alice.sends("tea", "more")
		}
		for _, packing := range ways {
			late := w.takes("late", packing)
			late.joins("tea", 1)
			for range 6 {
				if e := late.hears("entry").Entry; e.Body == "secret" {
					t.Errorf("a late reader got what was deleted: %+v", e)
				}
			}
			late.pipe.mu.Lock()
			if strings.Contains(late.pipe.unpacked, "secret") || bytes.Contains(late.pipe.buf, []byte("secret")) {
				t.Error("a late reader got a frame that has what was deleted")
			}
			late.pipe.mu.Unlock()
		}
	})
}

// ringTold notes the most bytes of rings.
type ringTold struct {
	ports.Unobserved
	most atomic.Int64
}

func (o *ringTold) Feeds(_ int, bytes int64) { o.most.Store(max(o.most.Load(), bytes)) }

// The memory of packed frames counts in the bound of all rings. Beyond it frames go as they are.
func TestPackedFramesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bound = 64 << 10
		var told ringTold
		w := newWorld(t, 1, func(c *session.Config, _ *messaging.Config) { c.RingBytesTotal, c.Observer = bound, &told })
		alice, bob := w.takes("alice", ports.PackedChained), w.takes("bob", ports.PackedAlone)
		alice.joins("tea")
		bob.joins("tea")
		body := strings.Repeat("x", 300)
		for range 400 {
			alice.sends("tea", body)
			alice.sees(body)
			bob.sees(body)
			time.Sleep(100 * time.Millisecond)
		}
		if most := told.most.Load(); most > bound+8<<10 || most < bound/2 {
			t.Errorf("up to %d bytes were used, want at most about %d", most, bound)
		}
		if alice.pipe.packed == 0 || bob.pipe.packed == 0 {
			t.Error("nothing was packed")
		}
	})
}
