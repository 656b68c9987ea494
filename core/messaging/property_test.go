package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// TestTheLogIsWhatSendersWereTold tries to break I1, I2 and I4: several users write to a few rooms
// on two nodes at once, with keys of their own and without, while commits fail before and after
// they happen, stall, and break.
func TestTheLogIsWhatSendersWereTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(rapid.Custom(drawOp), 1, 150).Draw(rt, "plan")
		mishaps := rapid.SliceOfN(rapid.SampledFrom([]string{
			"fine", "fine", "fine", "slow", "lost before", "lost after", "lost after", "stalled", "broken",
		}), 1, 60).Draw(rt, "mishaps")
		var failed error
		synctest.Test(t, func(t *testing.T) { failed = newPlay(t, mishaps).run(plan) })
		if failed != nil {
			rt.Fatal(failed)
		}
	})
}

const players = 4

var someRooms = []chat.RoomID{"tea", "den", "hut"}

// op is one change, made after a pause.
type op struct {
	Player, Node, Room int
	Act                string
	Key                int
	Pause              time.Duration
}

func drawOp(t *rapid.T) op {
	return op{
		Player: rapid.IntRange(0, players-1).Draw(t, "player"),
		Node:   rapid.IntRange(0, 1).Draw(t, "node"),
		Room:   rapid.IntRange(0, len(someRooms)-1).Draw(t, "room"),
		Act:    rapid.SampledFrom([]string{"send", "send", "send with a key", "send with a key", "react", "unreact"}).Draw(t, "act"),
		Key:    rapid.IntRange(0, 4).Draw(t, "key"),
		Pause:  rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, 30 * time.Millisecond, time.Second}).Draw(t, "pause"),
	}
}

type play struct {
	store *memory.Store
	nodes [2]*node

	mu   sync.Mutex
	made []*made
}

// made is a change that was made, and what came of it.
type made struct {
	op
	user    chat.UserID
	room    chat.RoomID
	key     chat.Key // empty: none was given
	body    string   // of a send
	began   time.Time
	receipt ports.Receipt
	err     error
	answers int
}

