package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// TestEveryReaderSeesEveryEntryOnceInOrder tries to break I2, I3, I4 and I6 by random joins, sends,
// changes, disconnects, slow readers and node changes, over a bus that loses, doubles and reorders.
func TestEveryReaderSeesEveryEntryOnceInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(rapid.Custom(drawStep), 10, 120).Draw(rt, "plan")
		var failed error
		synctest.Test(t, func(t *testing.T) { failed = play(t, plan) })
		if failed != nil {
			rt.Fatal(failed)
		}
	})
}

const (
	readers = 4
	nodes   = 2
)

var someRooms = []chat.RoomID{"tea", "den"}

// step is one thing that happens.
type step struct {
	Act    string
	Reader int
	Room   int
	N      int
}

func drawStep(t *rapid.T) step {
	acts := []string{
		"send", "send", "send", "send", "burst", "again", "edit", "delete", "react", "set", "set", "read", "read", "read some",
		"drop", "move", "rejoin", "slow", "lose", "double", "reorder", "heal", "head", "wait", "deaf",
	}
	return step{
		Act:    rapid.SampledFrom(acts).Draw(t, "act"),
		Reader: rapid.IntRange(0, readers-1).Draw(t, "reader"),
		Room:   rapid.IntRange(0, len(someRooms)-1).Draw(t, "room"),
		N:      rapid.IntRange(0, 1<<16).Draw(t, "n"),
	}
}

// reader is a user that keeps cursors and what it made of the entries, as a client should.
type reader struct {
	*client
	world  *world
	user   string
	joined map[chat.RoomID]bool // the answer to the join has come: entries follow
	cursor map[chat.RoomID]chat.Seq
	state  map[chat.RoomID]map[chat.Seq]said
}

// said is what a reader knows of a message.
type said struct {
	Body    string
	Deleted bool
	Counts  map[string]int
	Sets    map[string]string
}

