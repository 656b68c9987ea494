package ws

import (
	"net"
	"time"

	"github.com/parley-chat/parley/ports"
)

// Carry serves the connection of a client that only reads, by another protocol of the service. The
// session exists already. It gets bytes to the client by the returned Conn, as they are: the caller
// makes of frames what its protocol needs. What the client sends is dropped. When the client is
// gone, or after Close, the connection ends, and Session.Closed is called.
func (a *Adapter) Carry(raw net.Conn, session ports.Session) ports.Conn {
	if tcp, ok := below(raw).(*net.TCPConn); ok {
		giveUpAfter(tcp, silence)
	}
	if a.cfg.Polled {
		if c := a.pollDeaf(raw, session); c != nil {
			return c
		}
	}
	c := deaf{newConn(raw, a.cfg.WriteStall)}
	a.live.Go(func() {
		defer c.end()
		defer session.Closed()
		c.listen()
	})
	return c
}

// silence is how long data may be on its way to a client that only reads: it gives no other sign of
// life. After that the system ends the connection, where it can.
const silence = time.Minute

// deaf is a conn whose client only reads.
type deaf struct{ *conn }

// Close implements ports.Conn. It wakes listen, as the client sends no close frame.
func (c deaf) Close(reason ports.CloseReason) {
	c.conn.Close(reason)
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
}

// listen drops what the client sends, until it goes or the session ends the connection.
func (c deaf) listen() {
	from := newSource(c.conn)
	for {
		_, err := from.next()
		from.release()
		if err != nil {
			break
		}
	}
	if c.closing.Load() {
		c.discard()
	}
}
