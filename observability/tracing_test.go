package observability_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/parley-chat/parley/observability"
)

// It sets environment variables, so it does not run in parallel.
func TestWhereTelemetryGoes(t *testing.T) {
	for _, given := range []struct {
		name, traces, logs string
		tracing, logging   bool
		err                string
	}{
		{name: "nowhere"},
		{name: "to the output", traces: "console", logs: "console", tracing: true, logging: true},
		{name: "to a collector", traces: "otlp", logs: "otlp", tracing: true, logging: true},
		{name: "nowhere, as it says", traces: "none", logs: "none"},
		{name: "traces to nobody knows where", traces: "zipkin", err: "OTEL_TRACES_EXPORTER=zipkin: want otlp, console or none"},
		{name: "lines to nobody knows where", logs: "file", err: "OTEL_LOGS_EXPORTER=file: want otlp, console or none"},
	} {
		t.Run(given.name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_EXPORTER", given.traces)
			t.Setenv("OTEL_LOGS_EXPORTER", given.logs)
			telemetry, err := observability.StartTelemetry(t.Context(), observability.Build{}, slog.New(slog.DiscardHandler))
			if given.err != "" {
				if err == nil || !strings.Contains(err.Error(), given.err) {
					t.Errorf("got %v, want %s", err, given.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := telemetry.Traces() != nil; got != given.tracing {
				t.Errorf("traces are on: %v", got)
			}
			if got := telemetry.Logs() != nil; got != given.logging {
				t.Errorf("log lines are sent: %v", got)
			}
			if err := telemetry.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
