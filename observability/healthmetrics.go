package observability

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Health adds metrics of the service's and its parts' health. They are read at each scrape.
func (o *Observer) Health(h *Health) { o.registry.MustRegister(wellness{h}) }

// wellness is the collector of a Health. It reports the last check, and does not check parts.
type wellness struct{ of *Health }

var (
	partUp     = prometheus.NewDesc("parley_part_up", "1 if a part that the service works with (store, bus, keys; store-1, store-2, … of several servers) answers, 0 if it is away.", []string{"part"}, nil)
	ready      = prometheus.NewDesc("parley_ready", "1 if the service should get traffic, 0 if not: it starts or drains, or a part has been away for too long.", nil, nil)
	drainStart = prometheus.NewDesc("parley_drain_start_time_seconds", "When the current stop began, in Unix time; 0 if the service does not stop.", nil, nil)
	drainEnd   = prometheus.NewDesc("parley_drain_deadline_time_seconds", "When the current stop should be over, in Unix time; 0 if the service does not stop.", nil, nil)
)

// Describe implements prometheus.Collector.
func (w wellness) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{partUp, ready, drainStart, drainEnd} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (w wellness) Collect(to chan<- prometheus.Metric) {
	h := w.of
	h.mu.Lock()
	defer h.mu.Unlock()
	well := h.state == Serving && h.known
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for i, p := range h.parts {
		gauge(partUp, number(p.err == nil), h.cfg.Parts[i].Name)
		well = well && !h.counts(i, p)
	}
	gauge(ready, number(well))
	gauge(drainStart, unix(h.drain.from))
	gauge(drainEnd, unix(h.drain.to))
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// unix returns a time in seconds since 1970, as Prometheus needs it, and 0 for the zero time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
