package nats

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
)

const (
	writeTime    = 2 * time.Second // how long a server may take to accept a write
	dialTime     = 2 * time.Second // how long a connect and the server's greeting may take
	confirmTime  = 5 * time.Second
	farewellTime = time.Second
	// maxIncoming is how many packets may wait between the library and the queue. In a burst,
	// thousands arrive before the goroutine can move them.
	maxIncoming = 64 << 10
)

// New returns a bus. It fails if the URL or the prefix is invalid, or if a file of the URL, other
// than credentials, cannot be used.
func New(cfg Config) (*bus.Bus, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "parley"
	}
	if cfg.Name == "" {
		cfg.Name = "parley"
	}
	if cfg.OnFault == nil {
		cfg.OnFault = func(error) {}
	}
	options, creds, err := cfg.connection()
	if err != nil {
		return nil, err
	}
	if err := checkPrefix(cfg.Prefix); err != nil {
		return nil, err
	}
	place := notices.NewPlace(cfg.Log, cfg.Foreign)
	outbox := bus.NewPackets(place)
	d := &driver{cfg: cfg, options: options, creds: creds, outbox: outbox}
	for _, s := range options.Servers {
		u, err := url.Parse(s)
		if err != nil {
			return nil, errors.New(form)
		}
		d.named = append(d.named, server{url: u})
	}
	rand.Shuffle(len(d.named), func(i, j int) { d.named[i], d.named[j] = d.named[j], d.named[i] })
	d.servers = slices.Clone(d.named)
	return bus.New(d, bus.Config{
		Server: "NATS", Place: place, Outbox: outbox, OnFault: cfg.OnFault,
	}), nil
}

// driver connects to NATS. It uses each connection of the library only until it breaks, because
// package bus reconnects.
type driver struct {
	bus.OneGroup

	cfg     Config
	options nats.Options
	creds   string // a file, or empty
	outbox  *bus.Packets
	named   []server // from the URL
	servers []server // all known ones, in the order in which they are tried
}

// server is a server to connect to.
type server struct {
	url     *url.URL
	tlsName string // the name in its certificate; empty: the URL's host
}

// Dial implements bus.Driver: it connects to the first server that answers.
func (d *driver) Dial(ctx context.Context, _ int, events bus.Events) (bus.Conn, error) {
	var err error
	for range d.servers {
		var c *conn
		if c, err = d.connect(ctx, d.servers[0], events); err == nil {
			return c, nil
		}
		d.servers = append(d.servers[1:], d.servers[0])
	}
	return nil, err
}

func (d *driver) connect(ctx context.Context, to server, events bus.Events) (*conn, error) {
	c := &conn{
		driver: d, events: events, subs: map[chat.RoomID]*nats.Subscription{},
		came: make(chan *nats.Msg, maxIncoming), in: bus.NewQueue(bus.MaxWaiting),
		done: make(chan struct{}), closing: make(chan struct{}),
	}
	dial := &dialer{ctx: ctx}
	o, err := c.optionsFor(to, dial)
	if err != nil {
		return nil, err
	}
	if c.lib, err = o.Connect(); err != nil {
		if errors.Is(err, nats.ErrNoServers) && dial.err != nil {
			err = dial.err // the library does not return the cause
		}
		return nil, err
	}
	c.moving.Go(c.move)
	if limit := c.lib.MaxPayload(); limit > 0 {
		d.outbox.Limit(int(min(limit, bus.MaxPacket)))
	}
	if _, err = c.lib.ChanSubscribe(d.subject(""), c.came); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// learn updates the servers of the cluster from a connection that ends. The server of that
// connection will be tried last.
func (d *driver) learn(discovered []string) {
	last := d.servers[0]
	known := slices.Clone(d.named)
	for _, raw := range discovered {
		found, err := url.Parse(raw)
		if err != nil || slices.ContainsFunc(known, at(found.Host)) {
			continue
		}
		found.User = last.url.User
		s := server{url: found}
		switch { // like the library: certificates seldom contain addresses
		case net.ParseIP(found.Hostname()) == nil:
		case net.ParseIP(last.url.Hostname()) == nil:
			s.tlsName = last.url.Hostname()
		default:
			s.tlsName = last.tlsName
		}
		known = append(known, s)
	}
	d.servers = append(slices.DeleteFunc(known, at(last.url.Host)), last)
}

func at(host string) func(server) bool {
	return func(s server) bool { return s.url.Host == host }
}

// subject returns the subject of a message.
func (d *driver) subject(room chat.RoomID) string {
	if room == "" {
		return d.cfg.Prefix + ".node"
	}
	return d.cfg.Prefix + ".room." + strings.ReplaceAll(string(room), ".", "=")
}

// dialer connects until its context ends. It resolves names itself, because the library does so
// without a time limit.
type dialer struct {
	ctx context.Context
	err error // of the last attempt
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	var conn net.Conn
	conn, d.err = (&net.Dialer{Timeout: dialTime}).DialContext(d.ctx, network, address)
	return conn, d.err
}
