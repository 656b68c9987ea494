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
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/adapters/jwt"
)

// The consumers that a scenario compares: none; hooks that follow other rooms than those of the
// run; and hooks that are told everything, by a receiver that answers at once.
const (
	noHooks   = ""
	idleHooks = "idle"
	busyHooks = "busy"

	manyHooks = 3 // of each run that has any
)

var everyHooks = []string{noHooks, idleHooks, busyHooks}

// consumers is durable beside hooks of the rig's kind.
func consumers(senders int) func(*rig) error {
	return func(r *rig) error {
		if r.garage.url != "" {
			return errors.New("webhooks are made only on servers that are started for the run")
		}
		if r.hooks != noHooks {
			receiver := httptest.NewServer(http.HandlerFunc(r.tell))
			defer receiver.Close()
			if err := r.hook(receiver.URL); err != nil {
				return fmt.Errorf("make webhooks: %w", err)
			}
			if err := r.rest(warmUp); err != nil { // so that they have begun
				return err
			}
		}
		if err := durable(senders, 1)(r); err != nil {
			return err
		}
		if told := r.told.Load(); told > 0 != (r.hooks == busyHooks) {
			return fmt.Errorf("webhooks that are %q were told %d entries", r.hooks, told)
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

// tell is the receiver: it counts the entries of a batch, and answers 200.
func (r *rig) tell(_ http.ResponseWriter, q *http.Request) {
	_, _ = io.Copy(io.Discard, q.Body)
	r.told.Add(entriesOf(q.Header.Get("webhook-id")))
}

// entriesOf returns how many entries a batch has by its id, <hook>.<room>.<first>-<last>.<digest>:
// a hook without types takes all between the bounds.
func entriesOf(id string) int64 {
	parts := strings.Split(id, ".")
	if len(parts) < 4 {
		return 0
	}
	low, high, _ := strings.Cut(parts[len(parts)-2], "-")
	first, err := strconv.ParseInt(low, 10, 64)
	last, err2 := strconv.ParseInt(high, 10, 64)
	if err != nil || err2 != nil {
		return 0
	}
	return last - first + 1
}
