package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/cmd/torture/faultproxy"
	"github.com/parley-chat/parley/cmd/torture/history"
)

// maxHooks is the max number of webhooks of a run.
const maxHooks = 10

// hook is a webhook, with a receiver of its own behind a proxy.
type hook struct {
	client // the admin that makes it
	wish   hookWish
	way    *faultproxy.Proxy
	server *http.Server
	mood   atomic.Pointer[mood]
	trap   *trap

	made   chan struct{} // closed when it is known
	id     string
	secret []byte

	temper temper

	mu   sync.Mutex
	dice *rand.Rand // of its answers
}

// hookWish is the body of POST /v1/hooks.
type hookWish struct {
	URL   string   `json:"url"`
	Rooms []string `json:"rooms"`
	Types []string `json:"types,omitempty"`
	From  string   `json:"from"`
	Batch int      `json:"batch"`
	Wait  int      `json:"wait_ms"`
}

// hookWishes are what hooks ask for, in turn: all; the first two rooms, in small batches that wait
// for more; and two types of entries.
var hookWishes = []hookWish{
	{Rooms: []string{"*"}, Batch: 100},
	{Rooms: []string{"room-1*", "*-2"}, Batch: 7, Wait: 200},
	{Rooms: []string{"room-*"}, Types: []string{"message", "deleted"}, Batch: 25},
}

// hook starts the receiver of a hook, which is made later.
func (r *run) hook(ctx context.Context, i int) (*hook, error) {
	c, err := r.admin(fmt.Sprint("h", i+1), 2000+i)
	if err != nil {
		return nil, err
	}
	h := &hook{client: c, wish: hookWishes[i%len(hookWishes)], temper: newTemper(r.cfg, i), trap: &r.cluster.trap, made: make(chan struct{})}
	h.dice = rand.New(rand.NewPCG(uint64(r.cfg.Seed), uint64(3000+i)))
	h.mood.Store(&well)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	r.receivers.Go(func() { _ = h.server.Serve(listener) })
	if h.way, err = faultproxy.New(ctx, listener.Addr().String()); err != nil {
		return nil, errors.Join(err, h.server.Close())
	}
	h.wish.URL, h.wish.From = "http://"+h.way.Addr()+"/"+h.name, "start"
	return h, nil
}

func (h *hook) close() {
	_ = h.server.Close()
	h.way.Close()
}

// startHooks starts the receivers of all hooks. It makes two thirds of the hooks; the others are
// made while there are faults.
func (r *run) startHooks(ctx context.Context) (hooks []*hook, err error) {
	for i := range r.cfg.Hooks {
		h, err := r.hook(ctx, i)
		if err != nil {
			return hooks, err
		}
		hooks = append(hooks, h)
		if i%3 == 2 {
			continue
		}
		if err := h.make(ctx); err != nil {
			return hooks, err
		}
	}
	return hooks, nil
}

// late makes the hooks that were not made yet, at some time of the run.
func (r *run) late(ctx context.Context, hooks []*hook) error {
	errs := make([]error, len(hooks))
	var wg sync.WaitGroup
	for i, h := range hooks {
		if h.id == "" {
			pausing := h.between(0, r.cfg.Time/2)
			wg.Go(func() {
				pause(ctx, pausing)
				errs[i] = h.make(ctx)
			})
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// make makes the hook, on one node after the other until one answers. If no answer comes, the hook
// may have been made, and is removed.
func (h *hook) make(ctx context.Context) (err error) {
	for ctx.Err() == nil {
		if err = h.tryMake(ctx, h.somewhere()); err == nil {
			h.run.history.Write(history.Record{Kind: history.Hooked, Client: h.name, Rooms: h.wish.Rooms, Types: h.wish.Types})
			close(h.made)
			return nil
		}
		pause(ctx, 200*time.Millisecond)
	}
	return fmt.Errorf("make the hook %s: %w", h.name, errors.Join(err, ctx.Err()))
}

// madeHook is a hook as the service shows it.
type madeHook struct {
	Hook   string `json:"hook"`
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

func (h *hook) tryMake(ctx context.Context, n *node) error {
	var all struct {
		Hooks []madeHook `json:"hooks"`
	}
	if err := h.call(ctx, n, http.MethodGet, "/v1/hooks", nil, &all); err != nil {
		return err
	}
	for _, one := range all.Hooks {
		if one.URL == h.wish.URL {
			if err := h.call(ctx, n, http.MethodDelete, "/v1/hooks/"+one.Hook, nil, nil); err != nil {
				return err
			}
		}
	}
	var made madeHook
	if err := h.call(ctx, n, http.MethodPost, "/v1/hooks", h.wish, &made); err != nil {
		return err
	}
	secret, err := readSecret(made.Secret)
	h.id, h.secret = made.Hook, secret
	return err
}

// call makes a request that must succeed.
func (c *client) call(ctx context.Context, n *node, method, path string, body, answer any) error {
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			return err
		}
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://"+n.addr+path, &in)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	is, err := web.Do(q)
	if err != nil {
		return err
	}
	defer is.Body.Close()
	text, err := io.ReadAll(is.Body)
	switch {
	case err != nil:
		return err
	case is.StatusCode > 299:
		return fmt.Errorf("%s %s: %s: %s", method, path, is.Status, text)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}

// lag is how far the service says that a hook is behind.
type lag struct {
	Entries int  `json:"entries"`
	Partial bool `json:"partial"` // not everything was counted
	Waiting []struct {
		Next time.Time `json:"next"`
	} `json:"waiting"`
}

// notKnown is recorded if the service cannot say how far a hook is behind.
const notKnown = -1

// awaitHooks waits until no hook is behind, as the service says, and records that. If a room waits
// to be tried again because its receiver misbehaved, it waits for that too.
func (r *run) awaitHooks(ctx context.Context, hooks []*hook) {
	began := time.Now()
	deadline := began.Add(endTime)
	lags := make([]lag, len(hooks))
	for {
		for i, h := range hooks {
			var is lag
			if err := h.call(ctx, h.somewhere(), http.MethodGet, "/v1/hooks/"+h.id+"/behind", nil, &is); err != nil || is.Partial {
				is.Entries = notKnown
			}
			lags[i] = is
			for _, room := range is.Waiting {
				// Later tries succeed, so that there is no other wait.
				if last := room.Next.Add(endTime); last.After(deadline) && time.Since(began) < endTime/2 {
					deadline = last
				}
			}
		}
		behind := slices.ContainsFunc(lags, func(l lag) bool { return l.Entries != 0 })
		if !behind || time.Now().After(deadline) || !pause(ctx, 200*time.Millisecond) {
			break
		}
	}
	for i, h := range hooks {
		r.history.Write(history.Record{Kind: history.Behind, Client: h.name, Count: lags[i].Entries})
	}
}
