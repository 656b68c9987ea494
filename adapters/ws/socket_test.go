package ws

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// TestAClientOfAnotherMake uses another WebSocket library, with and without TLS.
func TestAClientOfAnotherMake(t *testing.T) {
	t.Parallel()
	each(t, tcpAndTLS(t), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		alice := s.dials(ctx, "alice")
		session := receive(t, "alice's session", h.opened)
		if got := alice.Subprotocol(); got != Subprotocol {
			t.Errorf("the protocol is %q", got)
		}
		for _, body := range []string{"hi", strings.Repeat("é", 1000), strings.Repeat("x", chat.MaxBodyChars)} {
			if got := says(ctx, t, alice, body); got != body {
				t.Errorf("got %.40q back, want %.40q", got, body)
			}
		}
		reading := alice.CloseRead(ctx)
		if err := alice.Ping(ctx); err != nil {
			t.Errorf("ping: %v", err)
		}
		session.end(ports.CloseDisconnected)
		<-reading.Done()
		receive(t, "the session's end", session.closed)
	})
}

func (s *service) dials(ctx context.Context, user string) *websocket.Conn {
	s.t.Helper()
	scheme := "ws"
	transport := &http.Transport{TLSClientConfig: s.tls}
	if s.tls != nil {
		scheme = "wss"
	}
	c, response, err := websocket.Dial(ctx, scheme+"://"+s.addr+"/ws", &websocket.DialOptions{
		Subprotocols: []string{Subprotocol, "bearer." + user}, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		s.t.Fatalf("%s: %v", user, err)
	}
	if response.Body != nil {
		response.Body.Close()
	}
	c.SetReadLimit(1 << 20)
	s.t.Cleanup(func() { c.CloseNow(); transport.CloseIdleConnections() })
	return c
}

// says sends a message and returns the body of the answer.
func says(ctx context.Context, t *testing.T, c *websocket.Conn, body string) string {
	t.Helper()
	if err := c.Write(ctx, websocket.MessageText, []byte(say(body))); err != nil {
		t.Error(err)
	}
	return nextBody(ctx, t, c)
}

func nextBody(ctx context.Context, t *testing.T, c *websocket.Conn) string {
	t.Helper()
	_, data, err := c.Read(ctx)
	if err != nil {
		t.Error(err)
		return ""
	}
	var f struct{ Body string }
	if err := json.Unmarshal(data, &f); err != nil {
		t.Errorf("%q: %v", data, err)
	}
	return f.Body
}

// TestTwoUsersNeverMix has users come and go while ended sessions still try to write. Later users
// get memory of the same pools, and must see only their own data.
func TestTwoUsersNeverMix(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		var wg sync.WaitGroup
		for u := range 8 {
			user := fmt.Sprint("user-", u)
			wg.Go(func() {
				for round := range 15 {
					c := s.dials(ctx, user)
					for i := range 5 {
						if want := fmt.Sprint(user, " ", round, " ", i); says(ctx, t, c, want) != want {
							t.Errorf("%s got what is another's", user)
						}
					}
					if round%2 == 0 {
						c.CloseNow()
					} else {
						c.Close(websocket.StatusNormalClosure, "")
					}
				}
			})
		}
		stop := make(chan struct{})
		var stale sync.WaitGroup
		stale.Go(func() { // writes to everybody who ever connected, for as long as the test runs
			for {
				select {
				case session := <-h.opened:
					stale.Go(func() {
						receive(t, "the session's end", session.closed)
						session.conn.Close(ports.CloseGone) // like a session that learns of its end
						for range 20 {
							_, err := session.conn.TryWrite([]byte("\x81\x06secret"))
							if err == nil {
								t.Error("a connection that is over took bytes")
							}
							session.conn.Resume()
							session.conn.Close(ports.CloseSlow)
							runtime.Gosched()
						}
					})
				case <-stop:
					return
				}
			}
		})
		wg.Wait()
		close(stop)
		stale.Wait()
	})
}

func TestAServerThatClosesWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		p, session := s.joins(h)
		session.end(ports.CloseExpired)
		p.wants("close 4401")
		select {
		case <-session.closed:
			t.Error("the connection ended before the client could answer")
		default:
		}
		p.sends(closeFrame("\x11\x31"))
		p.wants("end")
		receive(t, "the session's end", session.closed)
	})
}

func TestAClientThatDoesNotAnswerACloseIsLeft(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		p, session := s.joins(h)
		began := time.Now()
		session.end(ports.CloseSilent)
		p.wants("close 4408", "end")
		receive(t, "the session's end", session.closed)
		if took := time.Since(began); took < goodbye || took > 5*goodbye {
			t.Errorf("the connection ended after %v, want about %v", took, goodbye)
		}
	})
}

// TestClosingABusyClient has a client that sends all the time see the close frame, and not a reset.
func TestClosingABusyClient(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		s := serve(t, h, by)
		p, session := s.joins(h)
		var busy sync.WaitGroup
		busy.Go(func() {
			for frame := bytes.Repeat(whole(say("x")), 100); ; {
				if _, err := p.Write(frame); err != nil {
					return
				}
			}
		})
		p.wants(`said "x"`)
		session.end(ports.CloseRestart)
		if got := p.seesAll("close 1012"); !strings.HasSuffix(got, "close 1012") {
			t.Errorf("it ended with %q", got[max(0, len(got)-30):])
		}
		p.Close()
		busy.Wait()
	})
}

func TestAClientThatGoes(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		for name, goes := range map[string]func(*peer){
			"by a close of TCP":       func(p *peer) { p.Close() },
			"by half a close of TCP":  func(p *peer) { p.Conn.(*net.TCPConn).CloseWrite() },
			"by a reset":              func(p *peer) { p.Conn.(*net.TCPConn).SetLinger(0); p.Close() },
			"in the middle of a word": func(p *peer) { p.sends(whole(say("x"))[:9]); p.Close() },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				h := newHub()
				p, session := serve(t, h, by).joins(h)
				goes(p)
				receive(t, "the session's end", session.closed)
			})
		}
	})
}

// TestAClientThatGoesBeforeItIsRead has its last frames and its end arrive together.
func TestAClientThatGoesBeforeItIsRead(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		a := adapter(h, by)
		server, client := connected(t)
		client.Write(whole(say("bye")))
		client.CloseWrite()
		a.carry(server, &ports.Opening{}, nil)
		session := receive(t, "the session", h.opened)
		receive(t, "the session's end", session.closed)
		if n := session.asked.Load(); n != 1 {
			t.Errorf("%d commands came, want 1", n)
		}
		await(t, "the connection's end", a.Wait)
	})
}

// TestAClientThatSendsNoMoreHearsItsAnswers has answers wait until the client has closed its half.
func TestAClientThatSendsNoMoreHearsItsAnswers(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		asked, closing := make(chan struct{}), make(chan struct{})
		h.command = func(s *session, c ports.Command) bool {
			close(asked)
			<-closing
			return s.answer(c)
		}
		p, session := serve(t, h, by).joins(h)
		p.sends(whole(say("hello")))
		<-asked
		p.Conn.(*net.TCPConn).CloseWrite()
		close(closing)
		p.wants(`said "hello"`, "end")
		receive(t, "the session's end", session.closed)
	})
}

// TestAClientThatGoesIsNotWrittenTo has a write wait, for much longer than the test, while the
// client closes its half.
func TestAClientThatGoesIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		p, session := serve(t, h, by, with(func(c *Config) { c.WriteStall = time.Hour })).joins(h)
		session.put(make([]byte, 64<<20))
		p.Conn.(*net.TCPConn).CloseWrite()
		receive(t, "the session's end", session.closed)
	})
}

