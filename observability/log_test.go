package observability_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/parley-chat/parley/observability"
	"github.com/parley-chat/parley/ports"
)

func TestALineHasTheStepThatItBelongsTo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := observability.NewLogger(&out, observability.JSON, slog.LevelInfo, nil)
	log.With("part", "store").InfoContext(ports.WithTrace(t.Context(), sampled), "hello")
	if got := out.String(); !strings.Contains(got, `"trace_id":"`+sampled.ID()+`","span_id":"`+sampled.SpanID()+`"`) {
		t.Errorf("got %s", got)
	}
	out.Reset()
	log.Info("of no trace")
	if got := out.String(); strings.Contains(got, "trace_id") {
		t.Errorf("got %s", got)
	}
}

// sent keeps exported lines.
type sent struct {
	mu    sync.Mutex
	lines []string
}

func (s *sent) OnEmit(_ context.Context, r *sdklog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := r.Body().AsString()
	r.WalkAttributes(func(a attribute.KeyValue) bool { line += " " + string(a.Key) + "=" + a.Value.String(); return true })
	s.lines = append(s.lines, line)
	return nil
}
func (*sent) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (*sent) Shutdown(context.Context) error                         { return nil }
func (*sent) ForceFlush(context.Context) error                       { return nil }

func TestLinesThatAreSentOnKeepTheLevelAndTheSecrets(t *testing.T) {
	t.Parallel()
	var level slog.LevelVar
	to := &sent{}
	log := observability.NewLogger(io.Discard, observability.JSON, &level, sdklog.NewLoggerProvider(sdklog.WithProcessor(to)))
	log.Debug("not wanted")
	level.Set(slog.LevelDebug)
	log.Debug("wanted now")
	log.With("token", "s3cret").Info("hello", "url", "postgres://parley:s3cret@db/parley", slog.Group("request", "access_token", "s3cret", "path", "/ws"))
	got := strings.Join(to.lines, "\n")
	if len(to.lines) != 2 || !strings.HasPrefix(got, "wanted now") {
		t.Errorf("sent were %q, want the two that the level lets pass", to.lines)
	}
	if strings.Contains(got, "s3cret") || !strings.Contains(got, "db/parley") || !strings.Contains(got, "/ws") {
		t.Errorf("sent was %s, want all but what is secret", got)
	}
}
