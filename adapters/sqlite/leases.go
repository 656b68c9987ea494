package sqlite

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Leases = (*Store)(nil)

const (
	sharesAtOnce   = 1000 // max rooms whose shares are noted in one transaction
	nodesForgotten = time.Hour
)

// Renew implements ports.Leases. It also notes the shares of rooms that an earlier release made.
func (s *Store) Renew(ctx context.Context, node ports.NodeID, lives time.Duration) (is ports.Tenure, err error) {
	for more := true; more; {
		if more, err = s.noteShares(ctx); err != nil {
			return is, err
		}
	}
	at := now()
	err = s.writeBeside(ctx, "renew leases", func(tx *transaction) error {
		return errors.Join(
			tx.exec(s.w.forgetNodes, at-nodesForgotten.Microseconds()),
			tx.exec(s.w.renewNode, node, at+lives.Microseconds()),
			tx.row(s.w.nodes, at).Scan(&is.Nodes),
			tx.each(s.w.leases, func(scan scanner) error {
				var l ports.Lease
				err := scan(&l.Share, &l.Fence)
				is.Leases = append(is.Leases, l)
				return err
			}, node))
	})
	if err != nil {
		return ports.Tenure{}, err
	}
	return is, nil
}

// noteShares notes the shares of rooms that have none, and reports whether there may be more such
// rooms.
func (s *Store) noteShares(ctx context.Context) (more bool, err error) {
	var ids []chat.RoomID
	err = eachRow(ctx, s.r.shareless, func(scan scanner) error {
		var id chat.RoomID
		err := scan(&id)
		ids = append(ids, id)
		return err
	}, sharesAtOnce)
	if err != nil || len(ids) == 0 {
		return false, within(ctx, err, "read rooms without a share")
	}
	return len(ids) == sharesAtOnce, s.writeBeside(ctx, "note the shares of rooms", func(tx *transaction) error {
		for _, id := range ids {
			if err := tx.exec(s.w.setShare, id, ports.ShareOf(id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Acquire implements ports.Leases. It writes only if there is something to take.
func (s *Store) Acquire(ctx context.Context, node ports.NodeID) (more []ports.Lease, err error) {
	var free bool
	at := now()
	if err := s.r.free.QueryRowContext(ctx, at).Scan(&free); err != nil || !free {
		return nil, within(ctx, err, "look for leases")
	}
	err = s.writeBeside(ctx, "acquire leases", func(tx *transaction) error {
		more = nil
		if err := tx.each(s.w.freeLeases, func(scan scanner) error {
			var l ports.Lease
			err := scan(&l.Share, &l.Fence, &l.From)
			l.Fence++
			more = append(more, l)
			return err
		}, node, at); err != nil {
			return err
		}
		for _, l := range more {
			if err := tx.exec(s.w.takeLease, l.Share, l.Fence, node); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return more, nil
}

// Release implements ports.Leases.
func (s *Store) Release(ctx context.Context, node ports.NodeID, shares []ports.Share) error {
	return s.writeBeside(ctx, "give back leases", func(tx *transaction) error {
		for _, share := range shares {
			if err := tx.exec(s.w.release, node, share); err != nil {
				return err
			}
		}
		return nil
	})
}

// Leave implements ports.Leases.
func (s *Store) Leave(ctx context.Context, node ports.NodeID) error {
	return s.writeBeside(ctx, "give back leases", func(tx *transaction) error {
		return errors.Join(tx.exec(s.w.leaveNode, node), tx.exec(s.w.releaseAll, node))
	})
}

// vacate gives back the leases of services that had the file before. The service that has claimed
// the file is the only one, so it need not wait until these lapse.
func (s *Store) vacate(ctx context.Context) error {
	return s.writeBeside(ctx, "give back leases", func(tx *transaction) error {
		return errors.Join(tx.exec(s.w.forgetNodes, int64(math.MaxInt64)), tx.exec(s.w.vacate))
	})
}
