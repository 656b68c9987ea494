package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
)

// watcher passes on what it takes.
type watcher struct{ taken chan string }

func (watcher) Name() string                { return "watcher" }
func (watcher) Wants(chat.RoomID) bool      { return true }
func (watcher) From() consuming.From        { return consuming.Start() }
func (watcher) Limits() consuming.Limits    { return consuming.Limits{} }
func (watcher) Seal(consuming.Batch) []byte { return nil }

func (watcher) Filter(e *chat.Entry) bool {
	_, ok := e.Fact.(chat.Message)
	return ok
}

func (w watcher) Take(ctx context.Context, b consuming.Batch) (consuming.Taken, error) {
	for _, e := range b.Entries {
		select {
		case w.taken <- e.Fact.(chat.Message).Body:
		case <-ctx.Done():
			return consuming.Taken{}, ctx.Err()
		}
	}
	return b.All(), nil
}

func TestAConsumerTakesWhatIsSaid(t *testing.T) {
	t.Parallel()
	cfg := forTest(t)
	w := watcher{make(chan string, 10)}
	s := start(t, cfg, fx.Invoke(func(r *consuming.Runner) error { return r.Add(w) }))
	alice := s.enters("alice", "general")
	for _, body := range []string{"one", "two"} {
		alice.says(body)
		if got := <-w.taken; got != body {
			t.Errorf("taken %q, want %q", got, body)
		}
	}
	status, body := s.ask(http.MethodGet, s.AdminURL()+"/debug/consumers", "")
	if status != http.StatusOK || !strings.Contains(body, `"shares": 256`) || !strings.Contains(body, `"consumer": "watcher"`) || !strings.Contains(body, `"oldest_s"`) {
		t.Errorf("/debug/consumers: %d %s", status, body)
	}
	for query, want := range map[string]int{"?consumer=watcher": 200, "?consumer=nobody": 404, "?name=watcher": 400} {
		if status, body := s.ask(http.MethodGet, s.AdminURL()+"/debug/consumers"+query, ""); status != want {
			t.Errorf("%s: got %d %s, want %d", query, status, body, want)
		}
	}
	if _, metrics := s.ask(http.MethodGet, s.AdminURL()+"/metrics", ""); !strings.Contains(metrics, `parley_consumer_entries_total{consumer="watcher"} 2`) {
		t.Error("the metrics do not count what was taken")
	}
}
