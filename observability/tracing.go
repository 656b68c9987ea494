package observability

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/observability/otlp"
)

const scope = "github.com/parley-chat/parley"

// Telemetry exports traces and log lines as the standard OTEL_* variables say. Without them it is
// off.
type Telemetry struct {
	traces *sdktrace.TracerProvider // nil: off
	logs   *sdklog.LoggerProvider   // nil: off
}

// StartTelemetry reads the OTEL_* variables of the process. Traces are on if OTEL_TRACES_EXPORTER
// names an exporter or an OTLP endpoint is set, log lines if OTEL_LOGS_EXPORTER names one;
// OTEL_SDK_DISABLED turns both off. An exporter is otlp (package otlp has its settings), console or
// none. An invalid variable is an error which names it. Data that cannot be sent is dropped, so
// nothing waits for it, and the failure is logged to lines, which must not export its lines itself.
func StartTelemetry(ctx context.Context, build Build, lines *slog.Logger) (*Telemetry, error) {
	traces, logs := wanted(os.Getenv)
	if !traces && !logs {
		return &Telemetry{}, nil
	}
	// The SDK has only one handler for the whole process.
	otel.SetErrorHandler(unsent{newFaults(lines)})
	about, err := describe(ctx, build)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{}
	if traces {
		exporter, err := spanExporter(ctx, os.Getenv)
		if err != nil {
			return nil, fmt.Errorf("send traces as OTEL_* says: %w", err)
		}
		t.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	}
	if logs {
		exporter, err := logExporter(os.Getenv)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("send log lines as OTEL_* says: %w", err), t.Close(ctx))
		}
		t.logs = sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(about))
	}
	return t, nil
}

// unsent receives the errors of exports.
type unsent struct{ *faults }

// Handle implements otel.ErrorHandler.
func (u unsent) Handle(err error) { u.report(context.Background(), "send telemetry", err) }

// wanted reports what to export. The SDK's default is to send traces to a collector on this
// machine; without one, that would fill the log with errors.
func wanted(env func(string) string) (traces, logs bool) {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return false, false
	}
	exporter := env("OTEL_TRACES_EXPORTER")
	endpoint := env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	traces = exporter != "none" && (exporter != "" || endpoint)
	exporter = env("OTEL_LOGS_EXPORTER")
	return traces, exporter != "none" && exporter != ""
}

// spanExporter returns the exporter of OTEL_TRACES_EXPORTER: OTLP unless it is console.
func spanExporter(ctx context.Context, env func(string) string) (sdktrace.SpanExporter, error) {
	switch name := env("OTEL_TRACES_EXPORTER"); name {
	case "otlp", "":
		return otlp.Spans(ctx, env)
	case "console":
		return stdouttrace.New()
	default:
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER=%s: want otlp, console or none", name)
	}
}

// logExporter returns the exporter of OTEL_LOGS_EXPORTER.
func logExporter(env func(string) string) (sdklog.Exporter, error) {
	switch name := env("OTEL_LOGS_EXPORTER"); name {
	case "otlp":
		return otlp.Logs(env)
	case "console":
		return stdoutlog.New()
	default:
		return nil, fmt.Errorf("OTEL_LOGS_EXPORTER=%s: want otlp, console or none", name)
	}
}

// describe returns the resource of the exports: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
// The process's arguments are left out, because they may contain a password.
func describe(ctx context.Context, build Build) (*resource.Resource, error) {
	r, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(semconv.ServiceName("parley"), semconv.ServiceVersion(build.Version)),
		resource.WithFromEnv(),
	)
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return r, nil
}

// Close sends what is left, until ctx ends.
func (t *Telemetry) Close(ctx context.Context) error {
	var errs []error
	if t.traces != nil {
		errs = append(errs, t.traces.Shutdown(ctx))
	}
	if t.logs != nil {
		errs = append(errs, t.logs.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// Traces returns the provider of spans, for libraries that make their own; nil if traces are off.
func (t *Telemetry) Traces() trace.TracerProvider {
	if t.traces == nil {
		return nil
	}
	return t.traces
}

// Logs returns the provider of exported log lines; nil if they are off.
func (t *Telemetry) Logs() log.LoggerProvider {
	if t.logs == nil {
		return nil
	}
	return t.logs
}

// contextOf parses a trace; if it is invalid, the result is zero.
func contextOf(t chat.Trace) trace.SpanContext {
	var id trace.TraceID
	var span trace.SpanID
	if len(t) < 55 {
		return trace.SpanContext{}
	}
	_, err1 := hex.Decode(id[:], []byte(t[3:35]))
	_, err2 := hex.Decode(span[:], []byte(t[36:52]))
	if err1 != nil || err2 != nil {
		return trace.SpanContext{}
	}
	var flags trace.TraceFlags
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: span, TraceFlags: flags.WithSampled(t.Sampled()), Remote: true,
	})
}

// traceparent is the inverse of contextOf.
func traceparent(c trace.SpanContext) chat.Trace {
	if !c.IsValid() {
		return ""
	}
	flags := "-00"
	if c.IsSampled() {
		flags = "-01"
	}
	return chat.Trace("00-" + c.TraceID().String() + "-" + c.SpanID().String() + flags)
}

// Names of attributes that are in no convention.
const (
	attrRoom    = attribute.Key("parley.room")
	attrSeq     = attribute.Key("parley.seq")
	attrCount   = attribute.Key("parley.count")
	attrReaders = attribute.Key("parley.readers")
	attrBehind  = attribute.Key("parley.behind")
	attrFirst   = attribute.Key("parley.first_ms")
	attrSlowest = attribute.Key("parley.slowest_ms")
	attrResult  = attribute.Key("parley.result")
)
