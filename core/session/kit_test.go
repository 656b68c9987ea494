package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// line is a frame as the test's clients read it, one JSON object a line.
type line struct {
	Kind    string            // entry, welcome, ok, error, signal, drain, heartbeat, close
	ID      string            `json:",omitempty"`
	Entry   *seen             `json:",omitempty"`
	Answer  json.RawMessage   `json:",omitempty"`
	What    string            `json:",omitempty"` // the answer's or the error's kind
	Text    string            `json:",omitempty"`
	Signal  *chat.Signal      `json:",omitempty"`
	Reason  ports.CloseReason `json:",omitempty"`
	RetryMS int64             `json:",omitempty"`
	Can     []string          `json:",omitempty"` // the welcome's features
}

// seen is an entry as a client sees it.
type seen struct {
	Room    chat.RoomID
	Seq     chat.Seq
	Author  chat.UserID
	Via     string `json:",omitempty"`
	Fact    string // message, edited, …
	Target  chat.Seq
	Body    string
	Deleted bool
	Emoji   string // of a set: the slot
	Removed bool
	Count   int
	Counts  map[string]int    `json:",omitempty"`
	Sets    map[string]string `json:",omitempty"` // what is set on a message, by slots
}

type lineEncoder struct{}

func (lineEncoder) Entry(dst []byte, e *chat.Entry) []byte {
	s := seen{Room: e.Room, Seq: e.Seq, Author: e.Author.ID, Via: e.Via, Target: e.Target()}
	switch f := e.Fact.(type) {
	case chat.Message:
		s.Fact, s.Body, s.Deleted = "message", f.Body, !f.DeletedAt.IsZero()
		for _, r := range f.Reactions {
			if s.Counts == nil {
				s.Counts = map[string]int{}
			}
			s.Counts[r.Emoji] = r.Count
		}
		for _, is := range f.Slots {
			if s.Sets == nil {
				s.Sets = map[string]string{}
			}
			s.Sets[is.Slot] = string(is.Data)
		}
	case chat.Edited:
		s.Fact, s.Body = "edited", f.Body
	case chat.Deleted:
		s.Fact = "deleted"
	case chat.Reacted:
		s.Fact, s.Emoji, s.Removed, s.Count = "reacted", f.Emoji, f.Removed, f.Count
	case chat.Set:
		s.Fact, s.Emoji, s.Body = "set", f.Slot, string(f.Data)
	case chat.MemberChanged:
		s.Fact, s.Body = "member", string(f.User)+" "+string(f.Change)
	default:
		s.Fact = fmt.Sprintf("%T", f)
	}
	return appendLine(dst, line{Kind: "entry", Entry: &s})
}

func (lineEncoder) Frame(dst []byte, frame ports.Frame) []byte {
	switch f := frame.(type) {
	case ports.Welcome:
		return appendLine(dst, line{Kind: "welcome", ID: f.Session, Text: string(f.User.ID), Can: f.Features})
	case *ports.OK:
		answer, err := json.Marshal(f.Answer)
		if err != nil {
			panic(err)
		}
		return appendLine(dst, line{Kind: "ok", ID: f.ID, What: fmt.Sprintf("%T", f.Answer), Answer: answer})
	case ports.Failure:
		e := chat.AsError(f.Err)
		return appendLine(dst, line{Kind: "error", ID: f.ID, What: string(e.Kind), Text: e.Reason, RetryMS: e.RetryAfter.Milliseconds()})
	case ports.SignalFrame:
		return appendLine(dst, line{Kind: "signal", Signal: &f.Signal})
	case ports.Added:
		return appendLine(dst, line{Kind: "added", ID: string(f.Room), What: string(f.By.ID), Text: f.Role.String()})
	case ports.ProfileFrame:
		return appendLine(dst, line{Kind: "user", ID: string(f.User), What: f.Name, RetryMS: f.Version})
	case ports.FollowEnded:
		e := chat.AsError(f.Err)
		return appendLine(dst, line{Kind: "left", ID: string(f.Room), What: string(e.Kind), Text: e.Reason})
	case ports.Drain:
		return appendLine(dst, line{Kind: "drain", RetryMS: f.ReconnectIn.Milliseconds()})
	case ports.Heartbeat:
		return appendLine(dst, line{Kind: "heartbeat"})
	case ports.CloseFrame:
		return appendLine(dst, line{Kind: "close", Reason: f.Reason})
	}
	panic(fmt.Sprintf("no frame %T", frame))
}

func readLine(text []byte) (l line) {
	if err := json.Unmarshal(text, &l); err != nil {
		panic(fmt.Sprintf("%v in %q", err, text))
	}
	return l
}

func appendLine(dst []byte, l line) []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	return append(append(dst, b...), '\n')
}

// pipe is a real Conn within the process: a bounded buffer that the client empties.
type pipe struct {
	mu      sync.Mutex
	moved   sync.Cond
	buf     []byte
	size    int
	stall   time.Duration // what Write waits for the client
	closed  bool
	reason  ports.CloseReason
	resumed chan struct{}
	writes  int

	unpacked string // what was unpacked last
	packed   int    // frames that came packed
}

