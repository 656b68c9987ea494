package ws

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/ports"
)

// TestSlowCommandsHoldUpNobody has many sessions wait for the store, while many more go on.
func TestSlowCommandsHoldUpNobody(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		const waiting, others = 100, 1000
		h := newHub()
		release := make(chan struct{})
		h.command = func(s *session, c ports.Command) bool {
			if _, joins := c.Ask.(ports.Join); joins {
				<-release
			}
			return s.answer(c)
		}
		s := serve(t, h, by)
		var slow []*peer
		for range waiting {
			p, _ := s.joins(h, join(whole(`{"type":"join","id":"1","room":"tea"}`), whole(say("after")))...)
			slow = append(slow, p)
		}
		for range others {
			p, session := s.joins(h)
			p.sends(whole(say("hi")))
			p.wants(`said "hi"`)
			p.Close()
			receive(t, "the session's end", session.closed)
		}
		close(release)
		for _, p := range slow {
			p.wants("ok", `said "after"`)
		}
	})
}

// TestAFloodHoldsUpNobody has some clients send all the time, and others talk.
func TestAFloodHoldsUpNobody(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		h.command = func(s *session, c ports.Command) bool {
			if c.ID == "flood" {
				return true
			}
			return s.answer(c)
		}
		s := serve(t, h, by)
		var floods sync.WaitGroup
		var flooding []*peer
		for range 3 {
			p, _ := s.joins(h)
			floods.Go(func() {
				// Padded, so that the sockets' buffers hold few commands: they are read to the end
				// after the flood.
				flood := `{"type":"ping","id":"flood","pad":"` + strings.Repeat("x", 300) + `"}`
				for frames := bytes.Repeat(whole(flood), 1000); ; {
					if _, err := p.Write(frames); err != nil {
						return
					}
				}
			})
			flooding = append(flooding, p)
		}
		var talks sync.WaitGroup
		for range 20 {
			p, _ := s.joins(h)
			talks.Go(func() {
				for i := range 5 {
					body := fmt.Sprint(i)
					p.Write(whole(say(body)))
					if got, want := p.sees(), fmt.Sprintf("said %q", body); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				}
			})
		}
		talks.Wait()
		for _, p := range flooding {
			p.Close()
		}
		floods.Wait()
	})
}

func TestResumeMayComeBeforeTheCommandIsOver(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		h.command = func(s *session, c ports.Command) bool {
			s.answer(c)
			go s.conn.Resume() // some are early, some late
			if s.asked.Load()%2 == 0 {
				s.conn.Resume()
			}
			return false
		}
		p, _ := serve(t, h, by).joins(h)
		const commands = 2000
		go p.Write(bytes.Repeat(whole(say("x")), commands))
		for range commands {
			p.wants(`said "x"`)
		}
	})
}

func TestAPanicIsOneConnectionsOnly(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		h.command = func(s *session, c ports.Command) bool {
			if c.Ask.(ports.Send).Body == "boom" {
				panic("boom")
			}
			return s.answer(c)
		}
		s := serve(t, h, by)
		bystander, _ := s.joins(h)
		for i := range 100 {
			var p *peer
			if boom := whole(say("boom")); i%2 == 0 {
				p, _ = s.joins(h, boom...) // with the handshake
			} else {
				p, _ = s.joins(h)
				p.sends(boom)
			}
			p.wants("close 1011")
			p.Close()
		}
		bystander.sends(whole(say("hi")))
		bystander.wants(`said "hi"`)
	})
}

// TestNoByteGoesToAnothersFile has connections come and go all the time. Both sides close them in
// every way while they are written to, and they are used long after their end. The numbers of files
// are used again and again, but each client gets bytes of one connection only.
func TestNoByteGoesToAnothersFile(t *testing.T) {
	t.Parallel()
	each(t, tcp(), func(t *testing.T, by serviceOption) {
		h := newHub()
		a := adapter(h, by)
		reason := func(id int) ports.CloseReason {
			switch {
			case id%25 == 0:
				return ports.CloseRestart // its goodbye takes some time
			case id%2 == 0:
				return ports.CloseGone
			}
			return ports.CloseSlow
		}
		var users, servers sync.WaitGroup
		for u := range 8 {
			users.Go(func() {
				for round := range 50 {
					server, client := connected(t)
					a.carry(server, &ports.Opening{}, nil)
					sameBytes(t, client, int64(round+u)<<15, round%3 == 0)
				}
			})
		}
		over := make(chan struct{})
		servers.Go(func() {
			for id := 0; ; id++ {
				select {
				case s := <-h.opened:
					servers.Go(func() { abuse(t, s, bytes.Repeat([]byte{byte(id)}, 50_000), id%20, reason(id)) })
				case <-over:
					return
				}
			}
		})
		users.Wait()
		await(t, "the connections' end", a.Wait)
		close(over)
		servers.Wait()
	})
}

// abuse writes p again and again, closes after the given times, and goes on writing, even after the
// end.
func abuse(t *testing.T, s *session, p []byte, times int, reason ports.CloseReason) {
	t.Helper()
	var writing sync.WaitGroup
	reached := make(chan struct{})
	writing.Go(func() {
		for i := 0; ; i++ {
			if i == times {
				close(reached)
			}
			if err := s.conn.Write(p); err != nil && i >= times {
				return
			}
		}
	})
	<-reached
	s.conn.Close(reason)
	s.conn.Resume()
	receive(t, "the session's end", s.closed)
	writing.Wait()
	if _, err := s.conn.TryWrite(p); err == nil {
		t.Error("a connection that is over took bytes")
	}
	s.conn.Close(ports.CloseSlow)
	s.conn.Resume()
}

// sameBytes reads to the end, or, if goes, until enough bytes have come. All bytes must be equal.
func sameBytes(t *testing.T, client net.Conn, enough int64, goes bool) {
	t.Helper()
	client.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, 32<<10)
	first, some := byte(0), false
	for total := int64(0); !goes || total < enough; {
		n, err := client.Read(got)
		if n > 0 && !some {
			first, some = got[0], true
		}
		if n > 0 && bytes.Count(got[:n], []byte{first}) != n {
			t.Error("bytes of several connections came on one")
		}
		if total += int64(n); err != nil {
			if isTimeout(err) {
				t.Error("the connection does not end")
			}
			break
		}
	}
	client.Close()
}
