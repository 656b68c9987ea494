package observability

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/ports"
)

// compressionMetrics are those of one kind of traffic.
type compressionMetrics struct{ messages, plain, packed prometheus.Counter }

func newCompressionMetrics(f factory) map[ports.Compressed]compressionMetrics {
	messages := f.counters("parley_compressed_messages_total",
		"Messages that went compressed, by what they are: entries (each counts once for each reader), answers, commands (of clients), pages (by HTTP).", "what")
	bytes := f.counters("parley_compressed_bytes_total",
		"Bytes of messages that went compressed, by what they are and size: plain (before compression) or packed (what was sent). The difference is what compression saves.", "what", "size")
	all := map[ports.Compressed]compressionMetrics{}
	for _, what := range []ports.Compressed{ports.Entries, ports.Answers, ports.Commands, ports.Pages} {
		all[what] = compressionMetrics{
			messages: messages.WithLabelValues(string(what)),
			plain:    bytes.WithLabelValues(string(what), "plain"),
			packed:   bytes.WithLabelValues(string(what), "packed"),
		}
	}
	return all
}

func (m compressionMetrics) add(c ports.Compression) {
	m.messages.Add(float64(c.Messages))
	m.plain.Add(float64(c.Plain))
	m.packed.Add(float64(c.Packed))
}