func newPipe(size int) *pipe {
	p := &pipe{size: size, stall: 10 * time.Second, resumed: make(chan struct{}, 1)}
	p.moved.L = &p.mu
	return p
}

var errGone = errors.New("the client is gone")

func (p *pipe) TryWrite(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, errGone
	}
	n := min(len(b), p.size-len(p.buf))
	p.buf = append(p.buf, b[:n]...)
	p.writes++
	p.moved.Broadcast()
	return n, nil
}

func (p *pipe) Write(b []byte) error {
	slow := false
	timer := time.AfterFunc(p.stall, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		slow = true
		p.moved.Broadcast()
	})
	defer timer.Stop()
	for len(b) > 0 {
		n, err := p.TryWrite(b)
		if err != nil {
			return err
		}
		if b = b[n:]; n > 0 {
			timer.Reset(p.stall)
			continue
		}
		p.mu.Lock()
		for len(p.buf) == p.size && !p.closed && !slow {
			p.moved.Wait()
		}
		late := slow
		p.mu.Unlock()
		if late {
			return ports.ErrSlow
		}
	}
	return nil
}

// waits makes writes wait for the client for as long as it takes.
func (p *pipe) waits() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stall = time.Hour
}

// drain takes all that comes, until the connection ends.
func (p *pipe) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		p.buf = p.buf[:0]
		p.moved.Broadcast()
		p.moved.Wait()
	}
}

func (p *pipe) Resume() {
	select {
	case p.resumed <- struct{}{}:
	default:
	}
}

func (p *pipe) Close(reason ports.CloseReason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed, p.reason = true, reason
		p.moved.Broadcast()
	}
}

// ended returns why the connection was closed.
func (p *pipe) ended() ports.CloseReason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// next returns the client's next frame, or false when the connection has ended and everything was
// read.
func (p *pipe) next() (line, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if i := bytes.IndexByte(p.buf, '\n'); i >= 0 {
			l := readLine(p.buf[:i])
			if l.Kind == "packed" {
				l = p.unpack(l)
			}
			p.buf = append(p.buf[:0], p.buf[i+1:]...)
			p.moved.Broadcast()
			return l, true
		}
		if p.closed {
			return line{}, false
		}
		p.moved.Wait()
	}
}

// world is a store, and nodes on it.
type world struct {
	t     testing.TB
	log   ports.Log
	store *memory.Store
	nodes []*node

	opened int // sessions
}

type node struct {
	hub     *session.Hub
	service *messaging.Service
	bus     *flakyBus
	stop    func()
}

type tweak func(*session.Config, *messaging.Config)

func newWorld(t testing.TB, nodes int, tweaks ...tweak) *world {
	t.Helper()
	w := &world{t: t, store: memory.New()}
	w.log = w.store
	line := localbus.New()
	for i := range nodes {
		bus := line
		if i > 0 {
			bus = line.Node()
		}
		w.start(&flakyBus{Bus: bus}, tweaks)
	}
	return w
}

func (w *world) start(bus *flakyBus, tweaks []tweak) {
	mc := messaging.Config{Log: w.log, Directory: w.store, Slots: w.store, Bus: bus, Autocreate: true}
	dc := session.Config{Log: w.log, Bus: bus, Encoder: lineEncoder{}, Packer: linePacker{}, Verifier: trusting{}}
	for _, tw := range tweaks {
		tw(&dc, &mc)
	}
	n := &node{service: messaging.New(mc), bus: bus}
	dc.Limiter = n.service
	aroundWriter, _ := dc.Writer.(aroundWriter)
	if dc.Writer = n.service; aroundWriter.writer != nil {
		dc.Writer = aroundWriter.writer(n.service)
	}
	around, _ := dc.Reader.(around)
	if dc.Reader = n.service; around.reader != nil {
		dc.Reader = around.reader(n.service)
	}
	n.hub = session.New(dc)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { n.hub.Run(ctx) })
	wg.Go(func() { n.service.Run(ctx, n.hub) })
	wg.Go(func() { bus.Run(ctx, n.hub) })
	n.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	w.t.Cleanup(n.stop)
	w.nodes = append(w.nodes, n)
}

// around is a placeholder in a config for a reader that wraps a node's service.
type around struct {
	ports.Reader
	reader func(ports.Reader) ports.Reader
}

// aroundWriter is the same for the writer.
type aroundWriter struct {
	ports.Writer
	writer func(ports.Writer) ports.Writer
}

// trusting accepts the tokens "name", and "name!", which expires in a minute. With "@room" behind
// the name they are valid for one room. The token "svc" is a service's.
type trusting struct{}

func (trusting) Verify(_ context.Context, token string) (chat.Identity, error) {
	if token == "bad" {
		return chat.Identity{}, chat.Errorf(chat.Unauthenticated, "a bad token")
	}
	return *identity(token), nil
}

