package observability

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/ports"
)

// consumerMetrics are the metrics of consumers. Their names are a label, because operators choose
// them and there are few. The series of a consumer are removed with it.
type consumerMetrics struct {
	attempts *prometheus.CounterVec
	taken    *prometheus.CounterVec
	takeTime prometheus.Histogram
	behind   []lagMetric
	shares   prometheus.Gauge
	nodes    prometheus.Gauge
	takeover prometheus.Counter
}

// lagMetric is one metric of how far a consumer is behind.
type lagMetric struct {
	gauge *prometheus.GaugeVec
	of    func(ports.ConsumerLag) float64
}

func newConsumerMetrics(f factory) consumerMetrics {
	const one = " One node reports it, for all nodes."
	lag := func(name, help string, of func(ports.ConsumerLag) float64) lagMetric {
		return lagMetric{f.gauges(name, help+one, "consumer"), of}
	}
	return consumerMetrics{
		attempts: f.counters("parley_consumer_attempts_total",
			"Attempts of a consumer to take a batch of entries, by result: ok, failed (it is tried again), stalled (it has failed for too long), "+
				"paused (the consumer rests).", "consumer", "result"),
		taken:    f.counters("parley_consumer_entries_total", "Entries of batches that a consumer took.", "consumer"),
		takeTime: f.histogram("parley_consumer_take_seconds", "Time of an attempt of any consumer to take a batch.", latencies),
		behind: []lagMetric{
			lag("parley_consumer_behind_entries", "Entries that a consumer has yet to take or to skip.",
				func(l ports.ConsumerLag) float64 { return float64(l.Entries) }),
			lag("parley_consumer_behind_seconds", "Age of the oldest entry that a consumer has yet to take.",
				func(l ports.ConsumerLag) float64 { return l.Oldest.Seconds() }),
			lag("parley_consumer_waiting_rooms", "Rooms where a consumer has failed and waits to try again.",
				func(l ports.ConsumerLag) float64 { return float64(l.Waiting) }),
			lag("parley_consumer_stalled_rooms",
				"Rooms where a consumer has failed for so long that it stops until an operator decides how to go on.",
				func(l ports.ConsumerLag) float64 { return float64(l.Stalled) }),
		},
		shares: f.gauge("parley_consumer_shares", "Shares of the rooms, of 256 in total, whose consumers this node runs."),
		nodes:  f.gauge("parley_consumer_nodes", "Nodes that run consumers, as far as this node knows."),
		takeover: f.counter("parley_consumer_takeovers_total",
			"Shares that this node took over from nodes that fell silent."),
	}
}

// Took implements ports.ConsumingObserver.
func (o *Observer) Took(consumer string, entries int, took time.Duration, result ports.TakeResult) {
	m := &o.metrics.consumers
	m.attempts.WithLabelValues(consumer, string(result)).Inc()
	m.takeTime.Observe(took.Seconds())
	if result == ports.TakeOK {
		m.taken.WithLabelValues(consumer).Add(float64(entries))
	}
	if result == ports.TakeStalled {
		o.log.Warn("a consumer has failed in a room for too long: nothing is tried there until somebody says how it goes on", "consumer", consumer)
	}
}

// Lagging implements ports.ConsumingObserver.
func (o *Observer) Lagging(all []ports.ConsumerLag) {
	for _, m := range o.metrics.consumers.behind {
		m.gauge.Reset()
		for _, l := range all {
			m.gauge.WithLabelValues(l.Consumer).Set(m.of(l))
		}
	}
}

// Leasing implements ports.ConsumingObserver.
func (o *Observer) Leasing(shares, nodes int) {
	o.metrics.consumers.shares.Set(float64(shares))
	o.metrics.consumers.nodes.Set(float64(nodes))
}

// TookOver implements ports.ConsumingObserver.
func (o *Observer) TookOver(shares int) {
	o.metrics.consumers.takeover.Add(float64(shares))
	o.log.Warn("shares of the rooms were taken over from nodes that fell silent", "shares", shares)
}

// Forgot implements ports.ConsumingObserver.
func (o *Observer) Forgot(consumer string) {
	m, of := &o.metrics.consumers, prometheus.Labels{"consumer": consumer}
	m.attempts.DeletePartialMatch(of)
	m.taken.DeletePartialMatch(of)
	for _, lag := range m.behind {
		lag.gauge.DeletePartialMatch(of)
	}
}
