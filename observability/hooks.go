package observability

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// hookMetrics are the metrics of hooks. How far each is behind is told by its consumer.
type hookMetrics struct {
	tries    *prometheus.CounterVec
	tryTime  prometheus.Histogram
	commands *prometheus.CounterVec
	hooks    *prometheus.GaugeVec
	signals  *prometheus.CounterVec
}

func newHookMetrics(f factory) hookMetrics {
	m := hookMetrics{
		tries: f.counters("parley_hook_tries_total",
			"Tries to deliver a parcel to a hook, by result: ok, or refused, failed, busy, gone (by the status of the answer), forbidden (the operator "+
				"does not allow the address), unreachable.", "result"),
		tryTime: f.histogram("parley_hook_try_seconds", "Time of a try to deliver a parcel to a hook.", latencies),
		commands: f.counters("parley_hook_commands_total",
			"Commands in the answers of hooks, by result: ok, or the code of the error.", "result"),
		signals: f.counters("parley_hook_signals_total",
			"Signals for hooks that ask for them, by fate: told, dropped (there were too many, or the hook is told nothing for now), failed (posted, and not taken).", "fate"),
		hooks: f.gauges("parley_hooks", "Hooks that there are, by state: active or paused.", "state"),
	}
	for _, result := range ports.HookResults {
		m.tries.WithLabelValues(string(result))
	}
	for _, fate := range ports.HookFates {
		m.signals.WithLabelValues(string(fate))
	}
	m.commands.WithLabelValues(resultOK)
	m.count(0, 0)
	return m
}

func (m hookMetrics) count(all, paused int) {
	m.hooks.WithLabelValues("active").Set(float64(all - paused))
	m.hooks.WithLabelValues("paused").Set(float64(paused))
}

// HookTried implements ports.HookObserver.
func (o *Observer) HookTried(result ports.HookResult, took time.Duration) {
	o.metrics.hooks.tries.WithLabelValues(string(result)).Inc()
	o.metrics.hooks.tryTime.Observe(took.Seconds())
}

// HookSignals implements ports.HookObserver.
func (o *Observer) HookSignals(fate ports.HookFate, n int) {
	o.metrics.hooks.signals.WithLabelValues(string(fate)).Add(float64(n))
}

// HookActed implements ports.HookObserver.
func (o *Observer) HookActed(hook chat.HookID, err error) {
	o.metrics.hooks.commands.WithLabelValues(resultOf(err)).Inc()
	o.refuses(hook, err)
}

// refuses logs why a command of a hook's answer is not done, as its author hears nothing of it.
func (o *Observer) refuses(hook chat.HookID, err error) {
	if err != nil {
		o.refusals.report(context.Background(), "do what hook "+string(hook)+" asks for", errors.New(chat.AsError(err).Reason))
	}
}

// HooksCounted implements ports.HookObserver.
func (o *Observer) HooksCounted(all, paused int) { o.metrics.hooks.count(all, paused) }

// HookFailing implements ports.HookObserver.
func (o *Observer) HookFailing(hook chat.HookID, err error) {
	if err == nil {
		o.log.Info("what is sent to a hook arrives again", "hook", hook)
		return
	}
	o.log.Warn("what is sent to a hook does not arrive: it is tried again", "hook", hook, "error", err)
}

// HookSet implements ports.HookObserver. These lines are the record of who did what.
func (o *Observer) HookSet(by chat.UserID, hook chat.HookID, what ports.HookAct, room chat.RoomID, why string) {
	args := []any{"audit", true, "hook", hook, "act", string(what)}
	if by != "" {
		args = append(args, "by", by)
	}
	if room != "" {
		args = append(args, "room", room)
	}
	if why != "" {
		args = append(args, "why", why)
	}
	o.log.Info("a hook was "+string(what), args...)
}

// HookActed implements ports.HookObserver.
func (q quiet) HookActed(hook chat.HookID, err error) { q.of.refuses(hook, err) }

// HookFailing implements ports.HookObserver.
func (q quiet) HookFailing(hook chat.HookID, err error) { q.of.HookFailing(hook, err) }

// HookSet implements ports.HookObserver.
func (q quiet) HookSet(by chat.UserID, hook chat.HookID, what ports.HookAct, room chat.RoomID, why string) {
	q.of.HookSet(by, hook, what, room, why)
}
