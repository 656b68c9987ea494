package messaging

import (
	"context"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// WriteTogether implements ports.Writer.
func (s *Service) WriteTogether(ctx context.Context, parts []ports.Part) []ports.Written {
	results := make([]ports.Written, len(parts))
	drafts, made, failed := s.checkTogether(ctx, parts, results)
	if failed >= 0 || len(drafts) == 0 {
		for i := range results {
			if results[i].Err == nil {
				results[i].Err = chat.Undone(failed)
			}
		}
		return results
	}
	type settled struct {
		at      int
		outcome ports.Outcome
		err     error
	}
	done := make(chan settled, len(drafts)) // has room for the result of each
	group := s.journal.groups.Add(1)
	for i := range drafts {
		drafts[i].proposal.Group, drafts[i].trace = group, ports.TraceOf(ctx)
		drafts[i].done = func(o ports.Outcome, err error) { done <- settled{i, o, err} }
		results[i].Err = chat.Errorf(chat.Unavailable, "the outcome is not known yet; send it again with the same keys")
	}
	s.journal.submit(drafts...)
	for range drafts {
		select {
		case is := <-done:
			if results[is.at].Err = is.err; is.err == nil {
				results[is.at].Receipt = receipt(parts[is.at].Change.In(), &is.outcome, made)
				made = nil // only the first part's answer tells that the room was made
			}
		case <-ctx.Done():
			return results
		}
	}
	return results
}

// checkTogether checks that the parts may be recorded, and makes the room if they are the first
// messages there. It returns their drafts and -1. If a part is refused, it returns that part's
// place instead of -1. results say why parts are refused.
func (s *Service) checkTogether(ctx context.Context, parts []ports.Part, results []ports.Written) (drafts []draft, made *ports.RoomMade, failed int) {
	failed = -1
	refuse := func(at int, err error) {
		results[at].Err = err
		if failed < 0 {
			failed = at
		}
	}
	drafts = make([]draft, len(parts))
	// How many parts are the first messages of the room, and the place of a part that is not.
	unmade, other := 0, -1
	for i := range parts {
		if err := s.mayPay(parts, i); err != nil {
			refuse(i, err)
			continue
		}
		p, first, err := s.part(ctx, parts, i)
		if err != nil {
			refuse(i, err)
			continue
		}
		if unmade++; !first {
			unmade, other = unmade-1, i
		}
		drafts[i].proposal = p
	}
	if unmade > 0 && other >= 0 { // only messages make a room
		refuse(other, chat.NoRoom(parts[other].Change.In()))
	}
	if failed >= 0 || len(parts) == 0 {
		return nil, nil, failed
	}
	if at := clash(drafts); at < len(drafts) {
		refuse(at, chat.Errorf(chat.Invalid, "commands[%d] sets what one before it sets", at))
		return nil, nil, failed
	}
	if unmade > 0 {
		var err error
		if made, err = s.makeFor(ctx, parts[0].By, parts[0].Change.In()); err != nil {
			refuse(0, err)
		}
	}
	return drafts, made, failed
}

// part returns the proposal for one of the parts.
func (s *Service) part(ctx context.Context, parts []ports.Part, at int) (p chat.Proposal, first bool, err error) {
	by, change := parts[at].By, parts[at].Change
	if change.In() != parts[0].Change.In() {
		return p, false, chat.Errorf(chat.Invalid, "commands[%d] is of another room", at)
	}
	p, first, err = s.proposal(ctx, by, change)
	if err == nil && p.Key == "" {
		err = chat.Errorf(chat.Invalid, "key of commands[%d] is missing: what is done together must be repeatable", at)
	}
	return p, first, err
}

// mayPay charges the parts. With the first part of each user it charges all of that user's parts.
// It refuses them if they are more than the user's limit ever allows at once.
func (s *Service) mayPay(parts []ports.Part, at int) error {
	by, n := parts[at].By, 0
	for i := range parts {
		if payer(parts[i].By) != payer(by) || parts[i].By.Service() != by.Service() {
			continue
		}
		if i < at {
			return nil
		}
		n++
	}
	l := s.limiter
	if by.Service() {
		l = s.services
	}
	if l.limits(by) && n > l.rate.Burst {
		return chat.Errorf(chat.Invalid, "these are %d changes at once, and the limit is %d", n, l.rate.Burst)
	}
	return s.charge(by, costWrite*float64(n))
}
