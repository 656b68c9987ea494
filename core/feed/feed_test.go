package feed_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/feed"
	"github.com/parley-chat/parley/ports"
)

// bodies encodes an entry as its body.
type bodies struct{ ports.Encoder }

func (bodies) Entry(dst []byte, e *chat.Entry) []byte {
	if m, ok := e.Fact.(chat.Message); ok {
		return fmt.Appendf(dst, "%s.", m.Body)
	}
	return fmt.Appendf(dst, "(%T).", e.Fact)
}

// world is a node of feeds on a store, with readers that note what they are told.
type world struct {
	*feed.Node
	t     *testing.T
	store *memory.Store

	mu   sync.Mutex
	told []string
	busy bool // closing a feed is refused
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, func(l ports.Log) ports.Log { return l })
}

// newWorldOn is newWorld with something between the feeds and the log.
func newWorldOn(t *testing.T, over func(ports.Log) ports.Log) *world {
	t.Helper()
	w := &world{t: t, store: memory.New()}
	w.Node = feed.New(feed.Config{
		Log: over(w.store), Encoder: bodies{}, Open: func(*feed.Feed) feed.Readers { return readers{w} },
	})
	if _, err := w.store.Create(t.Context(), chat.Room{ID: "tea", Public: true}, ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

type readers struct{ w *world }

func (r readers) Adding(*chat.Entry)             {}
func (r readers) Added(*chat.Entry)              {}
func (r readers) Moved(time.Time, []feed.Traced) {}
func (r readers) GoBack(seq chat.Seq)            { r.w.note("back to %d", seq) }

func (r readers) Close(late bool) bool {
	r.w.note("close, late: %t", late)
	return late || !r.w.busy
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// notes returns what the readers were told until now.
func (w *world) notes() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

func (w *world) acquire() *feed.Feed {
	w.t.Helper()
	f, err := w.Acquire(w.t.Context(), "tea")
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// says appends a message to the log, and returns its entry.
func (w *world) says(body string) chat.Entry {
	w.t.Helper()
	o, err := w.store.Append(w.t.Context(), []chat.Proposal{{
		Room: "tea", Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(),
		Fact: chat.Message{Body: body},
	}})
	if err != nil || o[0].Err != nil {
		w.t.Fatal(err, o)
	}
	return o[0].Entry
}

func (w *world) hears(entries ...chat.Entry) { w.Entries(entries) }

// shows checks what a feed's view has: the frames behind its floor.
func (w *world) shows(f *feed.Feed, head chat.Seq, want string) {
	w.t.Helper()
	synctest.Wait()
	v := f.View()
	var got strings.Builder
	for at := v.Floor; at < v.Head; {
		frames, last := v.Run(at, v.Head, 1<<20)
		got.Write(frames)
		at = last
	}
	if v.Head != head || got.String() != want {
		w.t.Errorf("the feed is at %d with %q, want %d with %q", v.Head, got.String(), head, want)
	}
}

func TestAFeedBeginsWhereTheLogStandsAndTakesWhatComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.says("old")
		f := w.acquire()
		w.shows(f, 1, "")
		two, three := w.says("two"), w.says("three")
		w.hears(two, three, two)
		w.shows(f, 3, "two.three.")
	})
}

func TestWhatOvertookAnotherWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.acquire()
		one, two, three := w.says("one"), w.says("two"), w.says("three")
		w.hears(three)
		w.hears(two)
		w.shows(f, 0, "")
		w.hears(one)
		w.shows(f, 3, "one.two.three.")
	})
}

func TestAGapIsFilledFromTheLog(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(*world, chat.Entry){
		"which a later entry tells of":          func(w *world, last chat.Entry) { w.hears(last) },
		"which a head tells of":                 func(w *world, last chat.Entry) { w.Head("tea", last.Seq) },
		"which is found after a loss of notice": func(w *world, _ chat.Entry) { w.Deaf() },
		"which nothing tells of":                func(*world, chat.Entry) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				f := w.acquire()
				w.says("one")
				tell(w, w.says("two"))
				time.Sleep(3 * time.Second) // the heads are compared every 2
				w.shows(f, 2, "one.two.")
			})
		})
	}
}

