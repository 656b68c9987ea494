package observability

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Observer counts and logs what the service does. Each has its own registry, so that one process
// can have several.
type Observer struct {
	muted    bool         // no metrics
	tracer   trace.Tracer // nil: no traces
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	faults   *faults
	refusals *faults // of what users ask for
	hottest  *hottest
	writes   writes
}

var _ ports.Observer = (*Observer)(nil)

// Option changes how an Observer works.
type Option func(*Observer)

// WithTraces has an Observer make spans of provider; nil: no spans.
func WithTraces(provider trace.TracerProvider) Option {
	return func(o *Observer) {
		if provider != nil {
			o.tracer = provider.Tracer(scope)
		}
	}
}

// WithoutMetrics has an Observer count nothing: its Port only records faults and spans, and
// /metrics has only what others register.
func WithoutMetrics() Option { return func(o *Observer) { o.muted = true } }

// NewObserver returns an observer that logs to log; build is one of its metrics.
func NewObserver(log *slog.Logger, build Build, options ...Option) *Observer {
	r := prometheus.NewRegistry()
	registerProcess(r, build)
	o := &Observer{log: log, registry: r, faults: newFaults(log), refusals: newRefusals(log), hottest: newHottest()}
	for _, option := range options {
		option(o)
	}
	counted := r
	if o.muted {
		counted = prometheus.NewRegistry() // which is not served
	}
	o.metrics = newMetrics(counted)
	o.metrics.exemplars = o.tracer != nil
	return o
}

// Port returns the observer for the core: the Observer, or the part of it that is enabled.
func (o *Observer) Port() ports.Observer {
	if o.muted {
		return quiet{of: o}
	}
	return o
}

// quiet is an Observer that counts nothing.
type quiet struct {
	ports.Unobserved
	of *Observer
}

// Fault implements ports.FaultObserver.
func (q quiet) Fault(ctx context.Context, while string, err error) (id string) {
	return q.of.Fault(ctx, while, err)
}

// Began implements ports.StepObserver.
func (q quiet) Began(ctx context.Context, step ports.Step) (context.Context, ports.Ending) {
	return q.of.Began(ctx, step)
}

// Follows implements ports.StepObserver.
func (q quiet) Follows(t chat.Trace) bool { return q.of.Follows(t) }

// Delivered implements ports.DeliveryObserver.
func (q quiet) Delivered(d ports.Delivery) { q.of.Delivered(d) }

// Requested implements ports.RequestObserver.
func (q quiet) Requested(ctx context.Context, method, path string) (context.Context, func(route string, status int)) {
	return q.of.Requested(ctx, method, path)
}

// Registry returns the registry, for metrics of parts that the core does not know.
func (o *Observer) Registry() prometheus.Registerer { return o.registry }

// Gatherer returns the gatherer of all metrics.
func (o *Observer) Gatherer() prometheus.Gatherer { return o.registry }

// debugs reports whether debug lines are enabled, so that disabled ones cost nothing.
func (o *Observer) debugs(ctx context.Context) bool { return o.log.Enabled(ctx, slog.LevelDebug) }

// SessionOpened implements ports.SessionObserver.
func (o *Observer) SessionOpened(session string, user chat.UserID, remote string) {
	o.metrics.connections.Inc()
	o.metrics.opened.Inc()
	if o.debugs(context.Background()) {
		o.log.Debug("session opened", "session", session, "user", user, "remote", remote)
	}
}

// SessionClosed implements ports.SessionObserver.
func (o *Observer) SessionClosed(session string, user chat.UserID, reason ports.CloseReason, lived time.Duration) {
	o.metrics.connections.Dec()
	o.metrics.closed.WithLabelValues(reason.String()).Inc()
	if o.debugs(context.Background()) {
		o.log.Debug("session closed", "session", session, "user", user, "reason", reason.String(), "lived", lived)
	}
}

// Streams implements ports.StreamObserver.
func (o *Observer) Streams(kind ports.StreamKind, change int) {
	o.metrics.streams.WithLabelValues(kind.String()).Add(float64(change))
	if change > 0 {
		o.metrics.streamsBegan.WithLabelValues(kind.String()).Add(float64(change))
	}
}

// Commanded implements ports.SessionObserver.
func (o *Observer) Commanded(ctx context.Context, session string, ask ports.Ask, err error, took time.Duration) {
	name, result := ports.NameOf(ask), resultOf(err)
	o.metrics.commands.WithLabelValues(name, result).Inc()
	o.metrics.observe(o.metrics.commandTime.WithLabelValues(name), took, ports.TraceOf(ctx))
	if o.debugs(ctx) {
		args := []any{"session", session, "type", name, "result", result, "took", took}
		if err != nil {
			args = append(args, "error", err)
		}
		o.log.DebugContext(ctx, "command answered", args...)
	}
}

