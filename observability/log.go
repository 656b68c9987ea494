package observability

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/log"

	"github.com/parley-chat/parley/ports"
)

// LogFormat is the format of log lines.
type LogFormat string

// The formats.
const (
	JSON LogFormat = "json"
	Text LogFormat = "text"
)

// NewLogger returns a logger that writes lines of at least level to w, and to provider if it is not
// nil. Attributes with names of secrets or message texts are masked, in case they are logged by
// mistake; so are passwords in URLs under the name url. A line that is logged with the context of a
// trace's step has its trace_id and span_id.
func NewLogger(w io.Writer, format LogFormat, level slog.Leveler, provider log.LoggerProvider) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: show}
	var lines slog.Handler = slog.NewJSONHandler(w, options)
	if format == Text {
		lines = slog.NewTextHandler(w, options)
	}
	lines = traced{lines}
	if provider != nil {
		sent := otelslog.NewHandler(scope, otelslog.WithLoggerProvider(provider))
		lines = slog.NewMultiHandler(lines, filtered{sent, level})
	}
	return slog.New(lines)
}

// traced adds the trace_id and span_id of the context to a line.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if t := ports.TraceOf(ctx); t != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", t.ID()), slog.String("span_id", t.SpanID()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }

// filtered passes on lines of at least level, with secrets masked, to a handler that does neither.
type filtered struct {
	slog.Handler
	level slog.Leveler
}

// Enabled implements slog.Handler.
func (h filtered) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle implements slog.Handler.
func (h filtered) Handle(ctx context.Context, r slog.Record) error {
	shown := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(showAll(a))
		return true
	})
	return h.Handler.Handle(ctx, shown)
}

// WithAttrs implements slog.Handler.
func (h filtered) WithAttrs(attrs []slog.Attr) slog.Handler {
	shown := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		shown = append(shown, showAll(a))
	}
	return filtered{h.Handler.WithAttrs(shown), h.level}
}

// WithGroup implements slog.Handler.
func (h filtered) WithGroup(name string) slog.Handler {
	return filtered{h.Handler.WithGroup(name), h.level}
}

// showAll is show, applied to all members of groups.
func showAll(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() != slog.KindGroup {
		return show(nil, a)
	}
	var shown []slog.Attr
	for _, one := range a.Value.Group() {
		shown = append(shown, showAll(one))
	}
	return slog.Attr{Key: a.Key, Value: slog.GroupValue(shown...)}
}

const masked = "[masked]"

// show returns an attribute as it is logged.
func show(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		// JSON would have a number without a unit.
		a.Value = slog.StringValue(a.Value.Duration().String())
		return a
	}
	switch strings.ToLower(a.Key) {
	case "token", "access_token", "authorization", "cookie", "password", "secret", "body":
		a.Value = slog.StringValue(masked)
	case "url":
		a.Value = slog.StringValue(MaskURL(a.Value.String()))
	}
	return a
}

// MaskURL returns a URL with its password and the values of its query masked, because both may be
// secret. It may be several, separated by spaces.
func MaskURL(raw string) string {
	urls := strings.Fields(raw)
	for i, one := range urls {
		urls[i] = maskOne(one)
	}
	return strings.Join(urls, " ")
}

func maskOne(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return masked // an invalid URL may contain anything
	}
	if u.RawQuery != "" {
		query := u.Query()
		for name := range query {
			query[name] = []string{"xxxxx"}
		}
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}
