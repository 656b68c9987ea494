package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

var _ ports.Spread = (*Store)(nil)

// lanes is how many batches are appended at once by one node.
const lanes = 4

const laneKeyQuery = `SELECT lane_key FROM log`

// Lanes implements ports.Spread.
func (s *Store) Lanes() int { return lanes }

// Apart implements ports.Spread. All lanes may go together.
func (s *Store) Apart() int { return 1 }

// Lane implements ports.Spread.
func (s *Store) Lane(room chat.RoomID) int {
	var text [len(s.laneKey) + chat.MaxRoomIDChars]byte
	sum := sha256.Sum256(append(append(text[:0], s.laneKey[:]...), room...))
	return int(binary.BigEndian.Uint64(sum[:]) % lanes)
}

// learnLanes reads the key that spreads rooms over lanes. A log without an identity has none, and
// gets both by RenewLog.
func (s *Store) learnLanes(ctx context.Context) error {
	err := s.pool.QueryRow(ctx, laneKeyQuery).Scan(&s.laneKey)
	if errors.Is(err, pgx.ErrNoRows) {
		_, _ = rand.Read(s.laneKey[:]) // it never fails
		return nil
	}
	return err
}