// Sent implements ports.SendObserver.
func (o *Observer) Sent(err error) { o.metrics.sends.WithLabelValues(resultOf(err)).Inc() }

// FannedOut implements ports.DeliveryObserver.
func (o *Observer) FannedOut(f ports.FanOut) {
	o.metrics.observe(o.metrics.fanoutFirst, f.First, f.Trace)
	o.metrics.observe(o.metrics.fanoutLast, f.Last, f.Trace)
	o.metrics.deliveries.Add(float64(f.Readers) * float64(f.Entries))
	o.hottest.note(f.Room, f.Readers*f.Entries)
}

// Compressed implements ports.CompressionObserver.
func (o *Observer) Compressed(c ports.Compression) {
	o.metrics.compressed[c.What].add(c)
}

// Behind implements ports.SessionObserver.
func (o *Observer) Behind(sessions int, entries, furthest int64) {
	o.metrics.behind.Set(float64(sessions))
	o.metrics.behindEntries.Set(float64(entries))
	o.metrics.behindMax.Set(float64(furthest))
}

// TokenRefused implements ports.TokenObserver.
func (o *Observer) TokenRefused(reason string) { o.metrics.refusals.WithLabelValues(reason).Inc() }

// CaughtUp implements ports.DeliveryObserver.
func (o *Observer) CaughtUp(entries int, took time.Duration) {
	o.metrics.catchUps.Inc()
	o.metrics.catchUpEntries.Add(float64(entries))
	o.metrics.catchUpTime.Observe(took.Seconds())
}

// Blocked implements ports.DeliveryObserver.
func (o *Observer) Blocked(change int) { o.metrics.blocked.Add(float64(change)) }

// Feeds implements ports.FeedObserver.
func (o *Observer) Feeds(open int, ringBytes int64) {
	o.metrics.feeds.Set(float64(open))
	o.metrics.ringBytes.Set(float64(ringBytes))
}

// Joining implements ports.SessionObserver.
func (o *Observer) Joining(now, waiting int) {
	o.metrics.joins.Set(float64(now))
	o.metrics.joinsWaiting.Set(float64(waiting))
}

// Missed implements ports.FeedObserver.
func (o *Observer) Missed(room chat.RoomID, entries int) {
	o.metrics.missed.Add(float64(entries))
	if o.debugs(context.Background()) {
		o.log.Debug("entries missed on the bus", "room", room, "entries", entries)
	}
}

// Peers implements ports.PresenceObserver.
func (o *Observer) Peers(n int) { o.metrics.peers.Set(float64(n)) }

// Appended implements ports.JournalObserver.
func (o *Observer) Appended(ctx context.Context, proposals int, took time.Duration, err error) {
	o.metrics.batch.Observe(float64(proposals))
	o.metrics.observe(o.metrics.appendTime, took, ports.TraceOf(ctx))
	o.metrics.appends.WithLabelValues(resultOf(err)).Inc()
}

// Held implements ports.JournalObserver.
func (o *Observer) Held(room chat.RoomID, lasted time.Duration, err error) {
	switch {
	case err == nil:
		o.metrics.held.Dec()
		o.log.Info("a room is not waited for any longer", "room", room, "after", lasted)
		return
	case lasted == 0:
		o.metrics.held.Inc()
	}
	o.log.Warn("a room is locked in the store: what is written to it waits, and other rooms go on", "room", room, "for", lasted, "error", err)
}

// Queued implements ports.JournalObserver.
func (o *Observer) Queued(change int) { o.metrics.depth.Add(float64(change)) }

// Flush logs the counts of repeated faults that were not logged yet. Call it at the end, after all
// other calls.
func (o *Observer) Flush() {
	o.faults.flush()
	o.refusals.flush()
}

// Fault implements ports.FaultObserver. A fault that was logged lately is only counted, and the id
// of its log line is returned.
func (o *Observer) Fault(ctx context.Context, while string, err error) (id string) {
	o.metrics.faults.WithLabelValues(while).Inc()
	return o.faults.report(ctx, while, err)
}

const resultOK = "ok"

// resultOf returns ok, or the kind of err.
func resultOf(err error) string {
	if err == nil {
		return resultOK
	}
	return string(chat.AsError(err).Kind)
}
