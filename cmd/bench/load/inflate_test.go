//go:build linux || darwin

package load_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/cmd/bench/load"
)

// Clients that take compressed messages get the texts that a server with another library sent. Each
// refers back to the ones before it.
func TestCompressedMessagesAreInflated(t *testing.T) {
	t.Parallel()
	var want []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1})
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.CloseNow()
		if _, _, err := conn.Read(r.Context()); err != nil { // the join
			t.Error(err)
			return
		}
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"ok","id":"2","head":0,"from":1}`))
		for i := range 500 {
			text := fmt.Sprintf(`{"type":"message","room":"tea","seq":%d,"body":"%d %s"}`, i+1, i, strings.Repeat("x", 400))
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(text))
		}
		_ = conn.Close(websocket.StatusNormalClosure, "that was all")
	}))
	t.Cleanup(server.Close)
	for i := range 500 {
		want = append(want, fmt.Sprint(i, " ", strings.Repeat("x", 400)))
	}
	loop, err := load.New(strings.TrimPrefix(server.URL, "http://"), load.Parley{Token: func(string) string { return "t" }})
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	loop.Compress = true
	for i := range 3 { // the first one inflates everything, the others what it has not
		l := &listener{loop: loop}
		c, err := loop.Dial("alice", "tea", 0, l)
		if err != nil {
			t.Fatal(err)
		}
		c.Index = i
		before := loop.Received
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err = loop.Run(ctx)
		cancel()
		if err != nil || !slices.Equal(l.bodies, want) {
			t.Fatalf("client %d got %d messages (%v, %v), want %d in order", i, len(l.bodies), err, l.ended, len(want))
		}
		if got := loop.Received - before; got > 500*100 {
			t.Errorf("client %d received %d bytes: they were not compressed", i, got)
		}
	}
}