func play(t *testing.T, plan []step) error {
	w := newWorld(t, nodes, func(d *session.Config, _ *messaging.Config) {
		d.RingBytes, d.Heartbeat = 8<<10, time.Hour
		d.Alone, d.Features = true, []string{ports.FeatureSets}
	})
	all := make([]*reader, readers)
	for i := range all {
		all[i] = &reader{
			world: w, user: fmt.Sprint("user", i), cursor: map[chat.RoomID]chat.Seq{},
			state: map[chat.RoomID]map[chat.Seq]said{"tea": {}, "den": {}},
		}
		all[i].comes(i%nodes, 1<<20)
	}
	for i, s := range plan {
		if err := all[s.Reader].does(s, i); err != nil {
			return fmt.Errorf("step %d %+v: %w", i, s, err)
		}
	}
	for _, r := range all {
		if err := r.finishes(); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	return agree(w, all)
}

// comes connects, and goes on behind its cursors.
func (r *reader) comes(node, buffer int) {
	r.joined = map[chat.RoomID]bool{}
	r.client = r.world.connectsTo(node, r.user, buffer)
	for _, room := range someRooms {
		after := r.cursor[room]
		r.asks(ports.Join{Room: room, After: &after})
	}
}

func (r *reader) does(s step, i int) error {
	room := someRooms[s.Room]
	bus := r.world.nodes[s.N%nodes].bus
	target := chat.Seq(1)
	if head := r.cursor[room]; head > 0 {
		target += chat.Seq(s.N) % head
	}
	switch s.Act {
	case "send":
		r.asks(ports.Send{Room: room, Body: fmt.Sprint("m", i), Key: chat.Key(fmt.Sprint("k", i))})
	case "burst":
		for n := range s.N % 40 {
			r.asks(ports.Send{Room: room, Body: fmt.Sprint("b", i, "-", n), Key: chat.Key(fmt.Sprint("k", i, "-", n))})
		}
	case "again": // the same key on another node, at the same time
		key := chat.Key(fmt.Sprint("again", s.N%5))
		r.asks(ports.Send{Room: room, Body: "first or second", Key: key})
		go r.world.nodes[s.N%nodes].service.Write(context.Background(), *identity(r.user),
			ports.Send{Room: room, Body: "first or second", Key: key}, func(ports.Receipt, error) {})
	case "edit":
		r.asks(ports.Edit{Room: room, Seq: target, Body: fmt.Sprint("edited", i)})
	case "delete":
		r.asks(ports.Delete{Room: room, Seq: target})
	case "react":
		r.asks(ports.React{Room: room, Seq: target, Emoji: []string{"+", "-"}[s.N%2], Remove: s.N%3 == 0})
	case "set": // on a message or on the room, to a value that comes again, or to none
		set := ports.Set{Room: room, Type: "x.a", Slot: []string{"", "b"}[s.N%2], Target: target * chat.Seq(s.N/2%2)}
		if s.N%3 > 0 {
			set.Data = fmt.Appendf(nil, "%d", s.N%5)
		}
		r.asks(set)
	case "read":
		synctest.Wait()
		return r.reads(1 << 20)
	case "read some":
		synctest.Wait()
		return r.reads(s.N % 10)
	case "drop", "move":
		r.hangsUp()
		r.comes(s.N%nodes, 1<<20)
	case "slow":
		r.hangsUp()
		r.comes(s.N%nodes, 700)
	case "rejoin":
		if err := r.reads(1 << 20); err != nil {
			return err
		}
		r.gets(ports.Leave{Room: room}, nil)
		for _, l := range r.skipped { // what came before the answer
			if err := r.takes(l); err != nil {
				return err
			}
		}
		r.skipped, r.joined[room] = nil, false
		after := r.cursor[room]
		r.asks(ports.Join{Room: room, After: &after})
	case "lose":
		bus.deals(func(e []chat.Entry) []chat.Entry { return e[:s.N%(len(e)+1)] })
	case "double":
		bus.deals(func(e []chat.Entry) []chat.Entry { return append(e, e...) })
	case "reorder":
		bus.deals(func(e []chat.Entry) []chat.Entry {
			rand.New(rand.NewPCG(uint64(s.N), 1)).Shuffle(len(e), func(a, b int) { e[a], e[b] = e[b], e[a] })
			return e
		})
	case "heal":
		bus.deals(nil)
	case "head":
		r.world.nodes[s.N%nodes].hub.Head(room, chat.Seq(s.N%3)) // old news
	case "deaf":
		r.world.nodes[s.N%nodes].hub.Deaf()
	case "wait":
		time.Sleep(time.Duration(s.N%3000) * time.Millisecond)
	}
	return nil
}

func (b *flakyBus) deals(deal func([]chat.Entry) []chat.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deal = nil
	if deal != nil {
		b.deal = func(e []chat.Entry) []chat.Entry { return deal(append([]chat.Entry(nil), e...)) }
	}
}

// reads takes up to n frames that have come.
func (r *reader) reads(n int) error {
	for range n {
		l, ok := r.pipe.tryNext()
		if !ok {
			return nil
		}
		if err := r.takes(l); err != nil {
			return fmt.Errorf("%s: %w", r.user, err)
		}
	}
	return nil
}

// tryNext is next without waiting.
func (p *pipe) tryNext() (line, bool) {
	p.mu.Lock()
	whole := bytes.IndexByte(p.buf, '\n') >= 0
	p.mu.Unlock()
	if !whole {
		return line{}, false
	}
	return p.next()
}

func (r *reader) takes(l line) error {
	switch l.Kind {
	case "ok":
		if l.What == "ports.Joined" {
			var j ports.Joined
			if err := json.Unmarshal(l.Answer, &j); err != nil {
				return err
			}
			r.joined[j.Room] = true
			if j.From != r.cursor[j.Room]+1 {
				return fmt.Errorf("joined behind %d and was told that %d follows", r.cursor[j.Room], j.From)
			}
		}
	case "entry":
		return r.applies(l.Entry)
	}
	return nil
}

func (r *reader) applies(e *seen) error {
	if !r.joined[e.Room] {
		return fmt.Errorf("%+v came before the answer to the join", *e)
	}
	if want := r.cursor[e.Room] + 1; e.Seq != want {
		return fmt.Errorf("%+v came where %d was due", *e, want)
	}
	r.cursor[e.Room] = e.Seq
	room := r.state[e.Room]
	m := room[e.Target]
	switch e.Fact {
	case "message":
		counts := maps.Clone(e.Counts)
		if counts == nil {
			counts = map[string]int{}
		}
		room[e.Seq] = said{e.Body, e.Deleted, counts, maps.Clone(e.Sets)}
	case "edited":
		if !m.Deleted {
			m.Body = e.Body
			room[e.Target] = m
		}
	case "deleted":
		m.Body, m.Deleted, m.Sets = "", true, nil
		room[e.Target] = m
	case "reacted":
		m.Counts[e.Emoji] = e.Count
	case "set": // the room is at 0
		if m.Sets == nil {
			m.Sets = map[string]string{}
		}
		delete(m.Sets, e.Emoji)
		if e.Body != "" {
			m.Sets[e.Emoji] = e.Body
		}
		room[e.Target] = m
	}
	return nil
}

// finishes reads until it has all that the log has, reconnecting where it was too slow.
func (r *reader) finishes() error {
	for range 400 {
		synctest.Wait()
		if err := r.reads(1 << 20); err != nil {
			return err
		}
		heads, err := r.world.log.Heads(context.Background(), someRooms)
		if err != nil {
			return err
		}
		if r.cursor["tea"] == heads["tea"] && r.cursor["den"] == heads["den"] {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
		r.pipe.mu.Lock()
		closed := r.pipe.closed
		r.pipe.mu.Unlock()
		if closed {
			r.hangsUp()
			r.comes(0, 1<<20)
		}
	}
	return fmt.Errorf("%s stands at %v for 40 s", r.user, r.cursor)
}

// agree checks that all readers have the same state, and the same as one who reads everything now.
func agree(w *world, all []*reader) error {
	fresh := &reader{
		world: w, user: "fresh", cursor: map[chat.RoomID]chat.Seq{},
		state: map[chat.RoomID]map[chat.Seq]said{"tea": {}, "den": {}},
	}
	fresh.comes(0, 1<<20)
	if err := fresh.finishes(); err != nil {
		return err
	}
	for _, r := range all {
		for _, room := range someRooms {
			for seq, want := range fresh.state[room] {
				got := r.state[room][seq]
				if got.Body != want.Body || got.Deleted != want.Deleted || !sameCounts(got.Counts, want.Counts) || !maps.Equal(got.Sets, want.Sets) {
					return fmt.Errorf("%s has %+v at %s %d, a fresh reader %+v", r.user, got, room, seq, want)
				}
			}
		}
	}
	return onceEach(w)
}

// sameCounts compares counts; none is zero.
func sameCounts(a, b map[string]int) bool {
	for _, emoji := range []string{"+", "-"} {
		if a[emoji] != b[emoji] {
			return false
		}
	}
	return true
}

// onceEach checks that no key has two entries, and no seq is missing.
func onceEach(w *world) error {
	type authored struct {
		chat.UserID
		chat.Key
	}
	for _, room := range someRooms {
		keys := map[authored]chat.Seq{}
		entries, err := w.log.Read(context.Background(), room, ports.Span{Limit: 1 << 20})
		if err != nil {
			return err
		}
		for i, e := range entries {
			if e.Seq != chat.Seq(i+1) {
				return fmt.Errorf("%s has %d in the place of %d", room, e.Seq, i+1)
			}
			k := authored{e.Author.ID, e.Key}
			if other, twice := keys[k]; twice {
				return fmt.Errorf("key %q of %s is both %d and %d", e.Key, e.Author.ID, other, e.Seq)
			}
			keys[k] = e.Seq
		}
	}
	return nil
}
