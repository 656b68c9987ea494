package session_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// BenchmarkJoin opens a session that joins a room, waits for its history, and closes it: with
// nothing to catch up with, with 50 entries and with 400 of the ring, and with 50 of the log, where
// the ring may not serve them. An operation is one join.
func BenchmarkJoin(b *testing.B) {
	for _, row := range []struct {
		name    string
		history int
		ring    int // its bytes
	}{{"history=0", 0, 0}, {"history=50/from=ring", 50, 0}, {"history=400/from=ring", 400, 0}, {"history=50/from=log", 50, 1}} {
		b.Run(row.name, func(b *testing.B) { benchmarkJoin(b, row.history, row.ring) })
	}
}

func benchmarkJoin(b *testing.B, history, ring int) {
	store := memory.New()
	hub := session.New(session.Config{
		Log: store, Reader: open{store}, Encoder: joining{}, AntiEntropy: time.Hour, Linger: -1, RingBytesTotal: int64(ring),
	})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); hub.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if _, err := store.Create(ctx, chat.Room{ID: "tea", Public: true}, ""); err != nil {
		b.Fatal(err)
	}
	who, conn := identity("alice"), &tally{reached: make(chan struct{}, 1)}
	join := func(limit int) ports.Session {
		conn.want.Store(conn.bytes.Load() + int64(1+1+limit*frameSize)) // the welcome, the ok and the entries
		s, err := hub.Open(conn, ports.Opening{Identity: who, Join: &ports.Join{Room: "tea", Limit: limit}})
		if err != nil {
			b.Fatal(err)
		}
		<-conn.reached
		return s
	}
	stays := join(0)
	defer stays.Closed()
	for i := range history {
		p := chat.Proposal{Room: "tea", Author: who.Author(), By: chat.Rights{Admin: true}, Key: chat.Key(fmt.Sprint(i)), Fact: hello}
		outcomes, err := store.Append(ctx, []chat.Proposal{p})
		if err != nil {
			b.Fatal(err)
		}
		conn.want.Store(conn.bytes.Load() + frameSize)
		hub.Entries([]chat.Entry{outcomes[0].Entry})
		<-conn.reached
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		join(history).Closed()
	}
}

// joining is fixed, with a byte for each other frame.
type joining struct{ fixed }

func (joining) Frame(dst []byte, _ ports.Frame) []byte { return append(dst, 1) }
