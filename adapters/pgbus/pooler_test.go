package pgbus_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
)

// pooler stands before a server like a pooler in transaction mode with a connection for each
// client: messages of the server outside of requests are lost, because the connection is not lent
// then.
func pooler(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			mu.Lock()
			open = append(open, client, back)
			mu.Unlock()
			lent := &atomic.Bool{}
			lent.Store(true)
			wg.Go(func() {
				defer back.Close()
				_, _ = io.Copy(back, asking{client, lent})
			})
			wg.Go(func() {
				defer client.Close()
				_ = answers(client, back, lent)
			})
		}
	})
	u.Host = l.Addr().String()
	return u.String()
}

// asking is a client's input; while it asks, it is lent a connection.
type asking struct {
	io.Reader
	lent *atomic.Bool
}

func (a asking) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.lent.Store(true)
	}
	return n, err
}

// answers passes on the server's messages, except notifications while the connection is not lent.
func answers(client io.Writer, server io.Reader, lent *atomic.Bool) error {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head[:1]); err != nil {
			return err
		}
		if head[0] == 'N' && lent.Load() { // "no TLS" is an answer of one byte
			return errors.New("use sslmode=disable")
		}
		if _, err := io.ReadFull(server, head[1:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return err
		}
		switch head[0] {
		case 'Z':
			lent.Store(false)
		case 'A':
			if !lent.Load() {
				continue
			}
		}
		if _, err := client.Write(slices.Concat(head, body)); err != nil {
			return err
		}
	}
}

func TestAPoolerByTransactionIsNoticedEachTime(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	good := node(t, database).Connected()
	for range 3 {
		n := node(t, pooler(t, database))
		bustest.Eventually(t, "it says what is in between", func() bool {
			err := n.Check(t.Context())
			if err == nil {
				t.Fatal("it says that it hears")
			}
			return strings.Contains(err.Error(), "a pooler") && strings.Contains(chat.AsError(err).Reason, "PARLEY_BUS_URL")
		})
	}
	if err := good.Check(t.Context()); err != nil {
		t.Errorf("one without a pooler: %v", err)
	}
}
