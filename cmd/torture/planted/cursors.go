package main

import (
	"context"

	"github.com/parley-chat/parley/cmd/server"
	"github.com/parley-chat/parley/ports"
)

// early moves a cursor past a batch when its bounds are fixed, before it is taken.
type early struct{ server.Store }

func (e early) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	outcomes, err := e.Store.Move(ctx, moves)
	var past []ports.CursorMove
	for i := range outcomes {
		if to := moves[i].To; outcomes[i].Outcome == ports.Moved && to.UpTo > to.Seq && to.Tries == 0 {
			past = append(past, ports.CursorMove{
				Lease: moves[i].Lease, Was: &ports.CursorState{Seq: to.Seq, UpTo: to.UpTo},
				To: ports.Cursor{Consumer: to.Consumer, Room: to.Room, Seq: to.UpTo},
			})
		}
	}
	if len(past) > 0 {
		_, _ = e.Store.Move(ctx, past)
	}
	return outcomes, err
}

// loose forgets a batch's bounds when it fails, so that the next try has others.
type loose struct{ server.Store }

func (l loose) Move(ctx context.Context, moves []ports.CursorMove) ([]ports.CursorMoved, error) {
	changed := make([]ports.CursorMove, len(moves))
	for i, m := range moves {
		if m.To.Tries > 0 {
			m.To.UpTo, m.To.Head, m.To.Sealed = 0, 0, nil
		}
		changed[i] = m
	}
	outcomes, err := l.Store.Move(ctx, changed)
	for i := range outcomes {
		if moves[i].To.Tries > 0 && outcomes[i].Outcome == ports.Moved {
			outcomes[i].Outcome = ports.MoveChanged // so that the cursor is read again
		}
	}
	return outcomes, err
}
