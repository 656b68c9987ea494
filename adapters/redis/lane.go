package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/parley-chat/parley/core/chat"
)

const (
	pingEvery = 2 * time.Second
	silence   = 5 * time.Second // after that a connection counts as broken
)

// lane is a connection that subscribes to channels of one hash slot, or on a single server to all of them.
type lane struct {
	sharded bool
	wake    chan struct{} // holds one: there is something to ask of the server

	mu      sync.Mutex
	wanted  map[string]bool // channels
	asked   map[string]bool // that the server was asked for
	leaving map[string]int  // how often the server has yet to answer that it was asked not to
	dirty   []string        // channels of which the two may differ
	waiting map[string][]chan struct{}
	failing bool // the last connection, or try to make one, has failed: nobody waits for it
}

func newLane(sharded bool) *lane {
	return &lane{
		sharded: sharded, wake: make(chan struct{}, 1),
		wanted: map[string]bool{}, asked: map[string]bool{}, leaving: map[string]int{}, waiting: map[string][]chan struct{}{},
	}
}

// follow asks for a channel. What it returns is closed when it comes, or the connection fails; it is nil while there is none.
func (l *lane) follow(channel string) (there chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted[channel] = true
	l.dirty = append(l.dirty, channel)
	nudge(l.wake)
	if l.failing {
		return nil
	}
	there = make(chan struct{})
	l.waiting[channel] = append(l.waiting[channel], there)
	return there
}

func (l *lane) unfollow(channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.wanted, channel)
	l.dirty = append(l.dirty, channel)
	nudge(l.wake)
}

// idle reports whether nothing is wanted.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.wanted) == 0
}

// begin forgets what the last connection was asked, and has all that is wanted asked for anew.
func (l *lane) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.asked)
	clear(l.leaving)
	l.dirty = l.dirty[:0]
	for channel := range l.wanted {
		l.dirty = append(l.dirty, channel)
	}
}

// end lets those go who wait for a connection that is no more.
func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = true
	for channel, waiting := range l.waiting {
		for _, w := range waiting {
			close(w)
		}
		delete(l.waiting, channel)
	}
}

// change returns what is to be asked of the server.
func (l *lane) change() (subscribe, unsubscribe []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, channel := range l.dirty {
		switch wanted := l.wanted[channel]; {
		case wanted && !l.asked[channel]:
			l.asked[channel] = true
			subscribe = append(subscribe, channel)
		case !wanted && l.asked[channel]:
			delete(l.asked, channel)
			l.leaving[channel]++
			unsubscribe = append(unsubscribe, channel)
		}
	}
	l.dirty = l.dirty[:0]
	return subscribe, unsubscribe
}

// subscribed notes the server's answer.
func (l *lane) subscribed(channel string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.waiting[channel] {
		close(w)
	}
	delete(l.waiting, channel)
}

// unsubscribed notes that the server has ended a channel, and reports whether nobody asked for that: its slot has moved.
func (l *lane) unsubscribed(channel string) (moved bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaving[channel] == 0 {
		return l.wanted[channel]
	}
	if l.leaving[channel]--; l.leaving[channel] == 0 {
		delete(l.leaving, channel)
	}
	return false
}

// some returns a channel that is wanted, if there is one; all of a lane have one slot.
func (l *lane) some() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for channel := range l.wanted {
		return channel
	}
	return ""
}

// connect connects to the server that has the lane's slot, or on servers that are not sharded to any.
func (l *lane) connect(ctx context.Context, s *servers) (*conn, error) {
	if !l.sharded {
		return s.dialAny(ctx)
	}
	addr, err := s.owner(ctx, l.some())
	if err != nil {
		return nil, err
	}
	return s.dial(ctx, addr)
}

// serve keeps one connection until it breaks or ctx ends. It tells heard what comes, and joined when all that is wanted comes.
func (l *lane) serve(ctx context.Context, s *servers, heard func(channel, payload string), joined func()) error {
	l.begin()
	defer l.end()
	sub, err := l.connect(ctx, s)
	if err != nil {
		return err
	}
	closing := sync.OnceFunc(sub.close)
	defer closing()
	unhook := context.AfterFunc(ctx, closing)
	defer unhook()
	missing, err := l.ask(sub)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer closing()
	defer stop()
	var last atomic.Int64
	last.Store(time.Now().UnixNano())
	wg.Go(func() { l.keep(ctx, sub, &last, closing) })
	for {
		if missing == 0 {
			missing = -1
			l.mu.Lock()
			l.failing = false
			l.mu.Unlock()
			joined()
		}
		said, err := redis.Values(redis.ReceiveWithTimeout(sub.Conn, 0)) // keep watches it
		if err != nil {
			return err
		}
		last.Store(time.Now().UnixNano())
		if len(said) < 3 {
			continue // the answer to a ping
		}
		kind, _ := redis.String(said[0], nil)
		channel, _ := redis.String(said[1], nil)
		switch kind {
		case "message", "smessage":
			payload, _ := redis.String(said[2], nil)
			heard(channel, payload)
		case "subscribe", "ssubscribe":
			l.subscribed(channel)
			missing--
		case "unsubscribe", "sunsubscribe":
			if l.unsubscribed(channel) {
				return errMoved
			}
		}
	}
}

var errMoved = errors.New("the channels have moved to another server")

// ask asks the server for what has changed, and returns how many channels are to come.
func (l *lane) ask(sub *conn) (more int, err error) {
	subscribe, unsubscribe := l.change()
	on, off := "SUBSCRIBE", "UNSUBSCRIBE"
	if l.sharded {
		on, off = "SSUBSCRIBE", "SUNSUBSCRIBE"
	}
	if len(subscribe) > 0 {
		err = sub.Send(on, redis.Args{}.AddFlat(subscribe)...)
	}
	if len(unsubscribe) > 0 && err == nil {
		err = sub.Send(off, redis.Args{}.AddFlat(unsubscribe)...)
	}
	if err != nil {
		return 0, err
	}
	return len(subscribe), sub.Flush()
}

// keep asks for what changes, and whether the server is still there, until ctx ends; it closes a connection that is broken.
func (l *lane) keep(ctx context.Context, sub *conn, last *atomic.Int64, closing func()) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
			_, err = l.ask(sub)
		case now := <-tick.C:
			if err = errors.Join(sub.Send("PING"), sub.Flush()); err == nil && now.Sub(time.Unix(0, last.Load())) > silence {
				err = chat.Errorf(chat.Unavailable, "Redis does not answer")
			}
		}
		if err != nil {
			closing()
			return
		}
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
