package redis

import (
	"context"
	"errors"
)

const maxMoves = 3 // how often a packet may be sent to another server because its slot has moved

// publisher publishes packets, with a connection to each server that has one of their slots.
type publisher struct {
	servers *servers
	sharded bool
	conns   map[string]*conn // by address; if not sharded, one to any server, with the key ""
}

// packet is a message for a channel.
type packet struct {
	channel string
	data    []byte
}

func newPublisher(s *servers, sharded bool) *publisher {
	return &publisher{servers: s, sharded: sharded, conns: map[string]*conn{}}
}

func (p *publisher) close() {
	for _, c := range p.conns {
		c.close()
	}
}

var errMoved = errors.New("the channels have moved to another server")

// publish sends packets, in order for each channel. If a slot has moved, its packets are sent to
// its new server.
func (p *publisher) publish(ctx context.Context, all []packet) error {
	for range maxMoves {
		moved, err := p.spread(ctx, all)
		if err != nil || len(moved) == 0 {
			return err
		}
		p.servers.forget()
		all = moved
	}
	return errMoved
}

// spread sends each packet to its server, and returns those whose slot is on another server.
func (p *publisher) spread(ctx context.Context, all []packet) (moved []packet, err error) {
	to := map[string][]packet{}
	for _, one := range all {
		addr := ""
		if p.sharded || !p.servers.cluster {
			if addr, err = p.servers.owner(ctx, one.channel); err != nil {
				return nil, err
			}
		}
		to[addr] = append(to[addr], one)
	}
	for addr, some := range to {
		elsewhere, err := p.pipeline(ctx, addr, some)
		if err != nil {
			return nil, err
		}
		moved = append(moved, elsewhere...)
	}
	return moved, nil
}

// pipeline sends packets to one server, and waits for its answers.
func (p *publisher) pipeline(ctx context.Context, addr string, all []packet) (moved []packet, err error) {
	c, err := p.connected(ctx, addr)
	if err != nil {
		return nil, err
	}
	unhook := c.until(ctx)
	defer unhook()
	defer func() {
		if c.Err() != nil {
			c.close()
			delete(p.conns, addr)
			p.servers.forget()
		}
	}()
	command := "PUBLISH"
	if p.sharded {
		command = "SPUBLISH"
	}
	for _, one := range all {
		if err := c.Send(command, one.channel, one.data); err != nil {
			return nil, err
		}
	}
	if err := c.Flush(); err != nil {
		return nil, err
	}
	for _, one := range all {
		_, refused := c.Receive()
		switch {
		case hasMoved(refused):
			moved = append(moved, one)
		case refused != nil:
			err = errors.Join(err, refused)
		}
		if c.Err() != nil {
			return nil, err
		}
	}
	return moved, err
}

// connected returns the connection to a server.
func (p *publisher) connected(ctx context.Context, addr string) (c *conn, err error) {
	if c := p.conns[addr]; c != nil {
		return c, nil
	}
	if addr == "" {
		c, err = p.servers.dialAny(ctx)
	} else {
		c, err = p.servers.dial(ctx, addr)
	}
	if err != nil {
		p.servers.forget()
		return nil, err
	}
	p.conns[addr] = c
	return c, nil
}
