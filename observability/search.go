package observability

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// searchMetrics are the metrics of searches. How far the index is behind is told by its consumer.
type searchMetrics struct {
	searches *prometheus.CounterVec
	time     prometheus.Histogram
	hits     prometheus.Counter
}

func newSearchMetrics(f factory) searchMetrics {
	m := searchMetrics{
		searches: f.counters("parley_searches_total", "Searches, by result: ok, or the code of the error.", "result"),
		time:     f.histogram("parley_search_seconds", "Time of a search that was answered, with its reading of the messages.", latencies),
		hits:     f.counter("parley_search_hits_total", "Messages in the answers to searches."),
	}
	m.searches.WithLabelValues(resultOK)
	return m
}

// Searched implements ports.SearchObserver.
func (o *Observer) Searched(hits int, took time.Duration, err error) {
	m := &o.metrics.searches
	m.searches.WithLabelValues(resultOf(err)).Inc()
	if err == nil {
		m.time.Observe(took.Seconds())
		m.hits.Add(float64(hits))
	}
}
