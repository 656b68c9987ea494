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
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: mask}
	if format == Text {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

const masked = "[masked]"

func mask(_ []string, a slog.Attr) slog.Attr {
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
