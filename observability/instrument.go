package observability

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// The types of this file stand between the core and its adapters. They time and count the calls.

// operations are the timed calls of a store.
var operations = []string{"append", "read", "entry", "heads", "create", "standing", "rooms", "members", "mark"}

// timedLog is a log whose calls are timed.
type timedLog struct {
	ports.Log
	m *metrics
	w *writes
}

// Log returns log with its calls timed.
func (o *Observer) Log(log ports.Log) ports.Log {
	return timedLog{log, o.metrics, &o.writes}
}

// Append implements ports.Log.
func (l timedLog) Append(ctx context.Context, proposals []chat.Proposal) (outcomes []ports.Outcome, err error) {
	defer l.m.timed("append", time.Now(), &err)
	defer func() { l.w.note(err) }()
	return l.Log.Append(ctx, proposals)
}

// Read implements ports.Log.
func (l timedLog) Read(ctx context.Context, room chat.RoomID, span ports.Span) (entries []chat.Entry, err error) {
	defer l.m.timed("read", time.Now(), &err)
	return l.Log.Read(ctx, room, span)
}

// Entry implements ports.Log.
func (l timedLog) Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (entry chat.Entry, err error) {
	defer l.m.timed("entry", time.Now(), &err)
	return l.Log.Entry(ctx, room, seq)
}

// Heads implements ports.Log.
func (l timedLog) Heads(ctx context.Context, rooms []chat.RoomID) (heads map[chat.RoomID]chat.Seq, err error) {
	defer l.m.timed("heads", time.Now(), &err)
	return l.Log.Heads(ctx, rooms)
}

// timedDirectory is a directory whose calls are timed.
type timedDirectory struct {
	ports.Directory
	m *metrics
	w *writes
}

// Directory returns directory with its calls timed.
func (o *Observer) Directory(directory ports.Directory) ports.Directory {
	return timedDirectory{directory, o.metrics, &o.writes}
}

// Create implements ports.Directory.
func (d timedDirectory) Create(ctx context.Context, room chat.Room, owner chat.UserID) (made chat.Room, err error) {
	defer d.m.timed("create", time.Now(), &err)
	defer func() { d.w.note(err) }()
	return d.Directory.Create(ctx, room, owner)
}

// Standing implements ports.Directory.
func (d timedDirectory) Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (s chat.Standing, err error) {
	defer d.m.timed("standing", time.Now(), &err)
	return d.Directory.Standing(ctx, room, user)
}

// Rooms implements ports.Directory.
func (d timedDirectory) Rooms(ctx context.Context, q ports.RoomsQuery) (s []chat.Standing, next chat.RoomID, err error) {
	defer d.m.timed("rooms", time.Now(), &err)
	return d.Directory.Rooms(ctx, q)
}

// Members implements ports.Directory.
func (d timedDirectory) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) (m []chat.Member, err error) {
	defer d.m.timed("members", time.Now(), &err)
	return d.Directory.Members(ctx, room, after, limit)
}

// Mark implements ports.Directory.
func (d timedDirectory) Mark(ctx context.Context, marks []ports.ReadMark) (o []ports.MarkOutcome, err error) {
	defer d.m.timed("mark", time.Now(), &err)
	defer func() { d.w.note(err) }()
	return d.Directory.Mark(ctx, marks)
}

// timed records one call of the store. An error that the caller caused (no such room, a used key)
// does not count as a failure.
func (m *metrics) timed(operation string, began time.Time, err *error) {
	m.storeTime[operation].Observe(time.Since(began).Seconds())
	if *err == nil {
		return
	}
	if kind := chat.AsError(*err).Kind; ours(kind) {
		m.storeErrors.WithLabelValues(operation, string(kind)).Inc()
	}
}

// countedBus is a bus whose notices are counted.
type countedBus struct {
	ports.Bus
	m *metrics
}

// Bus returns bus with its notices counted.
func (o *Observer) Bus(bus ports.Bus) ports.Bus {
	if o.muted {
		return bus
	}
	return countedBus{bus, o.metrics}
}

