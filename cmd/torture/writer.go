package torture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/cmd/torture/history"
)

const (
	window   = 4  // max changes of a writer without an answer
	keepMine = 20 // a writer changes its last so many messages
)

// writer sends messages and changes its own. It repeats requests until they have an answer.
type writer struct {
	client
	number int
	asked  int
	mine   []message
	again  []change // to be repeated
}

type message struct {
	room string
	seq  int64
}

// change is a change that a writer requests.
type change struct {
	op, room, key, body, emoji string
	target                     int64
	asked                      time.Time
}

func (r *run) writer(i int) (*writer, error) {
	c, err := r.client(fmt.Sprint("w", i+1), i)
	return &writer{client: c, number: i}, err
}

// write writes until ctx ends, over a socket or HTTP; after that it repeats unanswered requests
// until done ends.
func (w *writer) write(ctx, done context.Context) {
	for done.Err() == nil && (ctx.Err() == nil || len(w.again) > 0) {
		n := w.somewhere()
		if w.number%4 == 3 {
			w.byHTTP(ctx, done, n)
			continue
		}
		conn, err := w.dial(done, n)
		if err != nil {
			pause(done, w.between(50*time.Millisecond, 500*time.Millisecond))
			continue
		}
		w.over(ctx, done, conn)
		_ = conn.CloseNow()
		pause(done, w.between(10*time.Millisecond, 300*time.Millisecond))
	}
}

// over writes over one connection until it ends.
func (w *writer) over(ctx, done context.Context, conn *websocket.Conn) {
	done, cancel := context.WithCancel(done)
	defer cancel()
	frames := make(chan frame)
	go func() {
		defer cancel()
		for {
			f, err := hear(done, conn)
			if err != nil {
				return
			}
			select {
			case frames <- f:
			case <-done.Done():
				return
			}
		}
	}()
	under := map[string]change{}
	defer func() {
		for id, c := range under { // their outcome is unknown
			w.run.history.Write(history.Record{Kind: history.Unknown, Client: w.name, ID: id, Room: c.room})
			w.again = append(w.again, c)
		}
	}()
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-done.Done():
			return
		case f := <-frames:
			if c, ok := under[f.ID]; ok && f.ID != "" {
				delete(under, f.ID)
				w.answered(f.ID, c, &f)
			}
		case <-due.C:
			due.Reset(w.between(time.Millisecond, w.run.cfg.Pace))
			for _, c := range under {
				if time.Since(c.asked) > answerTime {
					return
				}
			}
			if len(under) >= window {
				continue
			}
			c, ok := w.next(ctx)
			if !ok {
				if len(under) == 0 {
					return
				}
				continue
			}
			id := w.ask(&c)
			under[id] = c
			if say(done, conn, c.frame(id)) != nil {
				return
			}
			if c.op == "send" && w.rand.IntN(30) == 0 { // also on another node, at the same time
				w.run.wg.Go(func() { w.twin(done, c) })
			}
		}
	}
}

// next returns the next change.
func (w *writer) next(ctx context.Context) (c change, ok bool) {
	if len(w.again) > 0 {
		c = w.again[0]
		w.again = w.again[1:]
		return c, true
	}
	if ctx.Err() != nil {
		return c, false
	}
	w.asked++
	text := fmt.Sprintf("%s-%d", w.name, w.asked)
	if len(w.mine) > 0 && w.rand.IntN(5) == 0 {
		i := w.rand.IntN(len(w.mine))
		m := w.mine[i]
		c = change{room: m.room, target: m.seq}
		switch w.rand.IntN(4) {
		case 0, 1:
			c.op, c.body = "edit", text+" edited"
		case 2:
			c.op, c.emoji = "react", []string{"👍", "🎉", ":party:"}[w.rand.IntN(3)]
		default:
			c.op = "delete"
			w.mine = append(w.mine[:i], w.mine[i+1:]...)
		}
		return c, true
	}
	return change{op: "send", room: w.run.rooms[w.rand.IntN(len(w.run.rooms))], key: text, body: "the text of " + text}, true
}

// ask records that a change is about to be requested, and returns the request's id.
func (w *writer) ask(c *change) string {
	id := w.run.id()
	c.asked = time.Now()
	w.run.history.Write(history.Record{
		Kind: history.Asked, Client: w.name, ID: id, Op: c.op, Room: c.room, User: w.name, Key: c.key, Body: c.body, Target: c.target, Emoji: c.emoji,
	})
	return id
}

func (c *change) frame(id string) map[string]any {
	f := map[string]any{"type": c.op, "id": id, "room": c.room}
	switch c.op {
	case "send":
		f["key"], f["body"] = c.key, c.body
	case "edit":
		f["seq"], f["body"] = c.target, c.body
	case "delete":
		f["seq"] = c.target
	case "react":
		f["seq"], f["emoji"] = c.target, c.emoji
	}
	return f
}

// answered records an answer. After a temporary error, the change is repeated.
func (w *writer) answered(id string, c change, f *frame) {
	if f.Type == "ok" {
		w.run.history.Write(history.Record{Kind: history.Acked, Client: w.name, ID: id, Room: c.room, Seq: f.Seq, Duplicate: f.Duplicate})
		w.run.took(time.Since(c.asked))
		if c.op == "send" {
			if w.mine = append(w.mine, message{c.room, f.Seq}); len(w.mine) > keepMine {
				w.mine = w.mine[1:]
			}
		}
		return
	}
	w.run.history.Write(history.Record{Kind: history.Refused, Client: w.name, ID: id, Room: c.room, Code: f.Code})
	switch f.Code {
	case "unavailable", "internal", "rate_limited":
		w.again = append(w.again, c)
	}
}

// byHTTP makes one change by HTTP, if it is a message; others wait for a socket.
func (w *writer) byHTTP(ctx, done context.Context, n *node) {
	c, ok := w.next(ctx)
	if !ok {
		return
	}
	id := w.ask(&c)
	f, err := w.post(done, n, c)
	if err != nil {
		w.run.history.Write(history.Record{Kind: history.Unknown, Client: w.name, ID: id, Room: c.room})
		w.again = append(w.again, c)
		pause(done, w.between(10*time.Millisecond, 300*time.Millisecond))
		return
	}
	w.answered(id, c, &f)
	pause(done, w.between(time.Millisecond, w.run.cfg.Pace))
}

// twin sends the same message as its writer, at the same time, over HTTP and on another node. Its
// answer does not matter.
func (w *writer) twin(ctx context.Context, c change) {
	nodes := w.run.cluster.nodes
	n := nodes[int(c.asked.UnixNano())%len(nodes)]
	id := w.ask(&c)
	f, err := w.post(ctx, n, c)
	switch {
	case err != nil:
		w.run.history.Write(history.Record{Kind: history.Unknown, Client: w.name, ID: id, Room: c.room})
	case f.Type == "ok":
		w.run.history.Write(history.Record{Kind: history.Acked, Client: w.name, ID: id, Room: c.room, Seq: f.Seq, Duplicate: f.Duplicate})
	default:
		w.run.history.Write(history.Record{Kind: history.Refused, Client: w.name, ID: id, Room: c.room, Code: f.Code})
	}
}

var errNoAnswer = errors.New("the answer cannot be read")
