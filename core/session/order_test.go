package session_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// shutRoom keeps what is said in one room from the journal until it opens.
type shutRoom struct {
	ports.Writer
	room chat.RoomID

	mu    sync.Mutex
	open  bool
	waits []func()
}

func (r *shutRoom) Write(ctx context.Context, by chat.Identity, change ports.Change, done func(ports.Receipt, error)) {
	write := func() { r.Writer.Write(ctx, by, change, done) }
	r.mu.Lock()
	defer r.mu.Unlock()
	if change.In() == r.room && !r.open {
		r.waits = append(r.waits, write)
		return
	}
	write()
}

func (r *shutRoom) opens() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = true
	for _, write := range r.waits {
		write()
	}
	r.waits = nil
}

// withShutRoom is a client on a node where messages to the den wait until it opens. The client has
// joined the den and the pub.
func withShutRoom(t *testing.T) (alice *client, open func()) {
	t.Helper()
	shut := &shutRoom{room: "den"}
	w := newWorld(t, 1, func(d *session.Config, _ *messaging.Config) {
		d.Writer = aroundWriter{writer: func(w ports.Writer) ports.Writer { shut.Writer = w; return shut }}
	})
	alice = w.connects("alice")
	alice.joins("pub")
	alice.joins("den")
	return alice, shut.opens
}

func TestASessionEndsBehindTheAnswersToWhatWasAsked(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string]string{"with a last frame": `{"Kind":"close","Text":"bye"}` + "\n", "with none": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alice, open := withShutRoom(t)
			send, history := alice.asks(ports.Send{Room: "den", Body: "hi"}), alice.asks(ports.History{Room: "den", Limit: 10})
			alice.session.Finish([]byte(frame), ports.CloseGone)
			alice.session.Finish([]byte(`{"Kind":"close","Text":"twice"}`+"\n"), ports.CloseGone)
			open()
			for _, id := range []string{send, history} {
				if l := alice.hears("ok"); l.ID != id {
					t.Errorf("the ok of %s came, want that of %s", l.ID, id)
				}
			}
			if frame != "" {
				if l := alice.hears("close"); l.Text != "bye" {
					t.Errorf("it was closed with %+v", l)
				}
			}
			if l, ok := alice.awaits(func(l line) bool { return l.Kind != "entry" }); ok {
				t.Errorf("at last came %+v", l)
			}
		})
	}
}

func TestASessionDoesNotWaitForEverToEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alice, _ := withShutRoom(t)
		alice.asks(ports.Send{Room: "den", Body: "hi"})
		began := time.Now()
		alice.session.Finish(nil, ports.CloseGone)
		if l, ok := alice.awaits(func(line) bool { return true }); ok {
			t.Errorf("got %+v", l)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWhatAsksAboutARoomWaitsForWhatTheSocketDidThere(t *testing.T) {
	t.Parallel()
	alice, open := withShutRoom(t)
	send := alice.asks(ports.Send{Room: "den", Body: "hi"})
	history := alice.asks(ports.History{Room: "den", Limit: 10})
	mark := alice.asks(ports.Mark{Room: "den", Seq: 1})
	edit := alice.asks(ports.Edit{Room: "den", Seq: 1, Body: "hello"})
	again := alice.asks(ports.Send{Room: "den", Body: "more"})
	remove := alice.asks(ports.Delete{Room: "den", Seq: 3})
	react := alice.asks(ports.React{Room: "den", Seq: 1, Emoji: "👍"})
	join := alice.asks(ports.Join{Room: "den", Limit: 0})
	// The pub does not wait for the den.
	alice.sends("pub", "cheers")
	var page struct{ Head chat.Seq }
	alice.gets(ports.History{Room: "pub", Limit: 10}, &page)
	if page.Head != 1 {
		t.Errorf("of the pub it saw %+v", page)
	}
	alice.sees("cheers")
	for _, l := range alice.skipped {
		t.Errorf("before the den took anything came %+v", l)
	}
	alice.skipped = nil
	open()
	answers := map[string]line{}
	for len(answers) < 8 {
		l, ok := alice.awaits(func(l line) bool { return l.Kind != "entry" })
		if !ok || l.Kind != "ok" {
			t.Fatalf("got %+v", l)
		}
		answers[l.ID] = l
	}
	for _, want := range []struct{ id, has string }{
		{send, `"Seq":1,`},
		{history, `"Head":1,`},
		{mark, `"Read":1,`},
		{edit, `"Seq":2,`},
		{again, `"Seq":3,`},
		{remove, `"Seq":4,`},
		{react, `"Seq":5,`},
		{join, `"Head":5,`},
	} {
		if got := string(answers[want.id].Answer); !strings.Contains(got, want.has) {
			t.Errorf("the answer to %s is %s, want %s in it", want.id, got, want.has)
		}
	}
}

func TestWhatWaitsInARoomIsBoundedInTimeAndNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alice, open := withShutRoom(t)
		began := time.Now()
		alice.asks(ports.Send{Room: "den", Body: "hi"})
		more, asked := true, 0
		for ; more && asked < 1000; asked++ {
			more = alice.session.Command(t.Context(), ports.Command{ID: fmt.Sprint("h", asked), Ask: ports.History{Room: "den", Limit: 1}})
		}
		if asked >= 100 {
			t.Errorf("%d questions were taken at once", asked)
		}
		for i := range asked {
			l, _ := alice.awaits(func(l line) bool { return l.ID == fmt.Sprint("h", i) })
			if l.Kind == "error" && l.What != string(chat.Unavailable) {
				t.Errorf("question %d: %+v", i, l)
			}
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("they waited %v", took)
		}
		<-alice.pipe.resumed // it takes commands again
		open()
		alice.sends("den", "here I am")
	})
}

func TestWhatWaitsIsDoneThoughItsAskerGoes(t *testing.T) {
	t.Parallel()
	alice, open := withShutRoom(t)
	alice.asks(ports.Send{Room: "den", Body: "hi"})
	alice.asks(ports.Edit{Room: "den", Seq: 1, Body: "hello"})
	alice.asks(ports.Mark{Room: "den", Seq: 2})
	alice.pipe.Close(ports.CloseGone)
	var going sync.WaitGroup
	going.Go(alice.session.Closed)
	open()
	going.Wait()
	again := alice.world.connects("alice")
	if joined := again.joins("den"); joined.Head != 2 || joined.Read != 2 {
		t.Errorf("the den is %+v", joined)
	}
}
