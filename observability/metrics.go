package observability

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// latencies are the classic buckets of every time that a client feels, in seconds: 0.5 ms to 2.5 s. Prometheus servers that take
// native histograms get finer ones than these.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

// metrics is what is counted. The Help of each says what it means.
type metrics struct {
	connections prometheus.Gauge
	opened      prometheus.Counter
	closed      *prometheus.CounterVec
	commands    *prometheus.CounterVec
	commandTime *prometheus.HistogramVec
	sends       *prometheus.CounterVec

	fanout         prometheus.Histogram
	deliveries     prometheus.Counter
	catchUps       prometheus.Counter
	catchUpEntries prometheus.Counter
	catchUpTime    prometheus.Histogram
	blocked        prometheus.Gauge
	feeds          prometheus.Gauge
	ringBytes      prometheus.Gauge
	missed         prometheus.Counter

	batch      prometheus.Histogram
	appendTime prometheus.Histogram
	appends    *prometheus.CounterVec
	depth      prometheus.Gauge

	faults *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := factory{r}
	return &metrics{
		connections: f.gauge("parley_connections", "Authenticated connections that are open now."),
		opened:      f.counter("parley_sessions_opened_total", "Sessions that began: connections that were authenticated."),
		closed:      f.counters("parley_sessions_closed_total", "Sessions that ended, by reason.", "reason"),
		commands: f.counters("parley_commands_total",
			"Commands that were answered on sockets, by type and result: ok, or the code of the error.", "type", "result"),
		commandTime: f.histograms("parley_command_seconds", "Time from a command's arrival on a socket to its answer.", "type"),
		sends: f.counters("parley_sends_total",
			"Messages that clients asked to send on sockets, by result: ok (durable), or the code of the error.", "result"),

		fanout: f.histogram("parley_hub_fanout_latency_seconds",
			"Time from an entry's commit to its last write to a reader's socket, of those that were served live.", latencies),
		deliveries: f.counter("parley_hub_deliveries_total", "Entries written to readers live: each entry counts once a reader."),
		catchUps:   f.counter("parley_hub_catchup_reads_total", "Times that a reader was served from the log."),
		catchUpEntries: f.counter("parley_hub_catchup_entries_total",
			"Entries that were served to readers from the log."),
		catchUpTime: f.histogram("parley_hub_catchup_seconds", "Time that serving one reader from the log took.", latencies),
		blocked:     f.gauge("parley_hub_blocked_connections", "Connections whose client takes less than is due to it now."),
		feeds:       f.gauge("parley_hub_feeds", "Rooms that are followed on this node."),
		ringBytes:   f.gauge("parley_hub_ring_bytes", "Bytes of encoded entries that feeds keep for their readers."),
		missed: f.counter("parley_hub_missed_entries_total",
			"Entries of other nodes that no notice told of, found in the log: the bus loses notices."),

		batch: f.histogram("parley_journal_batch_size", "Proposals that went into one append to the log.",
			prometheus.ExponentialBuckets(1, 2, 11)),
		depth:      f.gauge("parley_journal_depth", "Proposals that wait for the append before theirs."),
		appendTime: f.histogram("parley_log_append_seconds", "Time of one append to the log, commit included.", latencies),
		appends: f.counters("parley_log_appends_total",
			"Appends to the log, by result: ok, or the kind of error that the whole batch met.", "result"),

		faults: f.counters("parley_faults_total", "Faults inside the service, by what was being done.", "while"),
	}
}

// factory makes metrics that are registered.
type factory struct{ registry prometheus.Registerer }

func (f factory) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	f.registry.MustRegister(c)
	return c
}

func (f factory) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.registry.MustRegister(c)
	return c
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.registry.MustRegister(g)
	return g
}

func (f factory) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(histogramOpts(name, help, buckets))
	f.registry.MustRegister(h)
	return h
}

func (f factory) histograms(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(histogramOpts(name, help, latencies), labels)
	f.registry.MustRegister(h)
	return h
}

func histogramOpts(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     1.1, // buckets at most 10 % apart
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// registerProcess adds what the build, the Go runtime and the operating system tell of the process.
func registerProcess(r prometheus.Registerer, build Build) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "parley_build_info", Help: "Always 1; the labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": build.Version, "revision": build.Revision, "goversion": build.Go},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// Metrics serves the metrics, in the OpenMetrics format to who asks for it. It shows what is going on inside, so it belongs on
// the admin address.
func (o *Observer) Metrics() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{
		Registry: o.registry, EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}
