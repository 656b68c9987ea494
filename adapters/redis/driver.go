package redis

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
)

const roomGroups = 16 // of a cluster

// New returns a bus. It fails if the URL is invalid.
func New(cfg Config) (*bus.Bus, error) {
	for name, std := range map[*string]string{&cfg.Prefix: "parley", &cfg.Name: "parley"} {
		if *name == "" {
			*name = std
		}
	}
	servers, err := cfg.servers()
	if err != nil {
		return nil, err
	}
	place := notices.NewPlace(cfg.Log, cfg.Foreign)
	return bus.New(&driver{prefix: cfg.Prefix, servers: servers}, bus.Config{
		Server: "Redis", Place: place, Outbox: bus.NewPackets(place), OnFault: cfg.OnFault,
	}), nil
}

// driver connects to Redis. If publish and subscribe is sharded, the first group carries messages
// for all nodes, and the others the rooms.
type driver struct {
	prefix  string
	servers *servers
	sharded bool
}

// Groups implements bus.Driver. It finds out whether the servers have sharded publish and
// subscribe.
func (d *driver) Groups(ctx context.Context) (int, error) {
	if !d.servers.cluster {
		return 1, nil
	}
	info, _, err := d.servers.ask(ctx, "COMMAND", "INFO", "SSUBSCRIBE")
	if err != nil {
		return 0, err
	}
	known, _ := info.([]any)
	if d.sharded = len(known) == 1 && known[0] != nil; d.sharded {
		return 1 + roomGroups, nil
	}
	return 1, nil
}

// Group implements bus.Driver.
func (d *driver) Group(room chat.RoomID) int {
	if !d.sharded {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(room))
	return 1 + int(h.Sum32()%roomGroups)
}

// channel returns the channel of a room, or of all nodes if it is empty.
func (d *driver) channel(room chat.RoomID) string {
	switch {
	case !d.sharded && room == "":
		return d.prefix + ":node"
	case !d.sharded:
		return d.prefix + ":room:" + string(room)
	case room == "":
		return d.prefix + ":{node}:node"
	default:
		return fmt.Sprintf("%s:{%d}:room:%s", d.prefix, d.Group(room)-1, room)
	}
}

// channels returns the channels of rooms.
func (d *driver) channels(rooms []chat.RoomID) []string {
	channels := make([]string, len(rooms))
	for i, room := range rooms {
		channels[i] = d.channel(room)
	}
	return channels
}

// Dial implements bus.Driver. A group that has only rooms connects with the first room.
func (d *driver) Dial(ctx context.Context, group int, _ bus.Events) (bus.Conn, error) {
	s := newSubscriber(d)
	if group > 0 {
		return s, nil
	}
	s.publisher = newPublisher(d.servers, d.sharded)
	if err := s.subscribe(ctx, []string{d.channel("")}); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close implements bus.Driver.
func (d *driver) Close() { d.servers.close() }
