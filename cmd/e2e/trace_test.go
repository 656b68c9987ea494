package e2e_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

// collector receives a service's OTLP over HTTP.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*trace.Span
	about []*common.KeyValue // of the resource
	lines []*logs.LogRecord
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", take(t, func(r *trace.TracesData) {
		for _, of := range r.ResourceSpans {
			c.about = of.Resource.Attributes
			for _, scope := range of.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}, &c.mu))
	mux.HandleFunc("POST /v1/logs", take(t, func(r *logs.LogsData) {
		for _, of := range r.ResourceLogs {
			for _, scope := range of.ScopeLogs {
				c.lines = append(c.lines, scope.LogRecords...)
			}
		}
	}, &c.mu))
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

// take decodes requests, which have the same encoding as the data, and calls keep with mu held.
func take[R any, P interface {
	*R
	proto.Message
}](t *testing.T, keep func(P), mu *sync.Mutex) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := P(new(R))
		if err := errors.Join(err, proto.Unmarshal(body, request)); err != nil {
			t.Errorf("%s: %v", r.URL, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		keep(request)
	}
}

// env returns the settings with which a service exports only traces that its clients have begun, to
// this collector.
func (c *collector) env() []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_TRACES_SAMPLER=parentbased_always_off",
		"OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_LOGS_EXPORTER=otlp", "OTEL_BLRP_SCHEDULE_DELAY=50", "OTEL_RESOURCE_ATTRIBUTES=team=tea",
	}
}

// of waits until a trace has spans with all these names, and returns it.
func (c *collector) of(t *testing.T, id string, names ...string) (found []*trace.Span) {
	t.Helper()
	eventually(t, "the collector has the trace", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		found = slices.DeleteFunc(slices.Clone(c.spans), func(s *trace.Span) bool { return hex.EncodeToString(s.TraceId) != id })
		for _, name := range names {
			if named(found, name) == nil {
				return fmt.Errorf("there is no span %s in %v", name, found)
			}
		}
		return nil
	})
	return found
}

func named(spans []*trace.Span, name string) *trace.Span {
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func attribute(s *trace.Span, name string) *common.AnyValue {
	for _, a := range s.Attributes {
		if a.Key == name {
			return a.Value
		}
	}
	return nil
}

// below expects a span to be a direct child of another.
func below(t *testing.T, spans []*trace.Span, name, parent string) *trace.Span {
	t.Helper()
	child, above := named(spans, name), named(spans, parent)
	if !bytes.Equal(child.ParentSpanId, above.SpanId) {
		t.Errorf("%s is not below %s", name, parent)
	}
	if child.StartTimeUnixNano < above.StartTimeUnixNano {
		t.Errorf("%s begins before %s, which it is a part of", name, parent)
	}
	return child
}

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	begun   = "00-" + traceID + "-b7ad6b7169203331-01"
	other   = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

func TestOneTraceLeadsFromTheSenderToTheReaders(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := runs(t, append(c.env(), "PARLEY_STORE_URL="+pgtest.URL(t), "PARLEY_LOG_LEVEL=debug", "PARLEY_LOG_FORMAT=json")...)
	alice, bob := p.connects(t, "alice"), p.connects(t, "bob")
	alice.asks("join", "room", "tea")
	bob.asks("join", "room", "tea")

	alice.asks("send", "room", "tea", "body", "hello", "traceparent", begun)
	entry := bob.reads("tea", 1, 1)[0]
	spans := c.of(t, traceID, "send", "check", "append", "commit", "announce", "deliver", "batch start")
	if got := entry.str("traceparent"); !strings.HasPrefix(got, "00-"+traceID+"-") || !strings.HasSuffix(got, "-01") {
		t.Errorf("the entry has the trace %q, want one of %s", got, traceID)
	}
	send := named(spans, "send")
	if got := hex.EncodeToString(send.ParentSpanId); got != "b7ad6b7169203331" || send.Kind != trace.Span_SPAN_KIND_SERVER {
		t.Errorf("send is below %s and of kind %v", got, send.Kind)
	}
	if got := entry.str("traceparent"); got != "00-"+traceID+"-"+hex.EncodeToString(send.SpanId)+"-01" {
		t.Errorf("the entry goes on with %s, want the step that recorded it", got)
	}
	below(t, spans, "check", "send")
	batch := below(t, spans, "append", "send")
	if len(batch.Links) != 1 || !bytes.Equal(batch.Links[0].SpanId, send.SpanId) {
		t.Errorf("append has links %v, want one to the send", batch.Links)
	}
	below(t, spans, "commit", "append")
	below(t, spans, "announce", "append")
	below(t, spans, "batch start", "commit")
	deliver := below(t, spans, "deliver", "send")
	if got := attribute(deliver, "parley.readers").GetIntValue(); got != 2 || deliver.Kind != trace.Span_SPAN_KIND_CONSUMER {
		t.Errorf("deliver is of kind %v with %d readers, want both in one span", deliver.Kind, got)
	}
	for _, s := range spans {
		for _, a := range s.Attributes {
			if strings.Contains(a.Value.GetStringValue(), "hello") {
				t.Errorf("the span %s tells what was said: %v", s.Name, a)
			}
		}
	}
	t.Run("and back into the log lines and the metrics", func(t *testing.T) { findsTheTrace(t, c, p) })
	t.Run("and none is begun for what nobody follows", func(t *testing.T) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.spans {
			if hex.EncodeToString(s.TraceId) != traceID {
				t.Errorf("there is a span %s of a trace that the sampler does not want", s.Name)
			}
		}
		if c.about == nil || !slices.ContainsFunc(c.about, func(a *common.KeyValue) bool { return a.Key == "team" }) {
			t.Errorf("the resource is %v, want what OTEL_RESOURCE_ATTRIBUTES adds", c.about)
		}
	})
}

