package torture

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// reader reads rooms, and keeps a cursor in each over all of its connections.
type reader struct {
	client
	rooms   []string
	cursors []atomic.Int64 // by room
}

func (r *run) reader(i int) (*reader, error) {
	c, err := r.client(fmt.Sprint("r", i+1), 1000+i)
	if err != nil {
		return nil, err
	}
	return &reader{client: c, rooms: r.rooms, cursors: make([]atomic.Int64, len(r.rooms))}, nil
}

// read reads until ctx ends, on one connection after the other.
func (r *reader) read(ctx context.Context) {
	for ctx.Err() == nil {
		n := r.somewhere()
		conn, err := r.dial(ctx, n)
		if err != nil {
			pause(ctx, r.between(50*time.Millisecond, 500*time.Millisecond))
			continue
		}
		why := r.follow(ctx, conn, n)
		_ = conn.CloseNow()
		if ctx.Err() != nil {
			return // the run is over: the service did not end this connection
		}
		r.run.history.Write(history.Record{Kind: history.Closed, Client: r.name, Node: n.name, Code: why})
		pause(ctx, r.between(10*time.Millisecond, 300*time.Millisecond))
	}
}

// follow joins the rooms at the cursors, and records what arrives, until the connection ends or the
// reader crashes.
func (r *reader) follow(ctx context.Context, conn *websocket.Conn, n *node) (why string) {
	life, mute := time.Hour, time.Duration(0)
	if slices.Contains(r.run.cfg.Faults, "clients") {
		life = r.between(500*time.Millisecond, 12*time.Second)
		if r.rand.IntN(4) == 0 {
			mute = r.between(500*time.Millisecond, 3*time.Second)
		}
	}
	asked := map[string]int{}
	join := func(room int) error {
		id := fmt.Sprint("j", len(asked))
		asked[id] = room
		return say(ctx, conn, map[string]any{"type": "join", "id": id, "room": r.rooms[room], "after": r.cursors[room].Load()})
	}
	for room := range r.rooms {
		if err := join(room); err != nil {
			return err.Error()
		}
	}
	began, muted := time.Now(), false
	for {
		calm := r.run.calm.Load() // if set, readers do not crash any more
		if !calm && time.Since(began) > life {
			return "crash"
		}
		if !calm && mute > 0 && !muted && time.Since(began) > life/2 {
			muted = true
			pause(ctx, mute)
		}
		f, err := r.next(ctx, conn)
		if err != nil {
			return err.Error()
		}
		switch {
		case f.entry():
			r.saw(&f)
		case f.Type == "ok":
			room := asked[f.ID]
			r.run.history.Write(history.Record{
				Kind: history.Joined, Client: r.name, Node: n.name, Room: r.rooms[room], After: r.cursors[room].Load(), Seq: f.From,
				Head: f.Head, Truncated: f.Truncated,
			})
		case f.Type == "error":
			room, known := asked[f.ID]
			if !known || f.Code != "unavailable" {
				return fmt.Sprintf("%s, for %s", f.Code, f.ID)
			}
			pause(ctx, time.Duration(f.RetryMS)*time.Millisecond/4)
			if err := join(room); err != nil {
				return err.Error()
			}
		}
	}
}

// next reads a frame. Silence is not an error, because rooms may be quiet; but a reader returns
// regularly.
func (r *reader) next(ctx context.Context, conn *websocket.Conn) (frame, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return hear(ctx, conn)
}

func (r *reader) saw(f *frame) {
	record := f.record(history.Saw, f.Room)
	record.Client = r.name
	r.run.history.Write(record)
	if room := slices.Index(r.rooms, f.Room); room >= 0 {
		r.cursors[room].Store(f.Seq)
	}
}

// reached reports whether the reader's cursors are at all heads.
func (r *reader) reached(heads []int64) bool {
	for i := range heads {
		if r.cursors[i].Load() < heads[i] {
			return false
		}
	}
	return true
}
