// Package searchtest races searches with everything that removes text, or the right to read it. It
// is for the tests of stores.
package searchtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// span is a time in which something may have been true: from the beginning of the call that made it
// true to the end of the call that ended it, by one clock. to is 0 while nothing has ended it.
type span struct{ from, to int64 }

// past records what messages said, and whether somebody could read a room, at which times.
type past struct {
	clock atomic.Int64
	mu    sync.Mutex
	asked atomic.Int64 // searches that have ended
	texts map[place][]said
	reads map[chat.RoomID][]span
}

type place struct {
	room chat.RoomID
	seq  chat.Seq
}

type said struct {
	body string
	span
}

// says notes that a message has a body from now on; empty: it has none.
func (p *past) says(at place, body string, began int64) {
	ended := p.clock.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.texts[at]); n > 0 {
		p.texts[at][n-1].to = ended
	}
	if body != "" {
		p.texts[at] = append(p.texts[at], said{body, span{from: began}})
	}
}

// may notes whether the reader may read a room from now on.
func (p *past) may(room chat.RoomID, reads bool, began int64) {
	ended := p.clock.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.reads[room])
	open := n > 0 && p.reads[room][n-1].to == 0
	switch {
	case reads && !open:
		p.reads[room] = append(p.reads[room], span{from: began})
	case !reads && open:
		p.reads[room][n-1].to = ended
	}
}

// could reports whether a message said that at some time within asked, while the reader could read
// it.
func (p *past) could(at place, body string, asked span) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.texts[at] {
		rights := p.reads[at.room]
		if at.room == "granted" {
			rights = []span{asked} // a request has the rights that its token had when it came
		}
		for _, right := range rights {
			from := max(text.from, right.from, asked.from)
			if text.body == body && (text.to == 0 || from <= text.to) && (right.to == 0 || from <= right.to) && from <= asked.to {
				return true
			}
		}
	}
	return false
}

// Store is a store that can be searched in.
type Store interface {
	ports.Log
	ports.Directory
	ports.RoomLists
	ports.Cursors
	ports.Consumers
	ports.Leases
	ports.SearchIndex
}

