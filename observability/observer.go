package observability

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Observer counts and logs what the service does. It has a registry of its own, so that several can live in one process.
type Observer struct {
	log      *slog.Logger
	registry *prometheus.Registry
	metrics  *metrics
	faults   *faults
}

var _ ports.Observer = (*Observer)(nil)

// NewObserver returns an observer that logs to log; the metrics say which build it is.
func NewObserver(log *slog.Logger, build Build) *Observer {
	r := prometheus.NewRegistry()
	registerProcess(r, build)
	return &Observer{log: log, registry: r, metrics: newMetrics(r), faults: newFaults(log)}
}

// Registry returns the registry, for metrics of parts that the core does not know.
func (o *Observer) Registry() prometheus.Registerer { return o.registry }

// Gatherer returns what reads all metrics at once.
func (o *Observer) Gatherer() prometheus.Gatherer { return o.registry }

// debugs reports whether debug lines are wanted, so that nothing is built up for those that are not.
func (o *Observer) debugs() bool { return o.log.Enabled(context.Background(), slog.LevelDebug) }

// SessionOpened implements ports.SessionObserver.
func (o *Observer) SessionOpened(session string, user chat.UserID, remote string) {
	o.metrics.connections.Inc()
	o.metrics.opened.Inc()
	if o.debugs() {
		o.log.Debug("session opened", "session", session, "user", user, "remote", remote)
	}
}

// SessionClosed implements ports.SessionObserver.
func (o *Observer) SessionClosed(session string, user chat.UserID, reason ports.CloseReason, lived time.Duration) {
	o.metrics.connections.Dec()
	o.metrics.closed.WithLabelValues(reason.String()).Inc()
	if o.debugs() {
		o.log.Debug("session closed", "session", session, "user", user, "reason", reason.String(), "lived", lived)
	}
}

// Commanded implements ports.SessionObserver.
func (o *Observer) Commanded(session string, ask ports.Ask, err error, took time.Duration) {
	name, result := askName(ask), resultOf(err)
	o.metrics.commands.WithLabelValues(name, result).Inc()
	o.metrics.commandTime.WithLabelValues(name).Observe(took.Seconds())
	if _, ok := ask.(ports.Send); ok {
		o.metrics.sends.WithLabelValues(result).Inc()
	}
	if o.debugs() {
		args := []any{"session", session, "type", name, "result", result, "took", took}
		if err != nil {
			args = append(args, "error", err)
		}
		o.log.Debug("command answered", args...)
	}
}

// FannedOut implements ports.DeliveryObserver.
func (o *Observer) FannedOut(_ chat.RoomID, readers, entries int, took time.Duration) {
	o.metrics.fanout.Observe(took.Seconds())
	o.metrics.deliveries.Add(float64(readers) * float64(entries))
}

// CaughtUp implements ports.DeliveryObserver.
func (o *Observer) CaughtUp(entries int, took time.Duration) {
	o.metrics.catchUps.Inc()
	o.metrics.catchUpEntries.Add(float64(entries))
	o.metrics.catchUpTime.Observe(took.Seconds())
}

// Blocked implements ports.DeliveryObserver.
func (o *Observer) Blocked(change int) { o.metrics.blocked.Add(float64(change)) }

// Feeds implements ports.DeliveryObserver.
func (o *Observer) Feeds(open int, ringBytes int64) {
	o.metrics.feeds.Set(float64(open))
	o.metrics.ringBytes.Set(float64(ringBytes))
}

// Missed implements ports.DeliveryObserver.
func (o *Observer) Missed(room chat.RoomID, entries int) {
	o.metrics.missed.Add(float64(entries))
	if o.debugs() {
		o.log.Debug("entries missed on the bus", "room", room, "entries", entries)
	}
}

// Appended implements ports.JournalObserver.
func (o *Observer) Appended(proposals int, took time.Duration, err error) {
	o.metrics.batch.Observe(float64(proposals))
	o.metrics.appendTime.Observe(took.Seconds())
	o.metrics.appends.WithLabelValues(resultOf(err)).Inc()
}

// Queued implements ports.JournalObserver.
func (o *Observer) Queued(change int) { o.metrics.depth.Add(float64(change)) }

// Fault implements ports.Observer. A fault that comes again within a second is counted, and gets the id under which it was logged.
func (o *Observer) Fault(ctx context.Context, while string, err error) (id string) {
	o.metrics.faults.WithLabelValues(while).Inc()
	return o.faults.report(ctx, while, err)
}

// resultOf returns ok, or the kind of err.
func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return string(chat.AsError(err).Kind)
}

// askName returns the protocol's name of what was asked.
func askName(ask ports.Ask) string {
	switch ask.(type) {
	case ports.Auth:
		return "auth"
	case ports.Join:
		return "join"
	case ports.Leave:
		return "leave"
	case ports.Send:
		return "send"
	case ports.Edit:
		return "edit"
	case ports.Delete:
		return "delete"
	case ports.React:
		return "react"
	case ports.History:
		return "history"
	case ports.Mark:
		return "read"
	case ports.Typing:
		return "typing"
	case ports.Presence:
		return "presence"
	case ports.Ping:
		return "ping"
	default:
		return "malformed"
	}
}
