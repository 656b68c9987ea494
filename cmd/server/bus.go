package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/nats"
	"github.com/parley-chat/parley/adapters/pgbus"
	"github.com/parley-chat/parley/adapters/redis"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/core/hooks"
	"github.com/parley-chat/parley/core/logwatch"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/revocation"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/core/work"
	"github.com/parley-chat/parley/ports"
)

// Bus is what a bus adapter implements. To use your own adapter, decorate this type.
type Bus interface {
	ports.Bus
	ports.Checker
}

// makers make the bus for the scheme of a URL. They do not connect: Run does.
var makers = map[string]func(cfg Config, onFault func(error), w *logwatch.Watch) (Bus, error){
	"local": func(_ Config, _ func(error), w *logwatch.Watch) (Bus, error) {
		return localbus.New().Keeps(w.Log, w.Foreign), nil
	},
	"nats": newNATS, "tls": newNATS,
	"redis": newRedis, "rediss": newRedis, "redis+cluster": newRedis, "rediss+cluster": newRedis,
	"postgres": newPGBus, "postgresql": newPGBus,
}

func newNATS(cfg Config, onFault func(error), w *logwatch.Watch) (Bus, error) {
	b, err := nats.New(nats.Config{URL: cfg.BusURL, Prefix: cfg.BusPrefix, OnFault: onFault, Log: w.Log, Foreign: w.Foreign})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func newRedis(cfg Config, onFault func(error), w *logwatch.Watch) (Bus, error) {
	b, err := redis.New(redis.Config{URL: cfg.BusURL, Prefix: cfg.BusPrefix, OnFault: onFault, Log: w.Log, Foreign: w.Foreign})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func newPGBus(cfg Config, onFault func(error), w *logwatch.Watch) (Bus, error) {
	b, err := pgbus.New(pgbus.Config{URL: cfg.BusURL, Prefix: cfg.BusPrefix, OnFault: onFault, Log: w.Log, Foreign: w.Foreign})
	if err != nil {
		_, rest, _ := strings.Cut(cfg.BusURL, "://")
		return nil, fmt.Errorf("%w%s", err, wrongParameter(rest))
	}
	return b, nil
}

func busURL(raw string) (string, error) {
	if makers[schemeOf(raw)] == nil {
		return "", errors.New("local://, nats://…, redis://…, redis+cluster://… or postgres://…")
	}
	return raw, nil
}

// busPrefix accepts a prefix that is valid for NATS subjects, Redis channels and PostgreSQL
// channels.
func busPrefix(raw string) (string, error) {
	const maxBytes = 40
	odd := func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && r != '_' && r != '-'
	}
	if raw == "" || len(raw) > maxBytes || strings.ContainsFunc(raw, odd) {
		return "", errors.New("1 to 40 characters of A-Z a-z 0-9 _ -")
	}
	return raw, nil
}

func openBus(cfg Config, o ports.Observer, w *logwatch.Watch) (Bus, error) {
	b, err := makers[schemeOf(cfg.BusURL)](cfg, func(err error) { o.Fault(context.Background(), "use the bus", err) }, w)
	if err != nil {
		return nil, startFailure{"open the bus", err}
	}
	return b, nil
}

// busListener passes notices to the parts that need them, most of them to the feeds.
type busListener struct {
	*session.Hub
	service *messaging.Service
	guard   *revocation.Guard
	runner  *consuming.Runner
	hooks   *hooks.Service
}

func newListener(h *session.Hub, s *messaging.Service, g *revocation.Guard, r *consuming.Runner, k *hooks.Service) ports.Audience {
	return busListener{h, s, g, r, k}
}

// Entries implements ports.Listener.
func (l busListener) Entries(entries []chat.Entry) {
	l.Hub.Entries(entries)
	l.runner.Entries(entries)
}

// Head implements ports.Listener.
func (l busListener) Head(room chat.RoomID, seq chat.Seq) {
	l.Hub.Head(room, seq)
	l.runner.Head(room, seq)
}

// Hear implements ports.Listener.
func (l busListener) Hear(notice ports.Notice) {
	l.service.Hear(notice)
	l.guard.Hear(notice)
	l.Hub.Hear(notice)
	l.runner.Hear(notice)
	l.hooks.Hear(notice)
}

// Deaf implements ports.Listener.
func (l busListener) Deaf() {
	l.service.Deaf()
	l.Hub.Deaf()
	l.runner.Deaf()
}

// journalListener passes entries that this node has appended to the bus's listener. It nudges the
// consumers, on whichever node they run, and counts the messages.
type journalListener struct {
	ports.Audience
	runner *consuming.Runner
	rate   *work.Rate
}

// Entries implements ports.Listener.
func (l journalListener) Entries(entries []chat.Entry) {
	l.Audience.Entries(entries)
	l.runner.Appended(entries)
	l.rate.Add(len(entries))
}
