package otlp_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/log/logtest"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-chat/parley/observability/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector accepts HTTP and gRPC on one port.
type collector struct {
	*httptest.Server
	answer http.HandlerFunc // for tests that need another answer

	mu      sync.Mutex
	headers []http.Header
	paths   []string
	bodies  [][]byte
}

func collect(t *testing.T, answer http.HandlerFunc) *collector {
	t.Helper()
	c := &collector{answer: answer}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.Protocols = &http.Protocols{}
	c.Config.Protocols.SetHTTP1(true)
	c.Config.Protocols.SetHTTP2(true)
	c.Config.Protocols.SetUnencryptedHTTP2(true)
	return c
}

// plain starts the collector without TLS, for as long as the test lasts.
func (c *collector) plain(t *testing.T) *collector {
	t.Helper()
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	grpc := strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
	packed := r.Header.Get("Content-Encoding") == "gzip"
	if grpc {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || int(binary.BigEndian.Uint32(body[1:])) != len(body)-5 {
			http.Error(w, "no call of gRPC", http.StatusBadRequest)
			return
		}
		packed = body[0] == 1 && r.Header.Get("Grpc-Encoding") == "gzip"
		body = body[5:]
	}
	if packed {
		unpack, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(unpack)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	c.mu.Lock()
	c.headers, c.paths, c.bodies = append(c.headers, r.Header), append(c.paths, r.URL.Path), append(c.bodies, body)
	c.mu.Unlock()
	switch {
	case c.answer != nil:
		c.answer(w, r)
	case grpc:
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(make([]byte, 5)) // an empty message
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}
}

// env returns a function that reads variables from pairs.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

var (
	traceID = trace.TraceID{1, 2, 3}
	spanID  = trace.SpanID{4, 5}
)

func sendSpan(t *testing.T, env func(string) string) error {
	t.Helper()
	e, err := otlp.Spans(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	err = e.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{tracetest.SpanStub{
		Name:        "send",
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID}),
	}.Snapshot()})
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return err
}

func sendLine(t *testing.T, env func(string) string, lines ...sdklog.Record) error {
	t.Helper()
	e, err := otlp.Logs(env)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Export(t.Context(), lines)
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return err
}

func TestSpansAndLinesGoByHTTPAndByGRPCPackedOrNot(t *testing.T) {
	t.Parallel()
	for protocol, paths := range map[string][2]string{
		"http/protobuf": {"/v1/traces", "/v1/logs"},
		"grpc": {
			"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
			"/opentelemetry.proto.collector.logs.v1.LogsService/Export",
		},
	} {
		for _, compression := range []string{"none", "gzip"} {
			for _, secure := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s TLS %v", protocol, compression, secure), func(t *testing.T) {
					t.Parallel()
					c := collect(t, nil)
					pairs := []string{"OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "OTEL_EXPORTER_OTLP_COMPRESSION", compression, "OTEL_EXPORTER_OTLP_HEADERS", "Api-Key=a%20b"}
					if secure {
						c.EnableHTTP2 = true
						c.StartTLS()
						t.Cleanup(c.Close)
						pairs = append(pairs, "OTEL_EXPORTER_OTLP_CERTIFICATE", certificate(t, c.Server))
					} else {
						c.plain(t)
					}
					pairs = append(pairs, "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
					if err := sendSpan(t, env(pairs...)); err != nil {
						t.Fatal(err)
					}
					line := logtest.RecordFactory{Body: attribute.StringValue("hello")}.NewRecord()
					if err := sendLine(t, env(pairs...), line); err != nil {
						t.Fatal(err)
					}
					var spans tracepb.TracesData
					var lines logspb.LogsData
					if err := proto.Unmarshal(c.bodies[0], &spans); err != nil {
						t.Fatal(err)
					}
					if err := proto.Unmarshal(c.bodies[1], &lines); err != nil {
						t.Fatal(err)
					}
					if c.paths[0] != paths[0] || c.paths[1] != paths[1] {
						t.Errorf("sent to %q, want %q", c.paths, paths)
					}
					if got := c.headers[0].Get("Api-Key"); got != "a b" {
						t.Errorf("the header is %q", got)
					}
					if got := spans.ResourceSpans[0].ScopeSpans[0].Spans[0]; got.Name != "send" || !bytes.Equal(got.TraceId, traceID[:]) {
						t.Errorf("got span %v", got)
					}
					if got := lines.ResourceLogs[0].ScopeLogs[0].LogRecords[0].Body.GetStringValue(); got != "hello" {
						t.Errorf("got line %q", got)
					}
				})
			}
		}
	}
}