// halfAway is a log of which one room is away.
type halfAway struct {
	ports.Log
	away atomic.Pointer[chat.RoomID]
}

func (l *halfAway) Heads(ctx context.Context, rooms []chat.RoomID) (map[chat.RoomID]chat.Seq, error) {
	away := l.away.Load()
	if away == nil {
		return l.Log.Heads(ctx, rooms)
	}
	lacks := func(room chat.RoomID) bool { return room == *away }
	heads, err := l.Log.Heads(ctx, slices.DeleteFunc(slices.Clone(rooms), lacks))
	if err != nil {
		return nil, err
	}
	return heads, &ports.Partial{Lacks: lacks, Err: chat.Errorf(chat.Unavailable, "away")}
}

func TestAGapIsFilledWhileOtherRoomsAreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &halfAway{}
		w := newWorldOn(t, func(l ports.Log) ports.Log { log.Log = l; return log })
		f := w.acquire()
		if _, err := w.store.Create(t.Context(), chat.Room{ID: "den"}, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Acquire(t.Context(), "den"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		den := chat.RoomID("den")
		log.away.Store(&den)
		w.says("one")
		time.Sleep(3 * time.Second) // the heads are compared every 2
		w.shows(f, 1, "one.")
	})
}

func TestAFeedThatLacksVeryManyGoesOnAtTheHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.acquire()
		var last chat.Entry
		for i := range 2001 {
			last = w.says(fmt.Sprint(i))
		}
		w.hears(last)
		time.Sleep(time.Second)
		w.shows(f, 2001, "")
		w.hears(w.says("next"))
		w.shows(f, 2002, "next.")
	})
}

func TestAnEntryThatContradictsIsJudgedByTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.acquire()
		one := w.says("one")
		w.hears(one)
		other := one
		other.Key, other.Fact = "another", chat.Message{Body: "of another log"}
		w.hears(other)
		w.hears(w.says("two"))
		w.shows(f, 2, "one.two.")
		if told := w.notes(); len(told) > 0 {
			t.Errorf("the readers are told %v", told)
		}
	})
}

func TestALogThatIsAnotherOneHasTheFeedsBeginAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.acquire()
		w.hears(w.says("one"))
		ended := false
		w.Anew(func() {
			ended = true
			if v := f.View(); v.Head != 0 {
				t.Errorf("the old log is shown up to %d", v.Head)
			}
		})
		w.shows(f, 1, "")
		w.hears(w.says("two"))
		w.shows(f, 2, "two.")
		if !ended {
			t.Error("nobody was ended")
		}
	})
}

func TestAFeedThatNobodyNeedsIsClosed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		busy bool
		told string
		open time.Duration
	}{
		"after a while":              {false, "close, late: false", 29 * time.Second},
		"and in the end in any case": {true, "close, late: true", 299 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.busy = test.busy // before the first sweep
				f := w.acquire()
				time.Sleep(time.Hour)
				if told := w.notes(); w.Get("tea") != f || len(told) > 0 {
					t.Fatalf("it was closed while it was needed, and told %v", told)
				}
				f.Release()
				time.Sleep(test.open)
				if w.Get("tea") != f {
					t.Fatal("it was closed at once")
				}
				time.Sleep(3 * time.Second)
				told := w.notes()
				if w.Get("tea") != nil || len(told) == 0 || told[len(told)-1] != test.told {
					t.Errorf("told was %v, and open is %t", told, w.Get("tea") != nil)
				}
			})
		})
	}
}

func TestALogThatCannotBeReadOpensNoFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if f, err := w.Acquire(ctx, "tea"); err == nil || f != nil {
			t.Errorf("got %v, %v", f, err)
		}
		if w.Get("tea") != nil {
			t.Error("a feed without a head is open")
		}
		w.shows(w.acquire(), 0, "")
	})
}
