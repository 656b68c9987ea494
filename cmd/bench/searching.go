//go:build linux || darwin

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/parley-chat/parley/cmd/bench/load"
	"github.com/parley-chat/parley/cmd/bench/report"
)

const (
	askEvery = 10 * time.Millisecond // how often it checks whether a message can be found
	askFor   = 30 * time.Second
)

// searching sends messages at a fixed rate into many rooms. At the same time it sends one message
// after the other with a word of its own, and searches for it until it is found. The latency is the
// time from the answer to that send until then.
func searching(rate int) func(*rig) error {
	return func(r *rig) error {
		const senders = 200
		names := make([]string, senders/2)
		for i := range names {
			names[i] = "bench-" + strconv.Itoa(i)
		}
		if err := r.make(names); err != nil {
			return err
		}
		t := newChatter(r, 0)
		first := len(r.clients)
		if err := r.dial(senders, load.NoJoin, dialling, t, func(i int) string { return names[i%len(names)] }); err != nil {
			return err
		}
		at := 0
		begin, end := t.every(time.Second/time.Duration(rate), func() *load.Client {
			at++
			return r.clients[first+at%senders]
		})
		p := &prober{server: "http://" + r.target.addr, token: r.garage.token(user(0)), rooms: names, latency: report.NewLatency()}
		ctx, stop := context.WithCancel(r.ctx)
		var probing sync.WaitGroup
		probing.Go(func() { p.run(ctx) })
		sum, err := t.during(begin, end)
		stop()
		probing.Wait()
		seconds := sum.took.Seconds()
		r.measure("sends", "/s", sum.acknowledged/seconds)
		r.measure(serverCPU, "s/M sends", sum.cpu.Seconds()/sum.acknowledged*1e6)
		r.measure(serverCPU, "cores", sum.cpu.Seconds()/seconds)
		r.result.Latency = p.latency.Summary()
		r.result.Checks.Entries = t.acknowledged
		return errors.Join(err, p.failed)
	}
}

// prober sends messages, and measures when each can be found.
type prober struct {
	server, token string
	rooms         []string
	latency       *report.Latency
	failed        error
}

func (p *prober) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		room, word := p.rooms[n%len(p.rooms)], "probe"+strconv.FormatInt(time.Now().UnixNano(), 36)
		if err := p.ask(ctx, http.MethodPost, "/v1/rooms/"+room+"/messages", map[string]any{"body": "a " + word, "key": word}, nil); err != nil {
			p.ends(ctx, err)
			return
		}
		said := time.Now()
		for {
			var page struct {
				Hits []json.RawMessage `json:"hits"`
			}
			if err := p.ask(ctx, http.MethodGet, "/v1/search?room="+room+"&q="+url.QueryEscape(word), nil, &page); err != nil {
				p.ends(ctx, err)
				return
			}
			took := time.Since(said)
			if len(page.Hits) > 0 {
				p.latency.Record(took)
				break
			}
			if took > askFor {
				p.failed = fmt.Errorf("a message is not found after %v", took)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(askEvery):
			}
		}
	}
}

func (p *prober) ends(ctx context.Context, err error) {
	if ctx.Err() == nil {
		p.failed = err
	}
}

// ask makes a request of the HTTP API, and reads its answer into a value, if there is one.
func (p *prober) ask(ctx context.Context, method, path string, body, into any) error {
	var text io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(ctx, method, p.server+path, text)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+p.token)
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode > 299 {
		err = fmt.Errorf("%s: %s", answer.Status, data)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(data, into)
	}
	return err
}