func certificate(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestALineIsSentWithAllThatItHolds(t *testing.T) {
	t.Parallel()
	at := time.Unix(1, 5)
	tea := logtest.RecordFactory{
		Timestamp: at, ObservedTimestamp: at.Add(1), EventName: "poured", Severity: log.SeverityWarn2, SeverityText: "WARN",
		Body: attribute.MapValue(attribute.String("cup", "full")), DroppedAttributes: 3,
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled,
		Resource: resource.NewWithAttributes("https://schema/1", attribute.String("service.name", "parley")),
		Attributes: []attribute.KeyValue{
			attribute.Bool("bool", true), attribute.Int("int", -4), attribute.Float64("float", 1.5), attribute.ByteSlice("bytes", []byte{1}),
			attribute.BoolSlice("bools", []bool{true, false}), attribute.Int64Slice("ints", []int64{1, 2}), attribute.Float64Slice("floats", []float64{.5}),
			attribute.StringSlice("strings", []string{"a", "b"}), attribute.Slice("values", attribute.IntValue(1), attribute.StringValue("x")),
			{Key: "empty"},
		},
	}
	cake := logtest.RecordFactory{Resource: tea.Resource, Body: attribute.StringValue("cake")}
	other := logtest.RecordFactory{Resource: resource.Empty(), Body: attribute.StringValue("other")}
	c := collect(t, nil).plain(t)
	if err := sendLine(t, env("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", c.URL+"/in"), tea.NewRecord(), cake.NewRecord(), other.NewRecord()); err != nil {
		t.Fatal(err)
	}
	var got, want logspb.LogsData
	if err := proto.Unmarshal(c.bodies[0], &got); err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal([]byte(`{"resourceLogs": [
		{
			"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "parley"}}]}, "schemaUrl": "https://schema/1",
			"scopeLogs": [{"scope": {}, "logRecords": [
				{
					"timeUnixNano": "1000000005", "observedTimeUnixNano": "1000000006", "eventName": "poured", "severityNumber": 14, "severityText": "WARN",
					"body": {"kvlistValue": {"values": [{"key": "cup", "value": {"stringValue": "full"}}]}}, "droppedAttributesCount": 3,
					"traceId": "AQIDAAAAAAAAAAAAAAAAAA==", "spanId": "BAUAAAAAAAA=", "flags": 1,
					"attributes": [
						{"key": "bool", "value": {"boolValue": true}}, {"key": "int", "value": {"intValue": "-4"}}, {"key": "float", "value": {"doubleValue": 1.5}},
						{"key": "bytes", "value": {"bytesValue": "AQ=="}},
						{"key": "bools", "value": {"arrayValue": {"values": [{"boolValue": true}, {"boolValue": false}]}}},
						{"key": "ints", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": "2"}]}}},
						{"key": "floats", "value": {"arrayValue": {"values": [{"doubleValue": 0.5}]}}},
						{"key": "strings", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}}},
						{"key": "values", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}},
						{"key": "empty", "value": {}}
					]
				},
				{"body": {"stringValue": "cake"}}
			]}]
		},
		{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [{"body": {"stringValue": "other"}}]}]}
	]}`), &want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, &want) {
		t.Errorf("got  %v\nwant %v", protojson.Format(&got), protojson.Format(&want))
	}
	if c.paths[0] != "/in" {
		t.Errorf("sent to %s, want the path that stands in the signal's own variable", c.paths[0])
	}
}

func TestWhatACollectorRefusesIsAnErrorThatSaysWhy(t *testing.T) {
	t.Parallel()
	partly := []byte{10, 6, 8, 3, 18, 2, 'n', 'o'}
	for name, given := range map[string]struct {
		protocol string
		answer   http.HandlerFunc
		want     string
	}{
		"some of it by HTTP": {"http/protobuf", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(partly) }, `refused 3: "no"`},
		"some of it by gRPC": {"grpc", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = w.Write(append([]byte{0, 0, 0, 0, 8}, partly...))
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		}, `refused 3: "no"`},
		"some of it by gRPC, packed": {"grpc", func(w http.ResponseWriter, _ *http.Request) {
			var packed bytes.Buffer
			pack := gzip.NewWriter(&packed)
			_, _ = pack.Write(partly)
			_ = pack.Close()
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Encoding", "gzip")
			_, _ = w.Write(append([]byte{1, 0, 0, 0, byte(packed.Len())}, packed.Bytes()...))
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		}, `refused 3: "no"`},
		"all of it by HTTP": {"http/protobuf", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who are you?", http.StatusUnauthorized) }, "401 Unauthorized: \"who are you?"},
		"all of it by gRPC": {"grpc", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "16")
			w.Header().Set("Grpc-Message", "who%20are you?")
		}, "status 16 of gRPC: \"who are you?"},
		"no gRPC": {"grpc", func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }, "404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, given.answer).plain(t)
			err := sendSpan(t, env("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL", given.protocol))
			if err == nil || !strings.Contains(err.Error(), given.want) {
				t.Errorf("got %v, want %s", err, given.want)
			}
		})
	}
}

