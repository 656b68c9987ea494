package observability

import (
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// LogFormat is how log lines are written.
type LogFormat string

// The formats.
const (
	JSON LogFormat = "json"
	Text LogFormat = "text"
)

// NewLogger returns a logger that writes lines of at least level to w. Attributes whose names are those of secrets or of what
// people say are masked, whoever logs them by mistake; so are passwords in URLs under the name url.
func NewLogger(w io.Writer, format LogFormat, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: show}
	if format == Text {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

const masked = "[masked]"

// show is what the log has of an attribute.
func show(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String()) // JSON would have a number without its unit
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

// MaskURL returns a URL without its password and without the values of its query, either of which may be secret.
func MaskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return masked // what cannot be read may hold anything
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