func TestASessionThatIsBusyIsNotReadFor(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		asked := make(chan string, 10)
		h.command = func(_ *session, c ports.Command) bool {
			asked <- c.Ask.(ports.Send).Body
			return false
		}
		p, session := serve(t, h, by).joins(h)
		p.sends(join(whole(say("a")), whole(say("b")), whole(say("c"))))
		for _, want := range []string{"a", "b", "c"} {
			if got := receive(t, want, asked); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			// The reader waits, or is about to. It must not go on.
			if n := session.asked.Load(); n != int64(want[0]-'a')+1 {
				t.Errorf("%d commands after %s", n, want)
			}
			session.conn.Resume()
		}
		p.Close()
		session.conn.Resume()
		receive(t, "the session's end", session.closed)
	})
}

func TestASessionThatIsBusyMayEnd(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		asked := make(chan struct{}, 10)
		h.command = func(*session, ports.Command) bool { asked <- struct{}{}; return false }
		p, session := serve(t, h, by).joins(h)
		p.sends(join(whole(say("a")), whole(say("b"))))
		receive(t, "the command", asked)
		session.end(ports.CloseDisconnected)
		p.wants("close 4403", "end")
		p.Close()
		receive(t, "the session's end", session.closed)
		if n := session.asked.Load(); n != 1 {
			t.Errorf("%d commands, want 1", n)
		}
	})
}

// TestAClientThatPingsAndDoesNotRead checks that such a client fills no memory, and gets every pong
// once it reads.
func TestAClientThatPingsAndDoesNotRead(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		p, session := serve(t, h, by).joins(h)
		const pings = 200_000
		var sending sync.WaitGroup
		blocked := make(chan struct{})
		full := sync.OnceFunc(func() { close(blocked) })
		sending.Go(func() {
			frame := bytes.Repeat(pingFrame(strings.Repeat("x", 100)), 100)
			p.SetWriteDeadline(time.Now().Add(time.Second))
			sent, err := 0, error(nil)
			for ; err == nil && sent < pings/100*len(frame); sent += len(frame) {
				var n int
				if n, err = p.Write(frame); err != nil { // the buffers are full: from here on the client reads too
					full()
					p.SetWriteDeadline(time.Now().Add(patience))
					_, err = p.Write(frame[n:])
				}
			}
			if err != nil {
				t.Errorf("after %d bytes: %v", sent, err)
			}
		})
		receive(t, "the moment when the client's pings are no longer read", blocked)
		for range pings {
			if got := p.sees(); !strings.HasPrefix(got, "pong") {
				t.Fatalf("got %s", got)
			}
		}
		sending.Wait()
		if n := session.maxUnwritten(); n > 4*maxPongs {
			t.Errorf("%d bytes of pongs were kept", n)
		}
	})
}

func TestAPanicIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		h.command = func(*session, ports.Command) bool { panic("secret cause") }
		seen := &faults{ch: make(chan error, 1)}
		p, session := serve(t, h, by, with(func(c *Config) { c.Observer = seen })).joins(h)
		p.sends(whole(say("x")))
		if err := receive(t, "the fault", seen.ch); !strings.Contains(err.Error(), "secret cause") || !strings.Contains(err.Error(), "socket_test.go") {
			t.Errorf("the log has %v", err)
		}
		head := make([]byte, 4)
		if _, err := p.in.Read(head); err != nil || !bytes.Equal(head[2:], []byte{0x03, 0xf3}) {
			t.Fatalf("%x, %v; want a close frame with 1011", head, err)
		}
		rest, _ := p.in.ReadString(0)
		if strings.Contains(rest, "secret") {
			t.Errorf("the client is told %q", rest)
		}
		p.Close()
		receive(t, "the session's end", session.closed)
	})
}

