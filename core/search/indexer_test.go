package search_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/search"
	"github.com/parley-chat/parley/ports"
)

// indexes is an index that takes its time, and can fail.
type indexes struct {
	ports.SearchIndex
	takes time.Duration
	fails func(docs []ports.SearchDoc) error

	mu     sync.Mutex
	writes [][]ports.SearchDoc
	at     []time.Time
}

func (x *indexes) Index(_ context.Context, docs []ports.SearchDoc) error {
	time.Sleep(x.takes)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writes, x.at = append(x.writes, docs), append(x.at, time.Now())
	if x.fails != nil {
		return x.fails(docs)
	}
	return nil
}

// indexing runs a search on an index until test ends.
func indexing(t *testing.T, x *indexes, rate, nodes int, test func(take func(room chat.RoomID, entries ...chat.Entry) error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := memory.New()
		s := search.New(search.Config{
			Index: x, Words: words.Reader{}, Log: m, Directory: m, Lists: m, Cursors: m, Rate: func() int { return rate }, Nodes: func() int { return nodes },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		test(func(room chat.RoomID, entries ...chat.Entry) error {
			_, err := s.Indexer().Take(t.Context(), consuming.Batch{Room: room, First: 1, Last: 1, Entries: entries})
			return err
		})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func message(seq chat.Seq, body string) chat.Entry {
	return chat.Entry{Seq: seq, Author: chat.Author{ID: "bob"}, Fact: chat.Message{Body: body}}
}

func TestTheLastThatIsSaidOfAMessageCounts(t *testing.T) {
	t.Parallel()
	x := &indexes{}
	indexing(t, x, 0, 1, func(take func(chat.RoomID, ...chat.Entry) error) {
		err := take("tea",
			message(1, "Tea x"), message(2, "cup"), message(3, ""),
			chat.Entry{Seq: 4, Author: chat.Author{ID: "bob"}, Fact: chat.Edited{Target: 1, Body: "tea x"}},
			chat.Entry{Seq: 5, Author: chat.Author{ID: "eve"}, Fact: chat.Deleted{Target: 2}},
		)
		if err != nil {
			t.Fatal(err)
		}
	})
	if len(x.writes) != 1 {
		t.Fatalf("%d writes, want one", len(x.writes))
	}
	var got []string
	for _, d := range x.writes[0] {
		got = append(got, fmt.Sprint(d.Seq, d.Tokens))
	}
	slices.Sort(got)
	if want := []string{"1 [f:bob tea x]", "2 []", "3 []"}; !slices.Equal(got, want) {
		t.Errorf("the documents are %q, want %q", got, want)
	}
}

func TestRoomsGoIntoOneWrite(t *testing.T) {
	t.Parallel()
	x := &indexes{takes: 10 * time.Millisecond}
	indexing(t, x, 0, 1, func(take func(chat.RoomID, ...chat.Entry) error) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := take(chat.RoomID(fmt.Sprint("room", i)), message(1, "tea")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	if n := len(x.writes); n > 2 {
		t.Errorf("40 rooms at once are %d writes, want 2 at most", n)
	}
}

// TestOthersComeFirst measures how much of the time goes into writes while others are busy, and
// while nobody is.
func TestOthersComeFirst(t *testing.T) {
	t.Parallel()
	const each = 50 * time.Millisecond
	for load, most := range map[[2]int]int{{0, 1}: 20, {1000, 1}: 4, {0, 2}: 20, {1000, 2}: 2} {
		rate, nodes := load[0], load[1]
		x := &indexes{takes: each}
		indexing(t, x, rate, nodes, func(take func(chat.RoomID, ...chat.Entry) error) {
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for until := time.Now().Add(20 * each); time.Now().Before(until); {
						if err := take(chat.RoomID(fmt.Sprint("room", i)), message(1, "tea")); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
		if n := len(x.writes); n > most+1 || n < most-1 {
			t.Errorf("with %d a second on each of %d nodes: %d writes in the time of 20, want about %d", rate, nodes, n, most)
		}
	}
}

// TestWhoeverSpeaksWithAllThatThereIsComesFirst counts what is indexed while nodes can hardly do
// more: as much for each of them as they append themselves.
func TestWhoeverSpeaksWithAllThatThereIsComesFirst(t *testing.T) {
	t.Parallel()
	for nodes, rate := range map[int]int{1: 5000, 2: 2500} {
		docs := indexedIn10s(t, rate, nodes)
		if most := rate * 10 / 10; docs > most+ports.MaxIndexed || docs < most/2 {
			t.Errorf("%d documents are written in 10 s by one of %d nodes, want about %d", docs, nodes, most)
		}
	}
}

// indexedIn10s returns how many documents are indexed while nodes append so many entries a second
// each.
func indexedIn10s(t *testing.T, rate, nodes int) (docs int) {
	t.Helper()
	x := &indexes{takes: time.Millisecond}
	indexing(t, x, rate, nodes, func(take func(chat.RoomID, ...chat.Entry) error) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				var entries []chat.Entry
				for seq := range 100 {
					entries = append(entries, message(chat.Seq(seq+1), "tea"))
				}
				for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
					if err := take(chat.RoomID(fmt.Sprint("room", i)), entries...); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
	for i, w := range x.writes {
		if x.at[i].Sub(x.at[0]) < 10*time.Second {
			docs += len(w)
		}
	}
	return docs
}

func TestADocumentThatFailsSpoilsNoOther(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	x := &indexes{fails: func(docs []ports.SearchDoc) error {
		if slices.ContainsFunc(docs, func(d ports.SearchDoc) bool { return d.Room == "bad" }) {
			return bad
		}
		return nil
	}}
	indexing(t, x, 0, 1, func(take func(chat.RoomID, ...chat.Entry) error) {
		var wg sync.WaitGroup
		for _, room := range []chat.RoomID{"a", "bad", "c"} {
			wg.Go(func() {
				if err := take(room, message(1, "tea")); errors.Is(err, bad) != (room == "bad") {
					t.Errorf("%s: %v", room, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestAStoreThatIsAwayIsNoFaultOfARoom(t *testing.T) {
	t.Parallel()
	x := &indexes{fails: func([]ports.SearchDoc) error { return chat.Errorf(chat.Unavailable, "away") }}
	indexing(t, x, 0, 1, func(take func(chat.RoomID, ...chat.Entry) error) {
		if err := take("tea", message(1, "tea")); !isPause(err) {
			t.Errorf("the batch fails with %v, want that the consumer pauses", err)
		}
	})
}

func isPause(err error) bool { _, is := errors.AsType[consuming.Pause](err); return is }

func TestWhatWritesNoIndexAnyMoreIsForgotten(t *testing.T) {
	t.Parallel()
	for own, want := range map[bool]string{true: "hook:a search:1", false: "hook:a"} {
		synctest.Test(t, func(t *testing.T) {
			m := memory.New()
			for _, name := range []string{"hook:a", "search:0", search.Consumer} {
				if err := m.Begin(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			runner := consuming.New(consuming.Config{Log: m, Cursors: m, Consumers: m, Leases: m})
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			tidy := search.Tidy{Consumers: m, Runner: runner, Observer: ports.Unobserved{}, Own: own, Wait: time.Minute}
			if err := tidy.Run(ctx); err != nil {
				t.Fatal(err)
			}
			begun, err := m.Begun(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for name := range begun.Walked {
				names = append(names, name)
			}
			slices.Sort(names)
			if got := fmt.Sprint(names); got != "["+want+"]" {
				t.Errorf("with own %t there are %s, want %s", own, got, want)
			}
		})
	}
}
