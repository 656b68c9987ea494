package observability

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// latencies are the classic buckets of all latencies of clients, in seconds: from 0.5 ms to 30 s,
// which is longer than all timeouts of the service. Prometheus servers that accept native
// histograms get finer buckets.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// metrics are all metrics. The Help of each explains it.
type metrics struct {
	exemplars bool // traces are recorded, so exemplars can refer to them

	connections  prometheus.Gauge
	streams      *prometheus.GaugeVec
	streamsBegan *prometheus.CounterVec
	opened       prometheus.Counter
	closed       *prometheus.CounterVec
	commands     *prometheus.CounterVec
	commandTime  *prometheus.HistogramVec
	sends        *prometheus.CounterVec

	refusals *prometheus.CounterVec

	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec

	fanoutFirst    prometheus.Observer
	fanoutLast     prometheus.Observer
	deliveries     prometheus.Counter
	catchUps       prometheus.Counter
	catchUpEntries prometheus.Counter
	catchUpTime    prometheus.Histogram
	blocked        prometheus.Gauge
	behind         prometheus.Gauge
	behindEntries  prometheus.Gauge
	behindMax      prometheus.Gauge
	feeds          prometheus.Gauge
	ringBytes      prometheus.Gauge
	joins          prometheus.Gauge
	joinsWaiting   prometheus.Gauge
	missed         prometheus.Counter
	peers          prometheus.Gauge

	compressed map[ports.Compressed]compressionMetrics

	batch      prometheus.Histogram
	appendTime prometheus.Histogram
	appends    *prometheus.CounterVec
	depth      prometheus.Gauge
	held       prometheus.Gauge

	storeTime   map[string]prometheus.Observer // by operation
	storeErrors *prometheus.CounterVec

	notices   *prometheus.CounterVec
	busErrors prometheus.Counter
	deaf      prometheus.Counter

	faults *prometheus.CounterVec

	consumers consumerMetrics
	hooks     hookMetrics
	searches  searchMetrics
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := factory{r}
	fanout := f.histograms("parley_hub_fanout_latency_seconds",
		"Time from an entry's commit to its first and its last write to a live reader's socket, within one pass of a writer shard. "+
			"For entries of other nodes it is measured by the store's clock.", "written")
	storeTime := f.histograms("parley_store_seconds", "Time of a call to the store, by operation.", "operation")
	m := &metrics{
		connections: f.gauge("parley_connections", "Authenticated connections that are open now."),
		streams: f.gauges("parley_streams",
			"Of the authenticated connections, those that only read, without a socket, by kind: events, poll, durable_events, durable_poll.", "kind"),
		streamsBegan: f.counters("parley_streams_opened_total", "Streams and polls that began, by kind.", "kind"),
		opened:       f.counter("parley_sessions_opened_total", "Sessions that began, that is, connections that were authenticated."),
		closed:       f.counters("parley_sessions_closed_total", "Sessions that ended, by reason.", "reason"),
		commands: f.counters("parley_commands_total",
			"Commands that were answered on sockets, by type and result: ok, or the code of the error.", "type", "result"),
		commandTime: f.histograms("parley_command_seconds", "Time from a command's arrival on a socket to its answer.", "type"),
		sends: f.counters("parley_sends_total",
			"Messages that clients asked to send, on sockets and by HTTP, by result: ok (durable), or the code of the error.", "result"),

		refusals: f.counters("parley_token_refusals_total", "Tokens that were refused, by reason.", "reason"),

		requests: f.counters("parley_http_requests_total",
			"HTTP requests that were answered, by method, route and status. 101 is a new socket.", "method", "route", "status"),
		requestTime: f.histograms("parley_http_request_seconds", "Time of one HTTP request, by method and route.", "method", "route"),

		fanoutFirst: fanout.WithLabelValues("first"),
		fanoutLast:  fanout.WithLabelValues("last"),
		deliveries:  f.counter("parley_hub_deliveries_total", "Entries written to live readers; each entry counts once for each reader."),
		catchUps:    f.counter("parley_hub_catchup_reads_total", "Times that a reader was served from the log."),
		catchUpEntries: f.counter("parley_hub_catchup_entries_total",
			"Entries that were served to readers from the log."),
		catchUpTime: f.histogram("parley_hub_catchup_seconds", "Time that serving one reader from the log took.", latencies),
		blocked:     f.gauge("parley_hub_blocked_connections", "Connections whose client reads more slowly than entries are due to it."),
		behind: f.gauge("parley_hub_sessions_behind",
			"Sessions that, at the last check, had not got an entry that was already there seconds before."),
		behindEntries: f.gauge("parley_hub_behind_entries", "Entries that all sessions which are behind have yet to get, in total."),
		behindMax:     f.gauge("parley_hub_behind_entries_max", "Entries that the session which is furthest behind has yet to get."),
		feeds:         f.gauge("parley_hub_feeds", "Rooms that are followed on this node."),
		ringBytes:     f.gauge("parley_hub_ring_bytes", "Bytes of encoded entries that feeds keep for their readers."),
		joins:         f.gauge("parley_hub_joins", "Joins that are asking the store now."),
		joinsWaiting:  f.gauge("parley_hub_joins_waiting", "Joins that wait for their turn to ask the store."),
		missed: f.counter("parley_hub_missed_entries_total",
			"Entries of other nodes that were found in the log without a notice: the bus loses notices."),

		compressed: newCompressionMetrics(f),

		batch: f.histogram("parley_journal_batch_size", "Proposals that went into one append to the log.",
			prometheus.ExponentialBuckets(1, 2, 11)),
		depth:      f.gauge("parley_journal_depth", "Proposals that wait for an earlier append to end."),
		held:       f.gauge("parley_journal_held_rooms", "Rooms that another process has locked in the store, so that nothing can be written to them."),
		appendTime: f.histogram("parley_log_append_seconds", "Time of one append to the log, commit included.", latencies),
		appends: f.counters("parley_log_appends_total",
			"Appends to the log, by result: ok, or the kind of error that the whole batch met.", "result"),

		storeTime: map[string]prometheus.Observer{},
		storeErrors: f.counters("parley_store_errors_total",
			"Calls to the store that failed because of the store itself, by operation and kind.", "operation", "kind"),

		notices: f.counters("parley_bus_notices_total",
			"Notices that went over the bus, by direction (sent, received) and kind (entry, head, signal).", "direction", "kind"),
		busErrors: f.counter("parley_bus_errors_total", "Notices that could not be sent over the bus."),
		peers:     f.gauge("parley_bus_peers", "Other nodes whose notices arrive over the bus."),
		deaf:      f.counter("parley_bus_deaf_total", "Times that the bus reported that notices may have been missed."),

		faults: f.counters("parley_faults_total", "Faults inside the service, by what was being done.", "while"),

		consumers: newConsumerMetrics(f),
		hooks:     newHookMetrics(f),
		searches:  newSearchMetrics(f),
	}
	m.begin(storeTime)
	return m
}