func TestAMessageThatTakesTooLong(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		for name, trickle := range map[string][]byte{
			"a message of which nothing more comes":         masked(text, "a"),
			"a header of which nothing more comes":          {fin | text},
			"a ping of which nothing more comes":            pingFrame("hello")[:8],
			"a message with good ones and pings before it":  join(whole(say("x")), pingFrame("p"), masked(text, "a")),
			"a message with pings in it, that do not count": join(masked(text, "a"), pingFrame("p")),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				h := newHub()
				p, session := serve(t, h, by, with(func(c *Config) { c.MessageTime = 100 * time.Millisecond })).joins(h)
				p.sends(trickle)
				if got := p.seesAll("end"); !strings.HasSuffix(got, "close 4408, end") {
					t.Errorf("got %s", got)
				}
				p.Close()
				receive(t, "the session's end", session.closed)
			})
		}
	})
}

// TestTimeRunsForOneMessageOnly has a client send for longer than one message may take. Whenever
// the server reads, a message is incomplete.
func TestTimeRunsForOneMessageOnly(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		inTime(t, 200*time.Millisecond, func(limit time.Duration) (took time.Duration, wrong string) {
			h := newHub()
			p, _ := serve(t, h, by, with(func(c *Config) { c.MessageTime = limit })).joins(h)
			frame := whole(say("x"))
			half := len(frame) / 2
			began := time.Now()
			p.sends(frame[:half])
			next := append(bytes.Clone(frame[half:]), frame[:half]...)
			for begun, tick := began, time.NewTicker(limit/10); time.Since(began) < 4*limit; {
				<-tick.C
				before := begun
				begun = time.Now()
				p.Write(next)
				got := p.sees()
				if took = max(took, time.Since(before)); got != `said "x"` {
					return took, got
				}
			}
			return 0, ""
		})
	})
}

// TestTimeDoesNotRunWhileTheSessionIsBusy has a message come in two parts, with a pause of the
// server between them.
func TestTimeDoesNotRunWhileTheSessionIsBusy(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		inTime(t, 100*time.Millisecond, func(limit time.Duration) (took time.Duration, wrong string) {
			h := newHub()
			h.command = func(s *session, c ports.Command) bool { return s.answer(c) && c.ID != "slow" }
			p, session := serve(t, h, by, with(func(c *Config) { c.MessageTime = limit })).joins(h)
			slow, last := whole(`{"type":"ping","id":"slow"}`), whole(say("b"))
			began := time.Now()
			p.sends(join(pingFrame(""), slow[:5]))
			p.wants(`pong ""`) // the clock runs
			p.Write(slow[5:])  // it stops with the command
			p.Write(last[:9])
			p.Write(last[9:])
			if got := p.sees(); got != "ok" {
				return time.Since(began), got
			}
			<-time.NewTimer(3 * limit).C
			began = time.Now()
			session.conn.Resume()
			if got := p.sees(); got != `said "b"` {
				return time.Since(began), got
			}
			p.sends(whole(say("c")))
			p.wants(`said "c"`)
			return 0, ""
		})
	})
}

func TestEveryByteIsASignOfLife(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		p, session := serve(t, h, by).joins(h)
		for i, data := range [][]byte{masked(fin|byte(opPong), ""), masked(text, "{"), masked(fin, "}")} {
			before := session.heard.Load()
			p.sends(data)
			p.sends(pingFrame(fmt.Sprint(i)))
			for p.sees() != fmt.Sprintf("pong %q", fmt.Sprint(i)) {
				continue
			}
			if session.heard.Load() == before {
				t.Errorf("%x was not heard", data)
			}
		}
	})
}

// TestASlowClientIsLeft has a client request much and never read.
func TestASlowClientIsLeft(t *testing.T) {
	t.Parallel()
	each(t, tcpAndTLS(t), func(t *testing.T, by serviceOption) {
		h := newHub()
		h.command = func(s *session, _ ports.Command) bool {
			s.put(bytes.Repeat(Encoder{}.Frame(nil, ports.Heartbeat{}), 32<<20))
			return true
		}
		p, session := serve(t, h, by, with(func(c *Config) { c.WriteStall = 200 * time.Millisecond })).joins(h)
		p.sends(whole(say("x")))
		receive(t, "the session's end", session.closed)
		if session.reason != ports.CloseSlow {
			t.Errorf("it ended for %v", session.reason)
		}
	})
}
