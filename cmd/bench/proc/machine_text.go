package proc

import (
	"strconv"
	"strings"
)

// cpuModel finds the processor's name in /proc/cpuinfo. Its form depends on the architecture; some
// have none.
func cpuModel(text, otherwise string) string {
	for _, key := range []string{"model name", "cpu model", "uarch", "Model", "Hardware", "cpu"} {
		for line := range strings.Lines(text) {
			name, value, ok := strings.Cut(line, ":")
			if ok && strings.TrimSpace(name) == key && strings.TrimSpace(value) != "" {
				return strings.Join(strings.Fields(value), " ")
			}
		}
	}
	return otherwise
}

// osName finds the distribution's name in os-release(5).
func osName(text, otherwise string) string {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME=")
		if !ok {
			continue
		}
		if bare, err := strconv.Unquote(value); err == nil {
			return bare
		}
		return strings.Trim(value, `'"`)
	}
	return otherwise
}
