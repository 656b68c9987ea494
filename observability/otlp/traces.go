package otlp

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Spans returns an exporter of spans, with the settings of env.
func Spans(ctx context.Context, env func(name string) string) (sdktrace.SpanExporter, error) {
	set, err := environment(env).read(traces)
	if err != nil {
		return nil, err
	}
	return otlptrace.New(ctx, spans{newSender(set)})
}

// spans sends what otlptrace has encoded.
type spans struct{ *sender }

// Start implements otlptrace.Client: connections are made when there is something to send.
func (spans) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (s spans) Stop(context.Context) error {
	s.close()
	return nil
}

// UploadTraces implements otlptrace.Client. The message has the same encoding as an
// ExportTraceServiceRequest, whose package imports grpc-go.
func (s spans) UploadTraces(ctx context.Context, of []*tracepb.ResourceSpans) error {
	if err := s.send(ctx, &tracepb.TracesData{ResourceSpans: of}); err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	return nil
}