func identity(token string) *chat.Identity {
	token, brief := strings.CutSuffix(token, "!")
	name, room, some := strings.Cut(token, "@")
	var grants chat.Grants
	if some {
		grants = chat.Grants{room: chat.Write}
	}
	life := 24 * time.Hour
	if brief {
		life = time.Minute
	}
	who := &chat.Identity{User: chat.UserID(name), Name: name, Grants: grants, Expires: time.Now().Add(life)}
	if name == "svc" {
		who.Act, who.Client = true, "shop"
	}
	return who
}

// client is a user with a connection.
type client struct {
	t       testing.TB
	world   *world
	name    string
	pipe    *pipe
	session ports.Session
	skipped []line // frames that were read while looking for another kind
	asked   int
}

// connects opens a session of a user on the first node.
func (w *world) connects(user string) *client { return w.connectsTo(0, user, 1<<20) }

func (w *world) connectsTo(node int, user string, buffer int) *client {
	w.t.Helper()
	c := &client{t: w.t, world: w, name: user, pipe: newPipe(buffer)}
	packing := ports.Unpacked
	if buffer >= packedPipe {
		packing = w.packing()
	}
	var err error
	if c.session, err = w.nodes[node].hub.Open(c.pipe, ports.Opening{Identity: identity(user), Packing: packing}); err != nil {
		w.t.Fatalf("open a session of %s: %v", user, err)
	}
	w.t.Cleanup(c.hangsUp)
	c.hears("welcome")
	return c
}

func (c *client) hangsUp() {
	c.pipe.Close(ports.CloseGone)
	c.session.Closed()
}

// asks gives a command and returns its id.
func (c *client) asks(ask ports.Ask) string {
	c.t.Helper()
	c.asked++
	id := fmt.Sprint(c.asked)
	c.session.Command(context.Background(), ports.Command{ID: id, Ask: ask})
	return id
}

// hears returns the next frame of a kind; others are kept for later.
func (c *client) hears(kind string) line {
	c.t.Helper()
	l, ok := c.awaits(func(l line) bool { return l.Kind == kind })
	if !ok {
		c.t.Fatalf("%s: the connection ended (%v) before a frame %q came", c.name, c.pipe.ended(), kind)
	}
	return l
}

func (c *client) awaits(want func(line) bool) (line, bool) {
	for i, l := range c.skipped {
		if want(l) {
			c.skipped = append(c.skipped[:i:i], c.skipped[i+1:]...)
			return l, true
		}
	}
	for {
		l, ok := c.pipe.next()
		if !ok {
			return line{}, false
		}
		if want(l) {
			return l, true
		}
		c.skipped = append(c.skipped, l)
	}
}

// gets asks and returns the answer, which must be an ok.
func (c *client) gets(ask ports.Ask, into any) {
	c.t.Helper()
	id := c.asks(ask)
	l, ok := c.awaits(func(l line) bool { return l.ID == id && l.Kind != "welcome" })
	if !ok || l.Kind != "ok" {
		c.t.Fatalf("%s asked %#v and got %+v", c.name, ask, l)
	}
	if into != nil {
		if err := json.Unmarshal(l.Answer, into); err != nil {
			c.t.Fatal(err)
		}
	}
}

// isRefused asks and expects an error of a kind.
func (c *client) isRefused(ask ports.Ask, kind chat.Kind) line {
	c.t.Helper()
	id := c.asks(ask)
	l, _ := c.awaits(func(l line) bool { return l.ID == id && l.Kind != "welcome" })
	if l.Kind != "error" || l.What != string(kind) {
		c.t.Fatalf("%s asked %#v and got %+v, want the error %s", c.name, ask, l, kind)
	}
	return l
}

// joins joins a room. If it does not exist, it is made, public.
func (c *client) joins(room chat.RoomID, after ...chat.Seq) ports.Joined {
	c.t.Helper()
	c.world.store.Create(context.Background(), chat.Room{ID: room, Public: true}, "") // there may be one
	return c.joinsAsIs(room, after...)
}

func (c *client) joinsAsIs(room chat.RoomID, after ...chat.Seq) ports.Joined {
	c.t.Helper()
	ask := ports.Join{Room: room, Limit: ports.DefaultPage}
	if len(after) > 0 {
		ask.After = &after[0]
	}
	var j ports.Joined
	c.gets(ask, &j)
	return j
}

func (c *client) sends(room chat.RoomID, body string) ports.Receipt {
	c.t.Helper()
	var sent ports.Sent
	c.gets(ports.Send{Room: room, Body: body}, &sent)
	return sent.Receipt
}

// sees expects the next entries' bodies, in order and with nothing between.
func (c *client) sees(bodies ...string) {
	c.t.Helper()
	for _, want := range bodies {
		if got := c.hears("entry").Entry; got.Body != want {
			c.t.Fatalf("%s saw %+v, want %q", c.name, *got, want)
		}
	}
}

// flakyBus loses, doubles and reorders what it should pass on, as its deal function says.
type flakyBus struct {
	*localbus.Bus
	mu   sync.Mutex
	deal func([]chat.Entry) []chat.Entry
}

func (b *flakyBus) Announce(ctx context.Context, entries []chat.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deal != nil {
		entries = b.deal(entries)
	}
	return b.Bus.Announce(ctx, entries)
}
