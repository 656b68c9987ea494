package ws

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/parley-chat/parley/ports"
)

// deflateExtension is the name of the extension of RFC 7692.
const deflateExtension = "permessage-deflate"

// negotiate returns the answer to the first offer of permessage-deflate that is acceptable, and how
// the connection takes packed frames. The answer is empty if there is none.
//
// The client must compress each message by itself, so that no state is kept for it here. Offers
// whose parameters are unknown, doubled or invalid are declined, as RFC 7692 demands (7.1), and so
// are those of a window that is smaller than what packed frames refer back to.
func negotiate(c *fiber.Ctx) (answer string, packing ports.Packing) {
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderSecWebSocketExtensions) {
		for _, offer := range splitQuoted(string(line), ',') {
			if answer, packing = accept(offer); packing != ports.Unpacked {
				return answer, packing
			}
		}
	}
	return "", ports.Unpacked
}

// accept returns the answer to one offer; ports.Unpacked declines it.
func accept(offer string) (answer string, packing ports.Packing) {
	params := splitQuoted(offer, ';')
	if strings.TrimSpace(params[0]) != deflateExtension {
		return "", ports.Unpacked
	}
	answer, packing = deflateExtension+"; client_no_context_takeover", ports.PackedChained
	seen := map[string]bool{}
	for _, param := range params[1:] {
		name, value, hasValue := strings.Cut(param, "=")
		name = strings.TrimSpace(name)
		if seen[name] {
			return "", ports.Unpacked
		}
		seen[name] = true
		bits, valid := windowBits(value)
		switch {
		case name == "server_no_context_takeover" && !hasValue:
			answer += "; server_no_context_takeover"
			packing = ports.PackedAlone
		case name == "client_no_context_takeover" && !hasValue:
		case name == "server_max_window_bits" && hasValue && valid && 1<<bits >= packWindow:
			answer += "; server_max_window_bits=" + strconv.Itoa(bits)
		case name == "client_max_window_bits" && (!hasValue || valid): // any window will do
		default:
			return "", ports.Unpacked
		}
	}
	return answer, packing
}

// windowBits reads the size of a window: 8 to 15, without leading zeros (RFC 7692, 7.1.2). It may
// be quoted.
func windowBits(value string) (bits int, valid bool) {
	value = strings.TrimSpace(value)
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	bits, err := strconv.Atoi(value)
	return bits, err == nil && 8 <= bits && bits <= 15 && strconv.Itoa(bits) == value
}

// splitQuoted splits a header at a separator, except within quotes (RFC 9110, 5.6.4).
func splitQuoted(text string, separator byte) (parts []string) {
	from, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}
