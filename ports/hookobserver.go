package ports

import (
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// HookObserver hears about the deliveries of hooks. Hooks are named in metrics, as there are few.
type HookObserver interface {
	FaultObserver
	StepObserver

	// HookTried tells of one try to deliver a parcel: how it ended and how long it took.
	HookTried(result HookResult, took time.Duration)
	// HookActed tells of one command in a hook's answer. err is nil or has a chat.Kind.
	HookActed(hook chat.HookID, err error)
	// HookSignals tells what happened to n signals for a hook.
	HookSignals(fate HookFate, n int)

	// HookFailing tells, once, that deliveries to a hook fail, and why. When they succeed again it
	// is called once with a nil error.
	HookFailing(hook chat.HookID, err error)
	// HookSet tells what somebody did to a hook, for the records: who, to which hook, in which
	// room, and why if they said so.
	HookSet(by chat.UserID, hook chat.HookID, what HookAct, room chat.RoomID, why string)
	// HooksCounted tells, every few seconds, how many hooks there are, and how many of them are
	// paused.
	HooksCounted(all, paused int)
}

// HookResult is the result of a try: one of a closed set of words.
type HookResult string

// The results of tries.
const (
	HookOK          HookResult = "ok"
	HookRefused     HookResult = "refused"     // an answer with a status that has no other result
	HookFailed      HookResult = "failed"      // a status from 500
	HookBusy        HookResult = "busy"        // 429 or 503
	HookGone        HookResult = "gone"        // 410
	HookForbidden   HookResult = "forbidden"   // the operator does not allow the address
	HookUnreachable HookResult = "unreachable" // there was no answer, or none that could be read
)

// HookResults are all results.
var HookResults = []HookResult{HookOK, HookRefused, HookFailed, HookBusy, HookGone, HookForbidden, HookUnreachable}

// HookFate is what happened to a signal for a hook: one of a closed set of words.
type HookFate string

// The fates of signals.
const (
	HookSignalTold HookFate = "told"
	// There were too many, or the hook is told nothing for now.
	HookSignalDropped HookFate = "dropped"
	HookSignalFailed  HookFate = "failed" // it was posted, but not taken
)

// HookFates are all fates.
var HookFates = []HookFate{HookSignalTold, HookSignalDropped, HookSignalFailed}

// HookAct is what somebody did to a hook: one of a closed set of words.
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
	HookPairedAct   HookAct = "paired"   // it has a key pair now
	HookUnpairedAct HookAct = "unpaired" // it has none any more
)

// HooksChanged tells the other nodes that hooks were made, changed or removed, and must be read
// again.
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