// A gRPC server begins with the first frame of HTTP/2, whatever the request is.
func TestWhoSendsByHTTPToAPortForGRPCHearsWhatToSet(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = l.Close() }()
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_, _ = c.Write([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x40, 0})
			_ = c.Close()
		}
	})
	err = sendSpan(t, env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String()))
	if err == nil || !strings.Contains(err.Error(), "set OTEL_EXPORTER_OTLP_PROTOCOL=grpc") {
		t.Errorf("got %v, want what to set", err)
	}
}

func TestSettingsThatMakeNoSenseAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, given := range [][]string{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "smoke"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "key"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a b=c"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "key=%zz"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "key=%0a"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zip"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "-1"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/nowhere.pem"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere.pem"},
	} {
		if _, err := otlp.Spans(t.Context(), env(given...)); err == nil || !strings.Contains(err.Error(), given[0]) {
			t.Errorf("%s=%s: got %v, want an error that names it", given[0], given[1], err)
		}
	}
	if _, err := otlp.Logs(env("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke", "OTEL_EXPORTER_OTLP_TIMEOUT", "soon")); err == nil ||
		!strings.Contains(err.Error(), "PROTOCOL") || !strings.Contains(err.Error(), "TIMEOUT") {
		t.Errorf("got %v, want all that is wrong", err)
	}
}

func TestTheSignalsOwnSettingWins(t *testing.T) {
	t.Parallel()
	c := collect(t, nil).plain(t)
	host := strings.TrimPrefix(c.URL, "http://")
	for name, pairs := range map[string][]string{
		"endpoint": {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.URL},
		"protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL", "smoke", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL},
		"a host and a port, by gRPC": {
			"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT", host, "OTEL_EXPORTER_OTLP_INSECURE", "TRUE",
		},
	} {
		if err := sendSpan(t, env(pairs...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c.paths[0] == "" || len(c.paths) != 3 {
		t.Errorf("got %q", c.paths)
	}
}
