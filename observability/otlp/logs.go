package otlp

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
)

// Logs returns an exporter of log lines, with the settings of env.
func Logs(env func(name string) string) (sdklog.Exporter, error) {
	set, err := environment(env).read(logs)
	if err != nil {
		return nil, err
	}
	return lines{newSender(set)}, nil
}

// lines sends log lines.
type lines struct{ *sender }

// Export implements sdklog.Exporter. The message has the same encoding as an
// ExportLogsServiceRequest, whose package imports grpc-go.
func (l lines) Export(ctx context.Context, records []sdklog.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := l.send(ctx, encode(records)); err != nil {
		return fmt.Errorf("send log lines: %w", err)
	}
	return nil
}

// Shutdown implements sdklog.Exporter.
func (l lines) Shutdown(context.Context) error {
	l.close()
	return nil
}

// ForceFlush implements sdklog.Exporter: nothing is buffered.
func (lines) ForceFlush(context.Context) error { return nil }

// place is the origin of a line: its resource and its scope.
type place struct {
	resource attribute.Distinct
	scope    instrumentation.Scope
}

// encode groups lines by their origin.
func encode(records []sdklog.Record) *logspb.LogsData {
	data := &logspb.LogsData{}
	resources := map[attribute.Distinct]*logspb.ResourceLogs{}
	scopes := map[place]*logspb.ScopeLogs{}
	for i := range records {
		r := &records[i]
		at := place{r.Resource().Equivalent(), r.InstrumentationScope()}
		of := resources[at.resource]
		if of == nil {
			of = &logspb.ResourceLogs{
				Resource:  &resourcepb.Resource{Attributes: pairs(r.Resource().Attributes())},
				SchemaUrl: r.Resource().SchemaURL(),
			}
			resources[at.resource] = of
			data.ResourceLogs = append(data.ResourceLogs, of)
		}
		in := scopes[at]
		if in == nil {
			in = &logspb.ScopeLogs{
				Scope: &commonpb.InstrumentationScope{
					Name: at.scope.Name, Version: at.scope.Version, Attributes: pairs(at.scope.Attributes.ToSlice()),
				},
				SchemaUrl: at.scope.SchemaURL,
			}
			scopes[at] = in
			of.ScopeLogs = append(of.ScopeLogs, in)
		}
		in.LogRecords = append(in.LogRecords, line(r))
	}
	return data
}

func line(r *sdklog.Record) *logspb.LogRecord {
	l := &logspb.LogRecord{
		TimeUnixNano:         nanoseconds(r.Timestamp()),
		ObservedTimeUnixNano: nanoseconds(r.ObservedTimestamp()),
		EventName:            r.EventName(),
		// Both are numbered from 1 to 24.
		SeverityNumber:         logspb.SeverityNumber(r.Severity()),
		SeverityText:           r.SeverityText(),
		Body:                   encoded(r.Body()),
		DroppedAttributesCount: uint32(min(max(r.DroppedAttributes(), 0), math.MaxInt32)),
		Flags:                  uint32(r.TraceFlags()),
	}
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		l.Attributes = append(l.Attributes, pair(a))
		return true
	})
	if id := r.TraceID(); id.IsValid() {
		l.TraceId = id[:]
	}
	if id := r.SpanID(); id.IsValid() {
		l.SpanId = id[:]
	}
	return l
}

// nanoseconds returns a time since 1970; 0 is unknown.
func nanoseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixNano(), 0))
}

func pairs(of []attribute.KeyValue) []*commonpb.KeyValue {
	out := make([]*commonpb.KeyValue, len(of))
	for i, a := range of {
		out[i] = pair(a)
	}
	return out
}

func pair(a attribute.KeyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: string(a.Key), Value: encoded(a.Value)}
}

// encoded converts a value of any type.
func encoded(v attribute.Value) *commonpb.AnyValue {
	switch v.Type() {
	case attribute.EMPTY:
		return &commonpb.AnyValue{}
	case attribute.BOOL:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	case attribute.STRING:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v.AsString()}}
	case attribute.BYTESLICE:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: v.AsByteSlice()}}
	case attribute.MAP:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: pairs(v.AsMap())}}}
	case attribute.BOOLSLICE:
		return list(v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		return list(v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		return list(v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.STRINGSLICE:
		return list(v.AsStringSlice(), attribute.StringValue)
	case attribute.SLICE:
		return list(v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v.String()}}
}

func list[T any](of []T, value func(T) attribute.Value) *commonpb.AnyValue {
	values := make([]*commonpb.AnyValue, len(of))
	for i, v := range of {
		values[i] = encoded(value(v))
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: values}}}
}