// Run implements ports.Bus.
func (b countedBus) Run(ctx context.Context, listener ports.Listener) error {
	return b.Bus.Run(ctx, countedListener{listener, b.m})
}

// Announce implements ports.Bus.
func (b countedBus) Announce(ctx context.Context, entries []chat.Entry) error {
	return b.sent("entry", len(entries), b.Bus.Announce(ctx, entries))
}

// Tell implements ports.Bus.
func (b countedBus) Tell(ctx context.Context, notice ports.Notice) error {
	return b.sent(noticeKind(notice), 1, b.Bus.Tell(ctx, notice))
}

// noticeKinds are the label's values for messages on a bus: entries, heads, signals to a room's
// readers, presence, and notices for all nodes.
var noticeKinds = []string{"entry", "head", "signal", "presence", "node"}

func noticeKind(notice ports.Notice) string {
	switch notice.(type) {
	case ports.Signalled:
		return "signal"
	case ports.NodePresence:
		return "presence"
	}
	return "node"
}

func (b countedBus) sent(kind string, n int, err error) error {
	if err != nil {
		b.m.busErrors.Inc()
	} else {
		b.m.notices.WithLabelValues("sent", kind).Add(float64(n))
	}
	return err
}

// countedListener counts what a bus delivers.
type countedListener struct {
	ports.Listener
	m *metrics
}

func (l countedListener) received(kind string, n int) {
	l.m.notices.WithLabelValues("received", kind).Add(float64(n))
}

// Entries implements ports.Listener.
func (l countedListener) Entries(entries []chat.Entry) {
	l.received("entry", len(entries))
	l.Listener.Entries(entries)
}

// Head implements ports.Listener.
func (l countedListener) Head(room chat.RoomID, seq chat.Seq) {
	l.received("head", 1)
	l.Listener.Head(room, seq)
}

// Hear implements ports.Listener.
func (l countedListener) Hear(notice ports.Notice) {
	l.received(noticeKind(notice), 1)
	l.Listener.Hear(notice)
}

// Deaf implements ports.Listener.
func (l countedListener) Deaf() {
	l.m.deaf.Inc()
	l.Listener.Deaf()
}

// Pool adds metrics of a store's connections. They are read at each scrape. A process may have at
// most one.
func (o *Observer) Pool(p ports.Pooled) {
	if o.muted {
		return
	}
	o.registry.MustRegister(pool{p})
}

// pool is the collector of a store's connections.
type pool struct{ of ports.Pooled }

var (
	poolConnections = prometheus.NewDesc("parley_store_pool_connections", "Connections to the store's server, by state.", []string{"state"}, nil)
	poolMax         = prometheus.NewDesc("parley_store_pool_max_connections", "Max connections to the store's server that may be open.", nil, nil)
	poolWaits       = prometheus.NewDesc("parley_store_pool_waits_total", "Calls to the store that had to wait for a connection.", nil, nil)
	poolWaitTime    = prometheus.NewDesc("parley_store_pool_wait_seconds_total", "Time that calls to the store have waited for a connection.", nil, nil)
)

// Describe implements prometheus.Collector.
func (p pool) Describe(to chan<- *prometheus.Desc) {
	to <- poolConnections
	to <- poolMax
	to <- poolWaits
	to <- poolWaitTime
}

// Collect implements prometheus.Collector.
func (p pool) Collect(to chan<- prometheus.Metric) {
	now := p.of.Pool()
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	to <- prometheus.MustNewConstMetric(poolConnections, gauge, float64(now.Idle), "idle")
	to <- prometheus.MustNewConstMetric(poolConnections, gauge, float64(now.Acquired), "acquired")
	to <- prometheus.MustNewConstMetric(poolConnections, gauge, float64(now.Constructing), "constructing")
	to <- prometheus.MustNewConstMetric(poolMax, gauge, float64(now.Most))
	to <- prometheus.MustNewConstMetric(poolWaits, counter, float64(now.Waits))
	to <- prometheus.MustNewConstMetric(poolWaitTime, counter, now.Waited.Seconds())
}
