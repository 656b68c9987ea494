package sqlite

import (
	"context"
	"database/sql"

	"github.com/parley-chat/parley/core/chat"
)

// How much is kept: some 10 MB. Where there is more before a batch, all of it is dropped.
const (
	keptRooms  = 8_192
	keptPlaces = 32_768
)

// kept has rows of rooms and of users in them, as the last batches left them in the database, so
// that the next batch need not read them again. Only the holder of its turn uses it. All of it is
// dropped
//   - if a transaction failed, as some of it may not have been committed;
//   - before a transaction of this store that may change such rows, other than a batch;
//   - if another connection has committed anything since.
type kept struct {
	turn chan struct{} // has an element while somebody writes

	conn    any   // the driver's connection of version
	version int64 // PRAGMA data_version: changes when another connection commits
	rooms   map[chat.RoomID]*roomRow
	places  map[memberKey]memberRow

	maxRooms, maxPlaces int
}

func newKept() *kept {
	k := &kept{turn: make(chan struct{}, 1), maxRooms: keptRooms, maxPlaces: keptPlaces}
	k.drop()
	return k
}

// take waits for the turn to write.
func (k *kept) take(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *kept) giveBack() { <-k.turn }

// drop forgets all rows.
func (k *kept) drop() {
	k.rooms, k.places = map[chat.RoomID]*roomRow{}, map[memberKey]memberRow{}
}

// check drops all rows if they may have changed since. It must be called in a transaction that has
// the lock for writing, on this connection.
func (k *kept) check(tx *transaction, conn any, version *sql.Stmt) error {
	var now int64
	if err := tx.row(version).Scan(&now); err != nil {
		return err
	}
	if conn != k.conn || now != k.version || len(k.rooms) > k.maxRooms || len(k.places) > k.maxPlaces {
		k.drop()
	}
	k.conn, k.version = conn, now
	return nil
}
