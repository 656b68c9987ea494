package ports

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// HookObserver hears how hooks fare. Hooks are named; there are few.
type HookObserver interface {
	FaultObserver
	StepObserver

	// HookTried tells of one try to deliver a parcel: how it ended and how long it took.
	HookTried(result HookResult, took time.Duration)
	// HookActed tells of one command of a hook's answer: err is nil or has a chat.Kind.
	HookActed(hook chat.HookID, err error)
	// HookSignals tells what became of n signals that a hook was to be told.
	HookSignals(fate HookFate, n int)

	// HookFailing tells that what is sent to a hook does not arrive, and why, once; and with a nil
	// error, once, that it does again.
	HookFailing(hook chat.HookID, err error)
	// HookSet tells what somebody did to a hook, for the records: who, which, and where and why if
	// they said so.
	HookSet(by chat.UserID, hook chat.HookID, what HookAct, room chat.RoomID, why string)
	// HooksCounted tells, every few seconds, how many hooks there are, and how many of them are
	// paused.
	HooksCounted(all, paused int)
}

// HookResult is how a try ended: a word of a closed set.
type HookResult string

// The results of tries.
const (
	HookOK          HookResult = "ok"
	HookRefused     HookResult = "refused"     // an answer of another status than the others
	HookFailed      HookResult = "failed"      // a status from 500
	HookBusy        HookResult = "busy"        // 429 or 503
	HookGone        HookResult = "gone"        // 410
	HookForbidden   HookResult = "forbidden"   // the operator does not allow the address
	HookUnreachable HookResult = "unreachable" // there was no answer, or none that could be read
)

// HookResults are all of them.
var HookResults = []HookResult{HookOK, HookRefused, HookFailed, HookBusy, HookGone, HookForbidden, HookUnreachable}

// HookFate is what became of a signal for a hook: a word of a closed set.
type HookFate string

// The fates of signals.
const (
	HookSignalTold    HookFate = "told"
	HookSignalDropped HookFate = "dropped" // there were too many, or the hook is not to be told anything for now
	HookSignalFailed  HookFate = "failed"  // it was posted, and not taken
)

// HookFates are all of them.
var HookFates = []HookFate{HookSignalTold, HookSignalDropped, HookSignalFailed}

// HookAct is what somebody did to a hook: a word of a closed set.
type HookAct string

// The acts.
const (
	HookMadeAct     HookAct = "made"
	HookChangedAct  HookAct = "changed"
	HookRotatedAct  HookAct = "rotated"
	HookPausedAct   HookAct = "paused"
	HookResumedAct  HookAct = "resumed"
	HookRemovedAct  HookAct = "removed"
	HookSoughtAct   HookAct = "sought"
	HookSkippedAct  HookAct = "skipped"
	HookRetriedAct  HookAct = "retried"
	HookTestedAct   HookAct = "tested"
	HookPairedAct   HookAct = "paired"   // it has a key pair
	HookUnpairedAct HookAct = "unpaired" // it has none any more
)

// HooksChanged tells the other nodes that hooks were made, changed or removed: to be read again.
type HooksChanged struct{}

// About implements Notice.
func (HooksChanged) About() chat.RoomID { return "" }

// HookTried ignores it.
func (Unobserved) HookTried(HookResult, time.Duration) {}

// HookActed ignores it.
func (Unobserved) HookActed(chat.HookID, error) {}

// HookSignals ignores it.
func (Unobserved) HookSignals(HookFate, int) {}

// HookFailing ignores it.
func (Unobserved) HookFailing(chat.HookID, error) {}

// HookSet ignores it.
func (Unobserved) HookSet(chat.UserID, chat.HookID, HookAct, chat.RoomID, string) {}

// HooksCounted ignores it.
func (Unobserved) HooksCounted(int, int) {}