// begin makes the series that must exist before the first event.
func (m *metrics) begin(storeTime *prometheus.HistogramVec) {
	for _, operation := range operations {
		m.storeTime[operation] = storeTime.WithLabelValues(operation)
	}
	for _, direction := range []string{"sent", "received"} {
		for _, kind := range noticeKinds {
			m.notices.WithLabelValues(direction, kind)
		}
	}
	for _, result := range []string{resultOK, string(chat.Unavailable), string(chat.Internal)} {
		m.sends.WithLabelValues(result)
		m.appends.WithLabelValues(result)
	}
	m.sends.WithLabelValues(string(chat.Invalid))
	for kind := ports.StreamEvents; kind <= ports.StreamDurablePoll; kind++ {
		m.streams.WithLabelValues(kind.String())
		m.streamsBegan.WithLabelValues(kind.String())
	}
}

// observe records a time, with the trace as an exemplar if that was recorded.
func (m *metrics) observe(h prometheus.Observer, took time.Duration, t chat.Trace) {
	if with, ok := h.(prometheus.ExemplarObserver); ok && m.exemplars && t.Sampled() {
		with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": t.ID()})
		return
	}
	h.Observe(took.Seconds())
}

// requested records an HTTP request.
func (m *metrics) requested(ctx context.Context, method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.observe(m.requestTime.WithLabelValues(method, route), took, ports.TraceOf(ctx))
}

// factory makes and registers metrics.
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

func (f factory) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
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
		NativeHistogramBucketFactor:     1.1, // buckets differ by at most 10 %
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// registerProcess adds the metrics of the build, the Go runtime and the process.
func registerProcess(r prometheus.Registerer, build Build) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "parley_build_info", Help: "Always 1; the labels say which build this is.",
		ConstLabels: prometheus.Labels{"version": build.Version, "revision": build.Revision, "goversion": build.Go},
	})
	info.Set(1)
	r.MustRegister(info,
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
}

// Metrics serves the metrics, in the OpenMetrics format if it is requested. It shows internals, so
// it belongs on the admin address.
func (o *Observer) Metrics() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{
		Registry: o.registry, EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}
