package observability

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Began implements ports.StepObserver. A step of a trace that is not sampled gets no span, and
// costs nothing.
func (o *Observer) Began(ctx context.Context, step ports.Step) (context.Context, ports.Ending) {
	if o.tracer == nil {
		return ctx, ports.Unfollowed{}
	}
	current := ports.TraceOf(ctx)
	if !step.Begins && !o.Follows(current) {
		return ctx, ports.Unfollowed{}
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(kindOf(step))}
	if step.Room != "" {
		options = append(options, trace.WithAttributes(attrRoom.String(string(step.Room))))
	}
	if step.Count > 0 {
		options = append(options, trace.WithAttributes(attrCount.Int(step.Count)))
	}
	if len(step.Links) > 0 {
		options = append(options, trace.WithLinks(links(step.Links)...))
	}
	within, span := o.tracer.Start(below(ctx, current), step.Name, options...)
	if !span.IsRecording() {
		return ctx, ports.Unfollowed{}
	}
	return ports.WithTrace(within, traceparent(span.SpanContext())), followed{span}
}

func kindOf(step ports.Step) trace.SpanKind {
	switch {
	case step.Begins:
		return trace.SpanKindServer
	case step.Name == "announce":
		return trace.SpanKindProducer
	default:
		return trace.SpanKindInternal
	}
}

// below makes current the parent of spans that start in ctx. current may be a step of this process,
// which ctx knows, or of another one.
func below(ctx context.Context, current chat.Trace) context.Context {
	parent := contextOf(current)
	if known := trace.SpanContextFromContext(ctx); !parent.IsValid() || known.SpanID() == parent.SpanID() && known.TraceID() == parent.TraceID() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, parent)
}

func links(traces []chat.Trace) (links []trace.Link) {
	for _, t := range traces {
		links = append(links, trace.Link{SpanContext: contextOf(t)})
	}
	return links
}

// followed is a step with a span.
type followed struct{ span trace.Span }

// End implements ports.Ending. A client's error is only a result, and does not make the span fail.
func (f followed) End(err error) {
	if err != nil {
		kind := chat.AsError(err).Kind
		f.span.SetAttributes(attrResult.String(string(kind)))
		if ours(kind) {
			f.span.SetStatus(codes.Error, string(kind))
			f.span.RecordError(err)
		}
	}
	f.span.End()
}

// ours reports whether an error is the service's, and not the client's.
func ours(kind chat.Kind) bool { return kind == chat.Internal || kind == chat.Unavailable }

// Follows implements ports.StepObserver.
func (o *Observer) Follows(t chat.Trace) bool { return o.tracer != nil && t.Sampled() }

// Delivered implements ports.DeliveryObserver: one span for all readers of the node.
func (o *Observer) Delivered(d ports.Delivery) {
	if !o.Follows(d.Trace) {
		return
	}
	end := time.Now()
	_, span := o.tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), contextOf(d.Trace)), "deliver",
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(end.Add(-d.Slowest)),
		trace.WithAttributes(
			attrRoom.String(string(d.Room)), attrSeq.Int64(int64(d.Seq)), attrReaders.Int(d.Readers), attrBehind.Int(d.Behind),
			attrFirst.Float64(milliseconds(d.First)), attrSlowest.Float64(milliseconds(d.Slowest)),
		))
	span.End(trace.WithTimestamp(end))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Requested implements ports.RequestObserver.
func (o *Observer) Requested(ctx context.Context, method, path string) (context.Context, func(route string, status int)) {
	began := time.Now()
	ctx, span := o.startRequest(ctx, method, path)
	return ctx, func(route string, status int) {
		o.metrics.requested(ctx, knownMethod(method), route, status, time.Since(began))
		if span == nil {
			return
		}
		span.SetName(method + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route), semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// startRequest returns a nil span if the request is not traced. Probes are never traced.
func (o *Observer) startRequest(ctx context.Context, method, path string) (context.Context, trace.Span) {
	if o.tracer == nil || path == "/healthz" || path == "/readyz" {
		return ctx, nil
	}
	within, span := o.tracer.Start(below(ctx, ports.TraceOf(ctx)), method, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String(string(semconv.HTTPRequestMethodKey), method), semconv.URLPath(path)))
	if !span.IsRecording() {
		return ctx, nil
	}
	return ports.WithTrace(within, traceparent(span.SpanContext())), span
}

// knownMethod keeps unknown methods, which clients could make up without end, out of labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
