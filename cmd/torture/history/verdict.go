package history

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Rule is something that must hold. Each comes from an invariant of the design, which is in
// brackets.
type Rule string

// The rules.
const (
	Vacuous    Rule = "vacuous"          // a history proves something: there were acknowledgements, readers, and an end
	AckedStore Rule = "acked-stored"     // [I1] what was acknowledged is in the log, where the acknowledgement said, as it was asked for
	NoHoles    Rule = "no-holes"         // [I2] a room's log is 1, 2, 3, … to its head
	RealTime   Rule = "real-time-order"  // [I2] what was asked for after another was acknowledged comes after it
	StoredOnce Rule = "stored-once"      // [I4] one (room, author, key) is one entry, and every answer names that
	Invented   Rule = "nothing-invented" // [I4] what is stored was asked for, and what was refused for good is not stored
	Once       Rule = "seen-once"        // [I3] no reader sees an entry twice
	NoGap      Rule = "no-gap"           // [I3] no reader misses an entry, over all of its connections
	AsStored   Rule = "seen-is-stored"   // [I2] what is seen is what is stored there, and no text that nobody wrote
	TheEnd     Rule = "reached-the-end"  // [I3] a reader that is connected at the end has seen all
	Converges  Rule = "replay-converges" // [I6] a client that applies what it saw, in order, has what the log has
	Resumes    Rule = "resumes-as-asked" // [I3] a join continues right after the cursor, unless it says that it cannot

	HookSigned  Rule = "hook-signed"       // [consumers] each request to a webhook is signed with its secret
	HookBytes   Rule = "hook-same-bytes"   // [consumers] one webhook-id has the same bytes, for ever
	HookBatch   Rule = "hook-whole-batch"  // [consumers] a batch has all entries between its bounds that the hook takes, and no others
	HookBounds  Rule = "hook-fixed-bounds" // [consumers] what comes again comes in the same batch, unless a part of that was taken
	HookOrder   Rule = "hook-in-order"     // [consumers] per room, a batch follows what was taken, without a gap
	HookEnd     Rule = "hook-told-all"     // [consumers] at the end, each webhook has taken all that it asked for
	HookForgets Rule = "hook-forgets"      // [consumers] the text of a message does not come long after it was deleted
)

// Violation is a place where a rule does not hold.
type Violation struct {
	Rule Rule
	Room string
	What string // in a sentence
}

// maxTold is the max number of violations that a verdict keeps.
const maxTold = 100

// Verdict is the result of checking a history.
type Verdict struct {
	Asked, Acked, Refused, Unknown  int // changes
	Rooms, Stored                   int
	Readers, Joins, Seen, Truncated int
	Disconnects, Faults             int
	Hooks, Told, Again              int          // webhooks; their requests, and those among them that came before
	Violations                      []Violation  // the first hundred
	Broken                          map[Rule]int // how often each rule was broken
}

// Pass reports whether all rules hold.
func (v *Verdict) Pass() bool { return len(v.Broken) == 0 }

func (v *Verdict) breaks(rule Rule, room, format string, args ...any) {
	if v.Broken == nil {
		v.Broken = map[Rule]int{}
	}
	v.Broken[rule]++
	if len(v.Violations) < maxTold {
		v.Violations = append(v.Violations, Violation{rule, room, fmt.Sprintf(format, args...)})
	}
}

// WriteTo writes the verdict as text.
func (v *Verdict) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d changes asked for: %d acknowledged, %d refused, %d whose answer was lost\n", v.Asked, v.Acked, v.Refused, v.Unknown)
	fmt.Fprintf(&b, "%d entries stored in %d rooms; %d readers saw %d, over %d joins (%d truncated) and %d lost connections\n",
		v.Stored, v.Rooms, v.Readers, v.Seen, v.Joins, v.Truncated, v.Disconnects)
	if v.Hooks > 0 {
		fmt.Fprintf(&b, "%d webhooks were told %d batches, %d of them again\n", v.Hooks, v.Told, v.Again)
	}
	fmt.Fprintf(&b, "%d faults\n", v.Faults)
	if v.Pass() {
		b.WriteString("PASS: every acknowledged change is stored, once; logs have no holes; every reader saw every entry, once, in order, and ended in the state of the log")
		if v.Hooks > 0 {
			b.WriteString("; every webhook took every entry that it asked for, in order, and what came again were the same bytes")
		}
		b.WriteString("\n")
	} else {
		for _, one := range v.Violations[:min(len(v.Violations), 20)] {
			fmt.Fprintf(&b, "  %s, room %s: %s\n", one.Rule, one.Room, one.What)
		}
		b.WriteString("FAIL:")
		for _, rule := range slices.Sorted(maps.Keys(v.Broken)) {
			fmt.Fprintf(&b, " %s (%d)", rule, v.Broken[rule])
		}
		b.WriteString("\n")
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
