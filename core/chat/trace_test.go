package chat_test

import (
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestATraceIsATraceparentOrNothing(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]chat.Trace{
		traceparent: traceparent,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00":           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-something": traceparent,
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":           traceparent,
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01something":  "",
		traceparent + "-more": "",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331":    "",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "",
		"": "",
	} {
		if got := chat.ParseTrace(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestATraceTellsItsIDAndWhetherItIsRecorded(t *testing.T) {
	t.Parallel()
	for trace, want := range map[chat.Trace]bool{
		traceparent: true, "": false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00": false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0e": false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0f": true,
	} {
		if got := trace.Sampled(); got != want {
			t.Errorf("%q: sampled is %v", trace, got)
		}
	}
	if got := chat.Trace(traceparent).ID(); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("got id %q", got)
	}
	if got := chat.Trace("").ID(); got != "" {
		t.Errorf("got id %q of no trace", got)
	}
}
