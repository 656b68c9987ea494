package ws

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// connected returns both ends of a TCP connection.
func connected(t *testing.T) (server, client net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

func TestAWriteThatWouldWaitDoesNot(t *testing.T) {
	t.Parallel()
	server, client := connected(t)
	c := newConn(server, 200*time.Millisecond)
	p := bytes.Repeat([]byte("x"), 1<<16)
	total := 0
	for {
		n, err := c.TryWrite(p)
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n < len(p) {
			break
		}
		if total > 1<<30 {
			t.Fatal("a client that reads nothing took 1 GiB")
		}
	}
	if err := c.Write(make([]byte, 64<<20)); !errors.Is(err, ports.ErrSlow) {
		t.Fatalf("a write without progress: %v", err)
	}
	// The client reads after all: what could not be written before goes now.
	go io.Copy(io.Discard, client)
	if err := c.Write(p); err != nil {
		t.Fatalf("a write while the client reads: %v", err)
	}
	if n, err := c.TryWrite(p[:10]); err != nil || n == 0 {
		t.Fatalf("a try after that: %d, %v", n, err)
	}
	c.Close(ports.CloseGone)
	if _, err := c.TryWrite(p); err == nil {
		t.Error("a closed connection takes bytes")
	}
}

func TestATryAllocatesNothing(t *testing.T) {
	server, client := connected(t)
	go io.Copy(io.Discard, client)
	c := newConn(server, time.Second)
	p := []byte("hello")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.TryWrite(p); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("a write allocates %v times", n)
	}
}

func TestEncoder(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 30, 50, 4000, 16000, 70000} {
		e := chat.Entry{Room: "tea", Seq: 1, Fact: chat.Message{Body: strings.Repeat("x", size)}}
		frame := Encoder{}.Entry([]byte("before"), &e)
		payload, ok := bytes.CutPrefix(frame, []byte("before"))
		if !ok {
			t.Fatalf("%d: what was there is gone", size)
		}
		n, rest := payloadLen(t, payload)
		if n != len(rest) || !bytes.HasPrefix(rest, []byte(`{"type":"message"`)) || rest[len(rest)-1] != '}' {
			t.Errorf("%d: the header says %d of %d bytes %.40q", size, n, len(rest), rest)
		}
	}
	if got := (Encoder{}).Frame(nil, ports.Heartbeat{}); !bytes.Equal(got, []byte{0x89, 0}) {
		t.Errorf("heartbeat %x", got)
	}
	if got := (Encoder{}).Frame(nil, ports.CloseFrame{Reason: ports.CloseRestart}); got[0] != 0x88 || got[2] != 0x03 || got[3] != 0xf4 || int(got[1]) != len(got)-2 {
		t.Errorf("close %x", got)
	}
}

func payloadLen(t *testing.T, frame []byte) (int, []byte) {
	t.Helper()
	if frame[0] != 0x81 {
		t.Fatalf("no text frame: %x", frame[0])
	}
	switch n := int(frame[1]); n {
	case 126:
		return int(frame[2])<<8 | int(frame[3]), frame[4:]
	case 127:
		n = 0
		for _, b := range frame[2:10] {
			n = n<<8 | int(b)
		}
		return n, frame[10:]
	default:
		return n, frame[2:]
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	some := newOrigins([]string{"https://App.example", "http://localhost:3000"})
	for _, c := range []struct {
		origin, host string
		want         bool
	}{
		{"https://app.example", "chat.example", true},
		{"HTTPS://APP.EXAMPLE:443", "chat.example", true},
		{"http://app.example", "chat.example", false},
		{"https://app.example.evil", "chat.example", false},
		{"http://localhost:3000", "chat.example", true},
		{"http://localhost:3001", "chat.example", false},
		{"https://chat.example", "chat.example", true},
		{"http://chat.example:8080", "chat.example:8080", true},
		{"http://chat.example:8081", "chat.example:8080", false},
		{"null", "chat.example", false},
		{"file://", "chat.example", false},
		{"https://evil.example", "chat.example", false},
	} {
		if got := some.allow(c.origin, "http", c.host); got != c.want {
			t.Errorf("%s at %s: %v", c.origin, c.host, got)
		}
	}
	if !newOrigins([]string{"*"}).allow("https://anybody.example", "http", "x") {
		t.Error("* does not allow everybody")
	}
}
