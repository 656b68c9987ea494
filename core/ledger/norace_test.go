//go:build !race

package ledger_test

import (
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/ledger"
	"github.com/parley-chat/parley/ports"
)

// TestGuardToJudgeAMessageAllocatesNothing is there because stores ask for each message of a send.
func TestGuardToJudgeAMessageAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	s := tearoom()
	for name, p := range map[string]chat.Proposal{
		"a message": by("bob", chat.Message{Body: "hi"}),
		"an answer": by("bob", chat.Message{Body: "hi", ReplyTo: 1}),
	} {
		if got := testing.AllocsPerRun(100, func() {
			if ruling, err := ledger.Judge(s, &p); err != nil || ruling.Status != ports.Appended {
				t.Errorf("got %s, %v", show(ruling), err)
			}
		}); got != 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
}
