package searchtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/search"
	"github.com/parley-chat/parley/ports"
)

// world is a store with a search that runs on it. Many goroutines call its methods. When something
// fails, the methods report it and go on.
type world struct {
	*testing.T
	store  Store
	search *search.Service
	runner *consuming.Runner
}

func begin(t *testing.T, store Store, words ports.Words, p *past) world {
	t.Helper()
	w := world{T: t, store: store}
	w.runner = consuming.New(consuming.Config{Log: store, Cursors: store, Consumers: store, Leases: store, Drain: time.Second})
	w.search = search.New(search.Config{
		Index: lateIndex{store, p}, Words: words, Log: store, Directory: store, Lists: store, Cursors: store, Behind: w.runner.Behind,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	if err := w.runner.Add(w.search.Indexer()); err != nil {
		t.Fatal(err)
	}
	go func() { done <- w.search.Run(ctx) }()
	go func() { done <- w.runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Errorf("the search ended: %v", err)
		}
	})
	return w
}

func (w world) makes(id chat.RoomID, public bool, members ...chat.UserID) {
	w.Helper()
	if _, err := w.store.Create(w.Context(), chat.Room{ID: id, Public: public}, "owner"); err != nil {
		w.Fatal(err)
	}
	for _, user := range members {
		w.does(id, "owner", chat.MemberChanged{User: user, Change: chat.MemberJoined, Role: chat.Write})
	}
}

// does appends a fact, and tells the runner.
func (w world) does(room chat.RoomID, by chat.UserID, fact chat.Fact) chat.Entry {
	w.Helper()
	for {
		outcomes, err := w.store.Append(w.Context(), []chat.Proposal{{
			Room: room, Author: chat.Author{ID: by}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: fact,
		}})
		switch {
		case err != nil || outcomes[0].Status != ports.Appended && outcomes[0].Status != ports.Held:
			w.Errorf("append %+v in %s: %+v, %v", fact, room, outcomes, err)
			return chat.Entry{}
		case outcomes[0].Status == ports.Held: // by another of the writers
			continue
		}
		w.runner.Appended([]chat.Entry{outcomes[0].Entry})
		return outcomes[0].Entry
	}
}

// indexed waits until everything that was said in a room is indexed.
func (w world) indexed(room chat.RoomID) {
	w.Helper()
	heads, err := w.store.Heads(w.Context(), []chat.RoomID{room})
	if err != nil {
		w.Errorf("read the head of %s: %v", room, err)
		return
	}
	for page := (ports.SearchPage{}); page.IndexedSeq < heads[room]; {
		q := ports.Search{Text: "whatever", Room: room, AtLeast: heads[room], Limit: 1}
		if page, err = w.search.Search(w.Context(), chat.Identity{User: "root", Admin: true}, q); err != nil {
			w.Errorf("search in %s: %v", room, err)
			return
		}
	}
}
