//go:build linux || darwin

package load_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/cmd/bench/load"
)

// scripted is a server that answers a join, and then sends the given payloads, each in a text
// frame.
func scripted(t *testing.T, frames ...string) (addr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token of alice" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		if _, _, err := conn.Read(r.Context()); err != nil { // the join
			t.Error(err)
			return
		}
		for _, f := range frames {
			if err := conn.Write(r.Context(), websocket.MessageText, []byte(f)); err != nil {
				return
			}
		}
		_ = conn.Close(websocket.StatusNormalClosure, "that was all")
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// listener records its calls until the connection ends.
type listener struct {
	loop   *load.Loop
	joined bool
	bodies []string
	ended  error
}

func (l *listener) Joined(*load.Client) { l.joined = true }

func (l *listener) Message(_ *load.Client, m *load.Message) {
	l.bodies = append(l.bodies, string(m.Body))
}

func (l *listener) Closed(_ *load.Client, err error) {
	l.ended = err
	l.loop.Stop()
}

func listen(t *testing.T, addr, user string) (*listener, *load.Client) {
	t.Helper()
	loop, err := load.New(addr, load.Parley{Token: func(user string) string { return "token of " + user }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Close)
	l := &listener{loop: loop}
	c, err := loop.Dial(user, "tea", 10, l)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := loop.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return l, c
}

const joinedAt3 = `{"type":"ok","id":"2","room":"tea","head":3,"from":1,"truncated":false,"role":"write","read":0}`

func entry(seq int) string {
	return fmt.Sprintf(`{"type":"message","room":"tea","seq":%d,"at":"2026-11-23T11:00:00.005Z","author":{"id":"bob","name":"Bob"},"body":"%d"}`, seq, seq)
}

func TestWhatDoesNotComeOnceAndInOrderIsCounted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		seqs        []int
		lost, twice int
	}{
		"all in order":       {[]int{1, 2, 3, 4, 5}, 0, 0},
		"one is missing":     {[]int{1, 2, 4, 5}, 1, 0},
		"the first is":       {[]int{2, 3}, 1, 0},
		"one comes twice":    {[]int{1, 2, 2, 3}, 0, 1},
		"two are exchanged":  {[]int{1, 3, 2, 4}, 1, 1},
		"it begins anew":     {[]int{1, 2, 1, 2}, 0, 2},
		"many are missing":   {[]int{1, 100}, 98, 0},
		"nothing comes":      {nil, 0, 0},
		"history comes only": {[]int{1, 2, 3}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames := []string{`{"type":"welcome","session":"s"}`, joinedAt3}
			for _, seq := range test.seqs {
				frames = append(frames, entry(seq))
			}
			l, c := listen(t, scripted(t, frames...), "alice")
			if c.Lost != test.lost || c.Twice != test.twice {
				t.Errorf("%d are lost and %d came twice, want %d and %d", c.Lost, c.Twice, test.lost, test.twice)
			}
			if !l.joined || len(l.bodies) != len(test.seqs) {
				t.Errorf("joined %v, heard %q", l.joined, l.bodies)
			}
			if l.ended == nil || !strings.Contains(l.ended.Error(), "that was all") {
				t.Errorf("the end was told as %v", l.ended)
			}
		})
	}
}

func TestARefusedHandshakeIsTold(t *testing.T) {
	t.Parallel()
	l, _ := listen(t, scripted(t), "mallory")
	if l.joined || l.ended == nil || !strings.Contains(l.ended.Error(), "401") || !strings.Contains(l.ended.Error(), "who are you?") {
		t.Errorf("joined %v, the end was told as %v", l.joined, l.ended)
	}
}

func TestAServerThatSaysNothingDoesNotHoldUpForEver(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	loop, err := load.New(strings.TrimPrefix(silent.URL, "http://"), load.RawWrite{})
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	if _, err := loop.Dial("alice", "tea", 0, &listener{loop: loop}); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, enough)
	defer cancel()
	if err := loop.Run(ctx); !errors.Is(err, enough) {
		t.Errorf("it returned %v", err)
	}
}

func TestTimersComeInOrder(t *testing.T) {
	t.Parallel()
	loop, err := load.New("127.0.0.1:1", load.RawWrite{})
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	var got []int
	for _, ms := range []int{5, 1, 3, 0} {
		loop.At(time.Duration(ms)*time.Millisecond, func() { got = append(got, ms) })
	}
	loop.At(6*time.Millisecond, loop.Stop)
	if err := loop.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[0 1 3 5]" {
		t.Errorf("they came as %v", got)
	}
}
