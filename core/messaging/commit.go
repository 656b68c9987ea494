package messaging

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// clockSkew is how far behind this node's clock the store's may be. An entry that is older than
// that, seen from the try that may have appended it, is of an earlier send.
const clockSkew = 500 * time.Millisecond

// regainBytes is how much is read again of what earlier tries appended: of what is more, the feeds
// of the node find out themselves.
const regainBytes = 1 << 20

// commit appends a batch, answers each of its drafts, and then tells who listens. It returns the
// drafts that it did not answer, as somebody else holds their rooms, and the error of a log out of
// reach.
func (j *journal) commit(ctx context.Context, batch []draft, listener ports.Listener) (held []draft, err error) {
	ctx, ending := j.follow(ctx, batch)
	held, err = j.commitAs(ctx, batch, listener)
	ending.End(err)
	return held, err
}

func (j *journal) commitAs(ctx context.Context, batch []draft, listener ports.Listener) (held []draft, err error) {
	outcomes, err := j.append(ctx, batch)
	unreachable := errors.Is(err, chat.Unavailable)
	if err != nil && !unreachable && len(batch) > 1 {
		// One proposal that the log cannot take must not spoil the others: halving finds it.
		return j.commitHalves(ctx, batch, listener)
	}
	// Before anybody hears of it, and also where the outcome is unknown: a ban may be in force.
	j.standings.learn(batch)
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

// commitHalves commits the first half of a batch, and then the second, but for what goes to rooms
// that were held in the first: a room's order stays.
func (j *journal) commitHalves(ctx context.Context, batch []draft, listener ports.Listener) (held []draft, err error) {
	half := len(batch) / 2
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
		batch[i].done(ports.Outcome{}, err)
	}
}

// places is a run of places in each of some rooms: the first and the last.
type places map[chat.RoomID][2]chat.Seq

// answer answers each draft but for the held, and returns the entries that are new, where those are
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
		batch[i].done(o, o.Err)
	}
	return entries, lost, held
}

// stored reports whether an entry with the draft's key is what an earlier try of this very draft
// appended, its outcome having been lost on the way: then it is no duplicate. A client's key may
// also have been used by an earlier send; the entry's age tells.
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

// regain reads what earlier tries appended, and returns it with the entries behind it, ascending
// per room. Where the log cannot be read the listener hears of the head at least.
func (j *journal) regain(ctx context.Context, lost places, entries []chat.Entry, listener ports.Listener) []chat.Entry {
	if lost == nil {
		return entries
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.cfg.AppendTimeout)
	defer cancel()
	var all []chat.Entry
	for room, run := range lost {
		// What others appended in between comes along, and is known or news to a listener just so.
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

// tell announces entries to the other nodes, and to all of them whose standing they change.
func (j *journal) tell(ctx context.Context, entries []chat.Entry) error {
	if j.cfg.Bus == nil {
		return nil
	}
	// The last entries of a node that stops are news to the others all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.cfg.AppendTimeout)
	defer cancel()
	var err error
	for i := range entries { // first, so that who was banned is so when the entry comes
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

// memberAdded returns what to tell somebody who was made a member by another, if an entry does
// that.
func memberAdded(e *chat.Entry) (added ports.MemberAdded, does bool) {
	f, ok := e.Fact.(chat.MemberChanged)
	if !ok || f.Change != chat.MemberJoined || f.User == e.Author.ID {
		return added, false
	}
	return ports.MemberAdded{Room: e.Room, User: f.User, By: e.Author, Role: f.Role}, true
}

// append retries what could not reach the log, or whose outcome is unknown: the keys make that
// safe. Once ctx has ended, each batch has one try.
func (j *journal) append(ctx context.Context, batch []draft) ([]ports.Outcome, error) {
	proposals := make([]chat.Proposal, len(batch))
	for i := range batch {
		proposals[i] = batch[i].proposal
	}
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

// lose notes that nobody knows what became of a batch. Of two drafts with one key only the first
// can be what was stored.
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

// appendOnce tries once, for as long as one try may take: what waits at the end of ctx is written
// all the same.
func (j *journal) appendOnce(ctx context.Context, proposals []chat.Proposal) ([]ports.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.cfg.AppendTimeout)
	defer cancel()
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

// withRetryAfter tells the client when to come back. The cause has been told of where it came up.
func withRetryAfter(err error) error {
	e := *chat.AsError(err)
	e.Cause = nil
	if e.RetryAfter == 0 {
		e.RetryAfter = retryAfter
	}
	return &e
}
