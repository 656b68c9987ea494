// Package otlp sends spans and log lines to an OpenTelemetry collector, as the standard
// OTEL_EXPORTER_OTLP_* variables say: over HTTP or gRPC.
//
//	Spans ── otlptrace (OpenTelemetry's) ──┐
//	                                       ├─► sender ──► POST /v1/traces, /v1/logs
//	Logs ── logs.go ───────────────────────┘         └──► POST /opentelemetry.proto.….Service/Export
//
// OpenTelemetry's own exporters, even those for HTTP, import grpc-go. That imports html/template,
// which calls methods by name, so the linker keeps every exported method of the program: 13 MB. But
// a gRPC call with one request and one response message is only an HTTP/2 request with five bytes
// before its body, which net/http can send.
//
// The protocol is https://opentelemetry.io/docs/specs/otlp/, the settings are
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/, and gRPC's part is
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
package otlp
