package messaging

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// clockSkew is how far the store's clock may be behind this node's. An entry may be older than the
// try that seems to have appended it. If it is older by more than clockSkew, it is from an earlier
// send.
const clockSkew = 500 * time.Millisecond

// regainBytes bounds how much of what earlier tries appended is read again. The node's feeds find
// the rest themselves.
const regainBytes = 1 << 20

// commit appends a batch, answers each of its drafts, and then tells the listener and the bus. It
// does not answer drafts whose rooms somebody else holds, and returns these. err is not nil if
// the log is out of reach.
func (j *journal) commit(ctx context.Context, batch []draft, listener ports.Listener) (held []draft, err error) {
	ctx, ending := j.follow(ctx, batch)
	held, err = j.commitAs(ctx, batch, listener)
	ending.End(err)
	return held, err
}

func (j *journal) commitAs(ctx context.Context, batch []draft, listener ports.Listener) (held []draft, err error) {
	outcomes, err := j.append(ctx, batch)
	unreachable := errors.Is(err, chat.Unavailable)
	if half := middle(batch); err != nil && !unreachable && half < len(batch) {
		// One proposal that the log cannot take must not affect the others. Halving the batch finds
		// it.
		return j.commitHalves(ctx, batch, half, listener)
	}
	// This must come before anybody hears of the entries, as a ban may be in force. It is needed
	// also if the outcome is unknown.
	j.standings.learn(batch)
	j.sharing.drafts.Add(int64(len(batch)))
	if err != nil {
		fail(batch, err)
		if unreachable {
			return nil, err
		}
		return nil, nil
	}
	j.standings.correct(batch, outcomes)
	entries, lost, held := answer(batch, outcomes)
	j.announce(ctx, j.regain(ctx, lost, entries, listener), listener)
	return held, nil
}

// middle returns a place near the middle of a batch where no group is split. It returns the end if
// there is none.
func middle(batch []draft) int {
	if half := cut(batch, len(batch)/2); half > 0 {
		return half
	}
	return groupEnd(batch, 0)
}

// commitHalves commits the first half of a batch, and then the second. To keep the order in a room,
// it leaves out drafts of the second half to rooms that were held in the first.
func (j *journal) commitHalves(ctx context.Context, batch []draft, half int, listener ports.Listener) (held []draft, err error) {
	held, err = j.commit(ctx, batch[:half], listener)
	rest := batch[half:]
	if len(held) > 0 {
		rest = nil
		for _, d := range batch[half:] {
			if i := slices.IndexFunc(held, func(h draft) bool { return h.proposal.Room == d.proposal.Room }); i >= 0 {
				d.held = held[i].held
				held = append(held, d)
			} else {
				rest = append(rest, d)
			}
		}
	}
	if len(rest) == 0 {
		return held, err
	}
	also, second := j.commit(ctx, rest, listener)
	return append(held, also...), errors.Join(err, second)
}

func fail(batch []draft, err error) {
	for i := range batch {
		batch[i].answer(ports.Outcome{}, err)
	}
}

// places has the first and the last seq of a run in each of some rooms.
type places map[chat.RoomID][2]chat.Seq

// answer answers each draft that is not held. It returns the new entries, the places of entries
// that earlier tries appended, and the held drafts.
func answer(batch []draft, outcomes []ports.Outcome) (entries []chat.Entry, lost places, held []draft) {
	entries = make([]chat.Entry, 0, len(outcomes))
	committed := time.Now()
	for i := range batch {
		o := outcomes[i]
		switch {
		case o.Status == ports.Appended:
			o.Entry.Trace, o.Entry.Committed = batch[i].trace, committed
			entries = append(entries, o.Entry)
		case o.Status == ports.Duplicate && batch[i].stored(&o.Entry):
			o.Status = ports.Appended
			lost = lost.with(batch[i].proposal.Room, o.Entry.Seq)
		case o.Status == ports.Held:
			d := batch[i]
			if d.held = o.Err; d.held == nil {
				d.held = roomHeld()
			}
			held = append(held, d)
			continue
		case o.Status == ports.Refused && o.Err == nil:
			o.Err = chat.Errorf(chat.Internal, "the log refused a proposal and did not say why")
		}
		batch[i].answer(o, o.Err)
	}
	return entries, lost, held
}

// stored reports whether an earlier try of this very draft, whose outcome was lost, appended the
// entry with its key. Then the draft is not a duplicate. A client's key may also have been used by
// an earlier send; the entry's age tells.
func (d *draft) stored(e *chat.Entry) bool {
	return !d.lost.IsZero() && (d.proposal.Key.Made() || !e.At.Before(d.lost.Add(-clockSkew)))
}

func (p places) with(room chat.RoomID, seq chat.Seq) places {
	if p == nil {
		p = places{}
	}
	run, ok := p[room]
	if !ok {
		run = [2]chat.Seq{seq, seq}
	}
	p[room] = [2]chat.Seq{min(run[0], seq), max(run[1], seq)}
	return p
}

