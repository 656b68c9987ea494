package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

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

// opener makes a subscription of a client.
type opener interface {
	Subscribe(ctx context.Context, channels ...string) *redis.PubSub
	SSubscribe(ctx context.Context, channels ...string) *redis.PubSub
}

// serve keeps one connection until it breaks or ctx ends. It tells heard what comes, and joined when all that is wanted comes.
func (l *lane) serve(ctx context.Context, client opener, heard func(channel, payload string), joined func()) error {
	var sub *redis.PubSub
	if l.sharded {
		sub = client.SSubscribe(ctx)
	} else {
		sub = client.Subscribe(ctx)
	}
	closing := sync.OnceFunc(func() { _ = sub.Close() })
	defer closing()
	unhook := context.AfterFunc(ctx, closing)
	defer unhook()
	l.begin()
	defer l.end()
	missing, err := l.ask(ctx, sub)
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
		m, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		last.Store(time.Now().UnixNano())
		switch m := m.(type) {
		case *redis.Message:
			heard(m.Channel, m.Payload)
		case *redis.Subscription:
			switch m.Kind {
			case "subscribe", "ssubscribe":
				l.subscribed(m.Channel)
				missing--
			default:
				if l.unsubscribed(m.Channel) {
					return errMoved
				}
			}
		}
	}
}

var errMoved = errors.New("the channels have moved to another server")

// ask asks the server for what has changed, and returns how many channels are to come.
func (l *lane) ask(ctx context.Context, sub *redis.PubSub) (more int, err error) {
	subscribe, unsubscribe := l.change()
	on, off := sub.Subscribe, sub.Unsubscribe
	if l.sharded {
		on, off = sub.SSubscribe, sub.SUnsubscribe
	}
	if len(subscribe) > 0 {
		err = on(ctx, subscribe...)
	}
	if len(unsubscribe) > 0 && err == nil {
		err = off(ctx, unsubscribe...)
	}
	return len(subscribe), err
}

// keep asks for what changes, and whether the server is still there, until ctx ends; it closes a connection that is broken.
func (l *lane) keep(ctx context.Context, sub *redis.PubSub, last *atomic.Int64, closing func()) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
			_, err = l.ask(ctx, sub)
		case now := <-tick.C:
			if err = sub.Ping(ctx); err == nil && now.Sub(time.Unix(0, last.Load())) > silence {
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
