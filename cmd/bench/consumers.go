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
	"strconv"
	"time"

	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/jwt"
	"github.com/parley-chat/parley/cmd/bench/proc"
)

// tell adds to the result the measures that every scenario with messages has.
const (
	noHooks   = ""
	idleHooks = "idle"
	busyHooks = "busy"

	manyHooks = 3 // of each run that has any
)

var everyHooks = []string{noHooks, idleHooks, busyHooks}

// consumers is like durable, with hooks of the rig's kind.
func consumers(senders int) func(*rig) error {
	return func(r *rig) (err error) {
		if r.garage.url != "" {
			return errors.New("webhooks are made only on servers that are started for the run")
		}
		if r.hooks != noHooks {
			if err := r.receive(); err != nil {
				return fmt.Errorf("start the receiver: %w", err)
			}
			defer func() { err = errors.Join(err, r.receiver.process.Stop()) }()
			if err := r.hook("http://" + r.receiver.addr); err != nil {
				return fmt.Errorf("make webhooks: %w", err)
			}
			if err := r.rest(warmUp); err != nil { // so that the hooks have begun
				return err
			}
		}
		if err := durable(senders, 1)(r); err != nil {
			return err
		}
		if r.receiver == nil {
			return nil
		}
		if told, err := r.receiver.count(r.ctx); err != nil || told > 0 != (r.hooks == busyHooks) {
			return errors.Join(err, fmt.Errorf("webhooks that are %q were told %d entries", r.hooks, told))
		}
		return nil
	}
}

// hook makes the webhooks.
func (r *rig) hook(url string) error {
	token, err := r.garage.keys.Sign(jwt.Grant{Subject: "admin", Scope: "chat:admin", TTL: time.Hour})
	if err != nil {
		return err
	}
	rooms := "bench-*"
	if r.hooks == idleHooks {
		rooms = "elsewhere-*"
	}
	for range manyHooks {
		if err := makeHook(r.ctx, "http://"+r.target.addr, token, map[string]any{"url": url, "rooms": []string{rooms}, "from": "start"}); err != nil {
			return err
		}
	}
	return nil
}

func makeHook(ctx context.Context, server, token string, wish map[string]any) error {
	body, err := json.Marshal(wish)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/v1/hooks", bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}

// receiver is the endpoint of the webhooks: a process of its own.
type receiver struct {
	addr    string
	process *proc.Process
	used    proc.Usage // before the measurement
	told    int64      // entries received before the measurement
}

// receive starts the receiver.
func (r *rig) receive() error {
	path, err := r.garage.build(r.ctx, "receiver", r.garage.source, "./cmd/bench/receiver")
	if err != nil {
		return err
	}
	addr, err := freeaddr.Find()
	if err != nil {
		return err
	}
	process, err := proc.Start(r.ctx, proc.Spec{Path: path, Args: []string{"-addr", addr}, Dir: r.garage.dir})
	if err != nil {
		return err
	}
	r.receiver = &receiver{addr: addr, process: process}
	for range 500 {
		if _, err = r.receiver.count(r.ctx); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(err, process.Stop())
}

// count returns how many entries it has received.
func (r *receiver) count(ctx context.Context) (int64, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/told", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// start begins the measurement.
func (r *receiver) start(ctx context.Context) (err error) {
	if r.told, err = r.count(ctx); err != nil {
		return err
	}
	r.used, err = r.process.Usage()
	return err
}

// stop ends it.
func (r *receiver) stop(rig *rig, took time.Duration) error {
	used, err := r.process.Usage()
	if err != nil {
		return err
	}
	told, err := r.count(rig.ctx)
	if err != nil {
		return err
	}
	rig.measure("receiver CPU", "cores", used.Sub(r.used).CPU().Seconds()/took.Seconds())
	rig.measure("told to webhooks", "/s", float64(told-r.told)/took.Seconds())
	return nil
}
