package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// markBook is a directory whose marks a test holds up or lets fail.
type markBook struct {
	ports.Directory
	mu    sync.Mutex
	sizes []int
	meets func(marks []ports.ReadMark) ([]ports.MarkOutcome, error) // nil, nil: goes on
}

func (b *markBook) Mark(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	b.mu.Lock()
	b.sizes = append(b.sizes, len(marks))
	meets := b.meets
	b.mu.Unlock()
	if meets != nil {
		if o, err := meets(marks); o != nil || err != nil {
			return o, err
		}
	}
	return b.Directory.Mark(ctx, marks)
}

func (b *markBook) batches() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sizes
}

// marksOf starts a node whose marks go through a book.
func marksOf(t *testing.T, tweaks ...tweak) (*node, *markBook) {
	store := memory.New()
	book := &markBook{Directory: store}
	return newNodeOn(t, store, append(tweaks, func(c *messaging.Config) { c.Directory = book })...), book
}

// markAll has users 0 to n-1 mark seq in room at once, and returns what each was answered.
func (n *node) markAll(room chat.RoomID, users int, seq chat.Seq) []error {
	errs := make([]error, users)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			u := n.user(fmt.Sprint("u", i))
			_, errs[i] = u.Mark(context.Background(), u.Identity, ports.Mark{Room: room, Seq: seq})
		})
	}
	wg.Wait()
	return errs
}

func TestMarksThatGatherAreOneBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, book := marksOf(t)
		room := n.room("tea", true)
		n.user("alice").says(room, "hi")
		gate := make(chan struct{})
		book.meets = func([]ports.ReadMark) ([]ports.MarkOutcome, error) { <-gate; return nil, nil }
		first := make(chan []error)
		go func() { first <- n.markAll(room, 1, 1) }()
		synctest.Wait()
		rest := make(chan []error)
		go func() { rest <- n.markAll(room, 100, 1) }()
		synctest.Wait()
		close(gate)
		for _, err := range append(<-first, <-rest...) {
			if err != nil {
				t.Error(err)
			}
		}
		mustBe(t, "batches", book.batches(), 1, 100)
	})
}

func TestAMarkThatSomebodyHoldsOnToWaitsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, book := marksOf(t)
		room := n.room("tea", true)
		n.user("alice").says(room, "hi")
		held := true
		book.meets = func(marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
			outcomes := make([]ports.MarkOutcome, len(marks))
			for i, m := range marks {
				if outcomes[i].Read = m.Seq; m.User == "u0" && held {
					outcomes[i] = ports.MarkOutcome{Err: chat.Errorf(chat.Unavailable, "held")}
				}
			}
			return outcomes, nil
		}
		answer := make(chan error, 1)
		go func() { answer <- n.markAll(room, 1, 1)[0] }()
		synctest.Wait()
		for i, err := range n.markAll(room, 3, 1)[1:] { // u0 asks once more, and waits
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		// Both of u0's were given up on after RetryFor.
		if err := <-answer; !errors.Is(err, chat.Unavailable) || chat.AsError(err).RetryAfter == 0 {
			t.Errorf("a mark that is held for long got %v", err)
		}
		began := time.Now()
		go func() { answer <- n.markAll(room, 1, 1)[0] }()
		synctest.Wait()
		book.mu.Lock()
		held = false
		book.mu.Unlock()
		if err := <-answer; err != nil || time.Since(began) > time.Second {
			t.Errorf("a mark that is let go got %v, after %v", err, time.Since(began))
		}
	})
}

func TestABatchOfMarksThatFailsAnswersAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, book := marksOf(t)
		room := n.room("tea", true)
		n.user("alice").says(room, "hi")
		book.meets = func([]ports.ReadMark) ([]ports.MarkOutcome, error) { return nil, unreachable() }
		for _, err := range n.markAll(room, 5, 1) {
			if !errors.Is(err, chat.Unavailable) || chat.AsError(err).RetryAfter == 0 {
				t.Errorf("got %v", err)
			}
		}
		book.meets = func(marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
			for _, m := range marks {
				if m.User == "u3" {
					return nil, chat.Errorf(chat.Internal, "a character that the database does not have")
				}
			}
			return nil, nil
		}
		for i, err := range n.markAll(room, 5, 1) {
			if i == 3 != errors.Is(err, chat.Internal) || i != 3 && err != nil {
				t.Errorf("u%d got %v", i, err)
			}
		}
	})
}

func TestMarksThatWaitAtTheEndAreMoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, book := marksOf(t, func(c *messaging.Config) { c.MaxQueue = 10 })
		room := n.room("tea", true)
		n.user("alice").says(room, "hi")
		gate := make(chan struct{})
		book.meets = func([]ports.ReadMark) ([]ports.MarkOutcome, error) { <-gate; return nil, nil }
		first := make(chan []error)
		go func() { first <- n.markAll(room, 1, 1) }()
		synctest.Wait()
		rest := make(chan []error)
		go func() { rest <- n.markAll(room, 25, 1) }()
		synctest.Wait()
		go n.stop()
		synctest.Wait()
		if err := n.markAll(room, 1, 1)[0]; !errors.Is(err, chat.Unavailable) {
			t.Errorf("a mark after the end got %v", err)
		}
		close(gate)
		var moved, refused int
		for _, err := range append(<-first, <-rest...) {
			switch {
			case err == nil:
				moved++
			case errors.Is(err, chat.Unavailable) && chat.AsError(err).RetryAfter > 0:
				refused++
			default:
				t.Error(err)
			}
		}
		if moved != 11 || refused != 15 {
			t.Errorf("%d were moved and %d refused, want those that fit into the queue", moved, refused)
		}
		n.stop()
	})
}