func findsTheTrace(t *testing.T, c *collector, p *process) {
	eventually(t, "a line of the trace", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !slices.ContainsFunc(c.lines, func(l *logs.LogRecord) bool { return hex.EncodeToString(l.TraceId) == traceID }) {
			return fmt.Errorf("none of %d lines has it", len(c.lines))
		}
		return nil
	})
	r, err := http.NewRequest(http.MethodGet, p.admin+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	eventually(t, "an exemplar of the fan-out", func() error {
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(string(body), "\n") {
			if strings.HasPrefix(line, "parley_hub_fanout_latency_seconds_bucket") && strings.Contains(line, `trace_id="`+traceID) {
				return nil
			}
		}
		return errNotYet
	})
}

func TestRequestsGoOnWithTracesToo(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := runs(t, c.env()...)
	token := p.token(t, "alice")
	alice := p.connects(t, "alice")
	alice.asks("join", "room", "tea")
	p.gets(t, http.StatusCreated, token, http.MethodPost, "/v1/rooms/tea/messages", frame{"body": "hello"}, "traceparent", begun)
	if got := alice.reads("tea", 1, 1)[0].str("traceparent"); !strings.HasPrefix(got, "00-"+traceID) {
		t.Errorf("the entry has the trace %q", got)
	}
	spans := c.of(t, traceID, "POST /v1/rooms/:room/messages", "append", "deliver")
	below(t, spans, "append", "POST /v1/rooms/:room/messages")
	p.gets(t, http.StatusCreated, p.token(t, "bob"), http.MethodPost, "/v1/rooms", frame{"room": "bobs"})
	p.gets(t, http.StatusNotFound, token, http.MethodGet, "/v1/rooms/bobs", nil, "traceparent", other)
	spans = c.of(t, other[3:35], "GET /v1/rooms/:room")
	if s := spans[0]; attribute(s, "http.response.status_code").GetIntValue() != http.StatusNotFound || s.Status.GetCode() != trace.Status_STATUS_CODE_UNSET {
		t.Errorf("what its client did wrong is %v in %v", s.Status, s.Attributes)
	}
}

func TestWithoutTelemetryATraceIsPassedOnAsItCame(t *testing.T) {
	t.Parallel()
	s := start(t, "memory://", nil)
	alice, bob := s.connects(t, "alice"), s.connects(t, "bob")
	bob.asks("join", "room", "tea")
	alice.asks("send", "room", "tea", "body", "hello", "traceparent", begun)
	alice.asks("send", "room", "tea", "body", "who cannot read it goes on without", "traceparent", "nonsense")
	alice.asks("send", "room", "tea", "body", "of another type", "traceparent", 5)
	entries := bob.reads("tea", 1, 3)
	if got := entries[0].str("traceparent"); got != begun {
		t.Errorf("got %q, want %s", got, begun)
	}
	if entries[1].has("traceparent") || entries[2].has("traceparent") {
		t.Errorf("got %v and %v, want no traces", entries[1], entries[2])
	}
}
