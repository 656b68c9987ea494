package chat

import "strings"

// Trace names a step of a distributed trace: a W3C traceparent
// (https://www.w3.org/TR/trace-context/) of version 00, or empty if nobody follows. It contains
// nothing of what was said, so whoever is in the room may see it.
type Trace string

const traceLength = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// ParseTrace returns s as a trace, or an empty one if s is no traceparent: the recommendation
// says to treat an unreadable one as none.
func ParseTrace(s string) Trace {
	if len(s) < traceLength || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return ""
	}
	version, id, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case !lowerHex(version + id + parent + flags):
	case version == "ff" || version == "00" && len(s) > traceLength || len(s) > traceLength && s[traceLength] != '-':
	case strings.Trim(id, "0") == "" || strings.Trim(parent, "0") == "":
	case version == "00":
		return Trace(strings.Clone(s))
	default: // a later version begins with the same fields
		return Trace("00" + s[2:traceLength])
	}
	return ""
}

// Sampled reports whether the caller records the trace: the sampled flag.
func (t Trace) Sampled() bool { return len(t) == traceLength && hexValue(t[54])&1 == 1 }

// ID returns the id of the whole trace: 32 hexadecimal digits, or "".
func (t Trace) ID() string {
	if len(t) != traceLength {
		return ""
	}
	return string(t[3:35])
}

// SpanID returns the id of the step: 16 hexadecimal digits, or "".
func (t Trace) SpanID() string {
	if len(t) != traceLength {
		return ""
	}
	return string(t[36:52])
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func hexValue(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