// Race races searches with edits, deletions, bans, changes of a room's visibility, and grants that
// shrink. It makes rounds of each. What a search finds must have been said, and readable, at some
// moment of that search. The store must be empty.
func Race(t *testing.T, store Store, words ports.Words, rounds int) {
	t.Helper()
	const searchers = 3
	p := &past{texts: map[place][]said{}, reads: map[chat.RoomID][]span{}}
	w := begin(t, store, words, p)
	var granted atomic.Bool
	granted.Store(true)
	rooms := []chat.RoomID{"member", "public", "granted"}
	w.makes("member", false, "bob")
	w.makes("public", true)
	w.makes("granted", false)
	for _, room := range rooms {
		p.may(room, true, p.clock.Add(1))
	}
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for _, room := range rooms {
		writers.Go(func() { w.talks(p, room, rounds) })
		writers.Go(func() { w.opensAndCloses(p, room, &granted, rounds/4) })
	}
	var found atomic.Int64
	for n := range searchers {
		readers.Go(func() {
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
					found.Add(int64(w.asks(p, rooms[i%3], &granted, i)))
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if found.Load() == 0 {
		t.Error("nothing was found at all")
	}
}

// lateIndex answers late: meanwhile several things happen.
type lateIndex struct {
	ports.SearchIndex
	past *past
}

// Find implements ports.SearchIndex.
func (x lateIndex) Find(ctx context.Context, q ports.FindQuery) ([]ports.FoundMessage, error) {
	found, err := x.SearchIndex.Find(ctx, q)
	until := x.past.clock.Load() + rand.N[int64](20)
	for range 1000 {
		if runtime.Gosched(); x.past.clock.Load() >= until {
			break
		}
	}
	return found, err
}

var texts = []string{"green tea", "black tea", "tea and coffee", "teapot"}

// pause waits for some searches to end.
func (p *past) pause() {
	for until := p.asked.Load() + 3; p.asked.Load() < until; {
		runtime.Gosched()
	}
}

// talks says things in a room, and edits and deletes some of them.
func (w world) talks(p *past, room chat.RoomID, rounds int) {
	var alive []chat.Seq
	for i := range rounds {
		if i%10 == 0 {
			p.pause()
		}
		if i%(rounds/6) == 0 {
			w.indexed(room)
		}
		began := p.clock.Add(1)
		body := fmt.Sprintf("%s %d", texts[rand.N(len(texts))], i)
		switch n := len(alive); {
		case n < 3 || rand.N(3) == 0:
			p.mu.Lock() // whoever finds it must know of it
			seq := w.does(room, "alice", chat.Message{Body: body}).Seq
			p.texts[place{room, seq}] = []said{{body, span{from: began}}}
			p.mu.Unlock()
			alive = append(alive, seq)
		case rand.N(2) == 0:
			seq := alive[rand.N(n)]
			p.mu.Lock()
			at := place{room, seq}
			p.texts[at] = append(p.texts[at], said{body, span{from: began}})
			before := len(p.texts[at]) - 2
			p.mu.Unlock()
			w.does(room, "alice", chat.Edited{Target: seq, Body: body})
			p.mu.Lock()
			p.texts[at][before].to = p.clock.Add(1)
			p.mu.Unlock()
		default:
			k := rand.N(n)
			w.does(room, "alice", chat.Deleted{Target: alive[k]})
			p.says(place{room, alive[k]}, "", began)
			alive = append(alive[:k], alive[k+1:]...)
		}
	}
}

// opensAndCloses takes the reader's right to a room, and gives it back, many times.
func (w world) opensAndCloses(p *past, room chat.RoomID, granted *atomic.Bool, rounds int) {
	for i := range rounds {
		p.pause()
		gives := i%2 == 1
		began := p.clock.Add(1)
		if gives {
			p.may(room, true, began)
		}
		switch room {
		case "member":
			change := chat.MemberChanged{User: "bob", Change: chat.MemberBanned}
			if gives {
				change = chat.MemberChanged{User: "bob", Change: chat.MemberJoined, Role: chat.Write}
			}
			w.does(room, "owner", change)
		case "public":
			change := chat.RoomHidden
			if gives {
				change = chat.RoomPublished
			}
			w.does(room, "owner", chat.RoomChanged{Change: change})
		case "granted":
			granted.Store(gives)
		}
		if !gives {
			p.may(room, false, began)
		}
	}
}

// asks searches once, checks what is found, and returns how many messages that is.
func (w world) asks(p *past, room chat.RoomID, granted *atomic.Bool, i int) int {
	defer p.asked.Add(1)
	asked := span{from: p.clock.Add(1)}
	by := chat.Identity{User: "bob"}
	if room == "granted" {
		by.Grants = chat.Grants{}
		if granted.Load() {
			by.Grants["granted"] = chat.Read
		}
	}
	q := ports.Search{Text: "tea", Limit: ports.MaxHits, Public: i%2 == 0}
	if i%5 == 0 {
		q.Room, q.Public = room, false
	}
	page, err := w.search.Search(w.Context(), by, q)
	if err != nil {
		if k := chat.AsError(err).Kind; k != chat.NotFound && k != chat.Forbidden {
			w.Errorf("search: %v", err)
		}
		return 0
	}
	asked.to = p.clock.Add(1)
	for _, h := range page.Hits {
		if h.Entry.Room == "granted" && len(by.Grants) == 0 {
			w.Errorf("granted/%d is found without a grant", h.Entry.Seq)
		}
		body := h.Entry.Fact.(chat.Message).Body
		if !p.could(place{h.Entry.Room, h.Entry.Seq}, body, asked) {
			w.Errorf("%s/%d %q is found, which nobody could read then", h.Entry.Room, h.Entry.Seq, body)
		}
	}
	return len(page.Hits)
}
