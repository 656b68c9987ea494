package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	sweepEvery = 2 * time.Second // between two looks for pins that are due
	sweepMost  = 100             // max pins that one look ends
)

// expire ends pins whose time has come, until ctx ends. Each node does so. An entry's key is made
// from its cause, so a pin is ended by one entry, whichever node is first.
func (s *Service) expire(ctx context.Context) {
	if s.cfg.Slots == nil {
		return
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for s.sweep(ctx) == sweepMost && ctx.Err() == nil {
				continue
			}
		}
	}
}

// sweep ends pins that are due, and returns how many. A pin that cannot be ended is tried again at
// the next look.
func (s *Service) sweep(ctx context.Context) (ended int) {
	if !s.audience.Has(ports.FeaturePins) {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AppendTimeout)
	defer cancel()
	due, err := s.cfg.Slots.DuePins(ctx, sweepMost)
	if err != nil {
		if ctx.Err() == nil {
			s.cfg.Observer.Fault(ctx, "look for pins that are due", err)
		}
		return 0
	}
	results := make(chan error, len(due))
	for _, pin := range due {
		s.journal.submit(draft{proposal: unpinning(pin), done: func(_ ports.Outcome, err error) { results <- err }})
	}
	for range due {
		if err := <-results; err == nil {
			ended++
		}
	}
	return ended
}

// unpinning returns the proposal that ends a pin.
func unpinning(pin ports.DuePin) chat.Proposal {
	return chat.Proposal{
		Room: pin.Room, Author: chat.Author{ID: chat.System}, By: chat.Rights{Admin: true},
		Key:  chat.CauseKey(fmt.Sprintf("pin/%d/%d", pin.Message, pin.SetBy)),
		Fact: chat.Set{Type: chat.Pinned, Target: pin.Message},
	}
}