// regain reads what earlier tries appended, and returns it followed by entries, ascending per room.
// If the log cannot be read, the listener at least hears of the head.
func (j *journal) regain(ctx context.Context, lost places, entries []chat.Entry, listener ports.Listener) []chat.Entry {
	if lost == nil {
		return entries
	}
	listener.Entries(nil) // answers may wait for it, and reading takes time
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.cfg.AppendTimeout)
	defer cancel()
	var all []chat.Entry
	for room, run := range lost {
		// This includes what others appended in between. A listener may hear of entries twice.
		span := ports.Span{After: run[0] - 1, Before: run[1] + 1, Limit: j.cfg.MaxBatch, Bytes: regainBytes}
		found, err := j.cfg.Log.Read(ctx, room, span)
		if err != nil {
			j.cfg.Observer.Fault(ctx, "read what was appended", err)
		}
		if n := len(found); n == 0 || found[n-1].Seq < run[1] {
			listener.Head(room, run[1])
			continue
		}
		all = append(all, found...)
	}
	return append(all, entries...)
}

func (j *journal) announce(ctx context.Context, entries []chat.Entry, listener ports.Listener) {
	if len(entries) == 0 {
		return
	}
	ctx, ending := j.cfg.Observer.Began(ctx, ports.Step{Name: "announce", Count: len(entries)})
	listener.Entries(entries)
	for i := range entries {
		if added, ok := memberAdded(&entries[i]); ok {
			listener.Hear(added)
		}
	}
	ending.End(j.tell(ctx, entries))
}

// tell announces entries to the other nodes that follow their rooms. It tells all nodes whose
// standing changes and who was added.
func (j *journal) tell(ctx context.Context, entries []chat.Entry) error {
	if j.cfg.Bus == nil {
		return nil
	}
	// A node that stops must still announce its last entries.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.cfg.AppendTimeout)
	defer cancel()
	var err error
	for i := range entries { // first: nodes must know of a ban before its entry comes
		if changed, ok := standingChanged(entries[i].Room, entries[i].Fact); ok {
			err = errors.Join(err, j.cfg.Bus.Tell(ctx, changed))
		}
	}
	err = errors.Join(err, j.cfg.Bus.Announce(ctx, entries))
	for i := range entries {
		if added, ok := memberAdded(&entries[i]); ok {
			err = errors.Join(err, j.cfg.Bus.Tell(ctx, added))
		}
	}
	if err != nil {
		j.cfg.Observer.Fault(ctx, "announce entries", err)
	}
	return err
}

// memberAdded returns the notice for a user whom another made a member, if the entry does that.
func memberAdded(e *chat.Entry) (added ports.MemberAdded, does bool) {
	f, ok := e.Fact.(chat.MemberChanged)
	if !ok || f.Change != chat.MemberJoined || f.User == e.Author.ID {
		return added, false
	}
	return ports.MemberAdded{Room: e.Room, User: f.User, By: e.Author, Role: f.Role}, true
}

// append retries a batch that could not reach the log, or whose outcome is unknown. The keys make
// that safe. Once ctx has ended, each batch has one try.
func (j *journal) append(ctx context.Context, batch []draft) ([]ports.Outcome, error) {
	lent, _ := j.proposals.Get().(*[]chat.Proposal)
	if lent == nil {
		lent = new([]chat.Proposal)
	}
	proposals := (*lent)[:0]
	for i := range batch {
		proposals = append(proposals, batch[i].proposal)
	}
	defer func() {
		clear(proposals)
		*lent = proposals
		j.proposals.Put(lent)
	}()
	started := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		began := time.Now()
		outcomes, err := j.appendOnce(ctx, proposals)
		if err == nil {
			return outcomes, nil
		}
		if !errors.Is(err, chat.Unavailable) {
			return nil, err
		}
		lose(batch, began)
		if time.Since(started)+pause > j.cfg.RetryFor {
			return nil, withRetryAfter(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, withRetryAfter(err)
		}
	}
}

// lose notes that the outcome of a batch is unknown. Of two drafts with one key only the first can
// have been stored.
func lose(batch []draft, began time.Time) {
	type name struct {
		room   chat.RoomID
		author chat.UserID
		key    chat.Key
	}
	seen := make(map[name]bool, len(batch))
	for i := range batch {
		p := &batch[i].proposal
		is := name{p.Room, p.Author.ID, p.Key}
		if !seen[is] && batch[i].lost.IsZero() {
			batch[i].lost = began
		}
		seen[is] = true
	}
}

// appendOnce tries once, for up to AppendTimeout. It tries even if ctx has ended, so that what
// waits then is still written.
func (j *journal) appendOnce(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	ctx, limit := j.limits.Begin(ctx, j.cfg.AppendTimeout)
	defer limit.End()
	ctx, ending := j.cfg.Observer.Began(ctx, ports.Step{Name: "commit", Count: len(proposals)})
	began := time.Now()
	outcomes, err := j.cfg.Log.Append(ctx, proposals)
	if err == nil && len(outcomes) != len(proposals) {
		err = chat.Errorf(chat.Internal, "the log gave %d outcomes for %d proposals", len(outcomes), len(proposals))
	}
	if written := len(proposals) - countHeld(outcomes); written > 0 {
		j.cfg.Observer.Appended(ctx, written, time.Since(began), err)
	}
	ending.End(err)
	if err != nil {
		j.cfg.Observer.Fault(ctx, "append to the log", err)
	}
	return outcomes, err
}

func countHeld(outcomes []ports.Outcome) (n int) {
	for i := range outcomes {
		if outcomes[i].Status == ports.Held {
			n++
		}
	}
	return n
}

// withRetryAfter tells the client when to try again. The cause was logged where it occurred.
func withRetryAfter(err error) error {
	e := *chat.AsError(err)
	e.Cause = nil
	if e.RetryAfter == 0 {
		e.RetryAfter = retryAfter
	}
	return &e
}
