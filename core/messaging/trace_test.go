package messaging_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// follower follows every step of every trace. The steps that it makes are numbered in the order in
// which they begin.
type follower struct {
	ports.Unobserved
	mu    sync.Mutex
	steps []*followed
}

type followed struct {
	ports.Step
	of, is chat.Trace
	ended  int
	err    error
	in     *follower
}

func trace(n int) chat.Trace {
	return chat.Trace(fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-%016x-01", n))
}

func (f *follower) Began(ctx context.Context, step ports.Step) (context.Context, ports.Ending) {
	parent := ports.TraceOf(ctx)
	if !parent.Sampled() {
		return ctx, ports.Unfollowed{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	one := &followed{Step: step, of: parent, is: trace(len(f.steps) + 1), in: f}
	f.steps = append(f.steps, one)
	return ports.WithTrace(ctx, one.is), one
}

func (*follower) Follows(t chat.Trace) bool { return t.Sampled() }

func (s *followed) End(err error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.ended++
	s.err = err
}

// below returns the steps of a name below another step.
func (f *follower) below(parent chat.Trace, name string) (found []*followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.steps {
		if s.of == parent && s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// one is below where there is exactly one.
func (f *follower) one(t *testing.T, parent chat.Trace, name string) *followed {
	t.Helper()
	found := f.below(parent, name)
	if len(found) != 1 {
		t.Fatalf("there are %d steps %s below %s, want one", len(found), name, parent)
	}
	return found[0]
}

func TestABatchIsAStepOfEachOfItsTraces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &follower{}
		n := newNode(t, func(c *messaging.Config) { c.Observer = f; c.Lanes = 1 })
		room, alice := n.room("tea", true), n.user("alice")
		alice.says(room, "known from here on")
		gate := make(chan struct{})
		n.log.meets(held(gate))
		first := alice.tries(ports.Send{Room: room, Body: "holds up the others"})
		synctest.Wait()
		says := func(ctx context.Context, body string) *answer {
			a := &answer{came: make(chan struct{})}
			n.Write(ctx, alice.Identity, ports.Send{Room: room, Body: body}, a.done)
			return a
		}
		a := says(ports.WithTrace(t.Context(), trace(0xa)), "a")
		b := says(t.Context(), "of no trace")
		c := says(ports.WithTrace(t.Context(), trace(0xc)), "c")
		close(gate)
		for _, answer := range []*answer{first, a, b, c} {
			if _, err := answer.wait(); err != nil {
				t.Fatal(err)
			}
		}
		n.stop() // whoever began a step has ended it then

		f.one(t, trace(0xa), "check")
		f.one(t, trace(0xc), "check")
		shared, other := f.one(t, trace(0xa), "append"), f.one(t, trace(0xc), "append")
		if shared.Count != 3 || !slices.Equal(shared.Links, []chat.Trace{trace(0xa), trace(0xc)}) {
			t.Errorf("the shared append is of %d proposals and linked to %v", shared.Count, shared.Links)
		}
		if other.Count != 3 || !slices.Equal(other.Links, []chat.Trace{shared.is}) {
			t.Errorf("the other append is of %d proposals and linked to %v, want %s", other.Count, other.Links, shared.is)
		}
		f.one(t, shared.is, "commit")
		f.one(t, shared.is, "announce")
		for _, s := range f.steps {
			if s.ended != 1 || s.err != nil {
				t.Errorf("the step %s ended %d times, with %v", s.Name, s.ended, s.err)
			}
		}
		var traces []chat.Trace
		heard, sent := n.told.entries()
		for _, e := range heard[len(heard)-3:] {
			traces = append(traces, e.Trace)
		}
		if want := []chat.Trace{trace(0xa), "", trace(0xc)}; !slices.Equal(traces, want) {
			t.Errorf("the entries have the traces %v, want %v", traces, want)
		}
		if got := sent[len(sent)-1].Trace; got != trace(0xc) {
			t.Errorf("other nodes are told of the trace %q", got)
		}
		for _, e := range n.logged(room) {
			if e.Trace != "" {
				t.Errorf("the log keeps the trace %s", e.Trace)
			}
		}
	})
}

func TestWhatFailsIsToldToItsTrace(t *testing.T) {
	t.Parallel()
	f := &follower{}
	n := newNode(t, func(c *messaging.Config) { c.Observer = f })
	n.scene("tea", false, "bob", chat.None, false)
	a := &answer{came: make(chan struct{})}
	n.Write(ports.WithTrace(t.Context(), trace(0xa)), n.user("bob").Identity, ports.Send{Room: "tea", Body: "x"}, a.done)
	if _, err := a.wait(); err == nil || f.one(t, trace(0xa), "check").err == nil {
		t.Errorf("got %v, and the check's step was told nothing", err)
	}
}
