package search_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/adapters/words"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/search"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store, and a search on it that runs. Its methods fail the test when something fails.
type world struct {
	*testing.T
	*memory.Store
	search *search.Service
	runner *consuming.Runner
}

// begin begins a world. change may change what the search works with.
func begin(t *testing.T, change ...func(*search.Config)) world {
	t.Helper()
	w := world{T: t, Store: memory.New()}
	w.runner = consuming.New(consuming.Config{Log: w.Store, Cursors: w.Store, Consumers: w.Store, Leases: w.Store, Drain: time.Millisecond})
	cfg := search.Config{
		Index: w.Store, Words: words.Reader{}, Log: w.Store, Directory: w.Store, Lists: w.Store, Cursors: w.Store, Behind: w.runner.Behind,
	}
	for _, f := range change {
		f(&cfg)
	}
	w.search = search.New(cfg)
	return w
}

// runs has what was said, and is said from now on, indexed until the test ends.
func (w world) runs() {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	if err := w.runner.Add(w.search.Indexer()); err != nil {
		w.Fatal(err)
	}
	go func() { done <- w.search.Run(ctx) }()
	go func() { done <- w.runner.Run(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			w.Errorf("the search ended: %v", err)
		}
	})
}

func (w world) makes(id chat.RoomID, public bool, members ...chat.UserID) {
	w.Helper()
	if _, err := w.Create(w.Context(), chat.Room{ID: id, Public: public}, "owner"); err != nil {
		w.Fatal(err)
	}
	for _, user := range members {
		w.does(id, "owner", chat.MemberChanged{User: user, Change: chat.MemberJoined, Role: chat.Write})
	}
}

// does appends a fact, and tells the runner of it.
func (w world) does(room chat.RoomID, by chat.UserID, fact chat.Fact) chat.Entry {
	w.Helper()
	outcomes, err := w.Append(w.Context(), []chat.Proposal{{
		Room: room, Author: chat.Author{ID: by}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: fact,
	}})
	if err != nil || outcomes[0].Status != ports.Appended {
		w.Fatalf("append %+v in %s: %+v, %v", fact, room, outcomes, err)
	}
	w.runner.Appended([]chat.Entry{outcomes[0].Entry})
	return outcomes[0].Entry
}

func (w world) says(room chat.RoomID, by chat.UserID, body string) chat.Seq {
	w.Helper()
	return w.does(room, by, chat.Message{Body: body}).Seq
}

// indexed waits until all that was said in rooms is indexed.
func (w world) indexed(rooms ...chat.RoomID) {
	w.Helper()
	for _, room := range rooms {
		heads, err := w.Heads(w.Context(), rooms)
		if err != nil {
			w.Fatal(err)
		}
		for page := (ports.SearchPage{}); page.IndexedSeq < heads[room]; {
			page = w.finds(admin, ports.Search{Text: "whatever", Room: room, AtLeast: heads[room]})
		}
	}
}

var admin = chat.Identity{User: "root", Admin: true}

func user(id chat.UserID) chat.Identity { return chat.Identity{User: id} }

func (w world) finds(by chat.Identity, q ports.Search) ports.SearchPage {
	w.Helper()
	if q.Limit == 0 {
		q.Limit = ports.MaxHits
	}
	page, err := w.search.Search(w.Context(), by, q)
	if err != nil {
		w.Fatalf("search %+v: %v", q, err)
	}
	return page
}

// mustFind fails the test unless exactly these are found: room/seq, in this order.
func (w world) mustFind(by chat.Identity, q ports.Search, want ...string) {
	w.Helper()
	var got []string
	for _, h := range w.finds(by, q).Hits {
		got = append(got, fmt.Sprintf("%s/%d", h.Entry.Room, h.Entry.Seq))
	}
	if !slices.Equal(got, want) {
		w.Fatalf("%s finds %s, want %s", q.Text, strings.Join(got, " "), strings.Join(want, " "))
	}
}

func (w world) mustFail(by chat.Identity, q ports.Search, kind chat.Kind, reason string) {
	w.Helper()
	if q.Limit == 0 {
		q.Limit = 1
	}
	page, err := w.search.Search(w.Context(), by, q)
	if !errors.Is(err, kind) || !strings.Contains(chat.AsError(err).Reason, reason) {
		w.Errorf("search %+v gives %d hits, %v; want %s: %s", q, len(page.Hits), err, kind, reason)
	}
}