func newPlay(t *testing.T, mishaps []string) *play {
	p := &play{store: memory.New()}
	for i := range p.nodes {
		p.nodes[i] = newNodeOn(t, p.store, func(c *messaging.Config) {
			c.Lanes, c.MaxBatch, c.AppendTimeout = 2, 8, 300*time.Millisecond
		})
		p.nodes[i].log.meets(faults(mishaps)...)
		mishaps = slices.Concat(mishaps[len(mishaps)/2:], mishaps[:len(mishaps)/2])
	}
	for _, room := range someRooms {
		p.nodes[0].room(room, true)
		first := chat.Proposal{Room: room, Author: chat.Author{ID: "host"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "welcome"}}
		if _, err := p.store.Append(t.Context(), []chat.Proposal{first}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func faults(mishaps []string) (faults []fault) {
	of := map[string]fault{
		"fine": fine, "lost before": lostBefore, "lost after": lostAfter, "stalled": stalled, "broken": broken,
		"slow": func(next appendFunc) appendFunc {
			return func(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
				o, err := next(ctx, proposals)
				time.Sleep(10 * time.Millisecond)
				return o, err
			}
		},
	}
	for _, m := range mishaps {
		faults = append(faults, of[m])
	}
	return faults
}

func (p *play) run(plan []op) error {
	var wg sync.WaitGroup
	for player := range players {
		wg.Go(func() {
			for i, o := range plan {
				if o.Player == player {
					time.Sleep(o.Pause)
					p.makes(o, i)
				}
			}
		})
	}
	wg.Wait()
	for _, n := range p.nodes {
		n.stop() // what waits is answered by that
	}
	for _, room := range someRooms {
		if err := p.checkLog(room); err != nil {
			return err
		}
	}
	for _, m := range p.made {
		if err := p.checkAnswer(m); err != nil {
			return fmt.Errorf("%+v: %w", *m, err)
		}
	}
	return errors.Join(p.checkKeys(), p.checkOrder())
}

func (p *play) makes(o op, i int) {
	m := &made{op: o, user: chat.UserID(fmt.Sprint("user", o.Player)), room: someRooms[o.Room], began: time.Now()}
	var change ports.Change
	switch o.Act {
	case "send":
		m.body = fmt.Sprint("m", i)
		change = ports.Send{Room: m.room, Body: m.body}
	case "send with a key":
		m.key = chat.Key(fmt.Sprint("k", o.Key))
		m.body = fmt.Sprint("with ", m.key)
		change = ports.Send{Room: m.room, Body: m.body, Key: m.key}
	default:
		change = ports.React{Room: m.room, Seq: 1, Emoji: "👍", Remove: o.Act == "unreact"}
	}
	p.mu.Lock()
	p.made = append(p.made, m)
	p.mu.Unlock()
	n := p.nodes[o.Node]
	n.Write(context.Background(), chat.Identity{User: m.user}, change, func(r ports.Receipt, err error) {
		m.receipt, m.err = r, err
		m.answers++
		if err == nil {
			n.told.note("answer %s/%d", m.room, r.Seq)
		}
	})
}

// checkLog checks that a room has no holes, no key of an author twice, and the reactions that its
// entries set.
func (p *play) checkLog(room chat.RoomID) error {
	entries := p.nodes[0].logged(room)
	type name struct {
		chat.UserID
		chat.Key
	}
	seen := map[name]chat.Seq{}
	count := 0
	for i, e := range entries {
		if e.Seq != chat.Seq(i+1) {
			return fmt.Errorf("%s has %d at place %d", room, e.Seq, i+1)
		}
		if at := seen[name{e.Author.ID, e.Key}]; at > 0 {
			return fmt.Errorf("%s has the key %q of %s at %d and at %d", room, e.Key, e.Author.ID, at, e.Seq)
		}
		seen[name{e.Author.ID, e.Key}] = e.Seq
		if f, ok := e.Fact.(chat.Reacted); ok {
			if count++; f.Removed {
				count -= 2
			}
			if f.Count != count {
				return fmt.Errorf("%s/%d counts %d reactions, want %d", room, e.Seq, f.Count, count)
			}
		}
	}
	return nil
}

// checkAnswer compares a change's answer with the log.
func (p *play) checkAnswer(m *made) error {
	if m.answers != 1 {
		return fmt.Errorf("it got %d answers", m.answers)
	}
	r := m.receipt
	if m.err != nil {
		if kind := chat.AsError(m.err).Kind; kind != chat.Unavailable && kind != chat.Internal || r != (ports.Receipt{}) {
			return fmt.Errorf("it got %+v with the error %w", r, m.err)
		}
		return nil
	}
	if r.Unchanged {
		if m.body != "" {
			return errors.New("a message is never as it was")
		}
		return nil
	}
	e := p.nodes[0].logged(m.room)[r.Seq-1]
	said, _ := e.Fact.(chat.Message)
	reacted, isReaction := e.Fact.(chat.Reacted)
	switch {
	case e.Author.ID != m.user || !e.At.Equal(r.At) || said.Body != m.body || m.key != "" && e.Key != m.key || m.key == "" && !e.Key.Made():
		return fmt.Errorf("the log has %+v there", e)
	case isReaction && reacted.Removed != (m.Act == "unreact"):
		return fmt.Errorf("the log has %+v there", e)
	case m.key == "" && r.Duplicate:
		return errors.New("nobody used its key before")
	case e.At.Before(m.began.Add(-time.Second)) && !r.Duplicate:
		return fmt.Errorf("it is no duplicate of what was said %v earlier", m.began.Sub(e.At))
	}
	return nil
}

// checkKeys checks that all answers for a key name one entry, and that not all are duplicates.
func (p *play) checkKeys() error {
	type name struct {
		chat.RoomID
		chat.UserID
		chat.Key
	}
	of := map[name][]*made{}
	for _, m := range p.made {
		if m.key != "" {
			of[name{m.room, m.user, m.key}] = append(of[name{m.room, m.user, m.key}], m)
		}
	}
	for is, all := range of {
		first, failed := false, false
		var at chat.Seq
		for _, m := range all {
			if m.err != nil {
				failed = true
				continue
			}
			if at > 0 && m.receipt.Seq != at {
				return fmt.Errorf("%v was stored at %d and at %d", is, at, m.receipt.Seq)
			}
			at, first = m.receipt.Seq, first || !m.receipt.Duplicate
		}
		if !first && !failed {
			return fmt.Errorf("each of the %d sends of %v was a duplicate", len(all), is)
		}
	}
	return nil
}

// checkOrder checks that a node answered before it announced, announced all that it stored, and
// kept the order of each user's messages and of their other changes. (A reaction that was Unchanged
// in a lost try may take effect in the retry, behind a message.)
func (p *play) checkOrder() error {
	type stream struct {
		node int
		room chat.RoomID
		user chat.UserID
		says bool
	}
	last := map[stream]chat.Seq{}
	for _, m := range p.made {
		if m.err != nil || m.receipt.Unchanged || m.receipt.Duplicate {
			continue
		}
		notes := p.nodes[m.Node].told.all()
		place := fmt.Sprintf("%s/%d", m.room, m.receipt.Seq)
		answered, told := slices.Index(notes, "answer "+place), slices.Index(notes, "listener "+place)
		if told < 0 || m.key == "" && answered > told {
			return fmt.Errorf("%s was answered at %d and told at %d of %q", place, answered, told, notes)
		}
		if m.key != "" {
			continue // it may have been stored by an earlier send
		}
		in := stream{m.Node, m.room, m.user, m.body != ""}
		if m.receipt.Seq <= last[in] {
			return fmt.Errorf("%+v was stored at %d, after one at %d", *m, m.receipt.Seq, last[in])
		}
		last[in] = m.receipt.Seq
	}
	return nil
}
