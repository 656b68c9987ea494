package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/consuming"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestCursorsAndLeasesKeepTheirContracts(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "exec"} {
		t.Run("with the mode "+mode, func(t *testing.T) {
			t.Parallel()
			portstest.Cursors(t, func(t *testing.T) portstest.CursorsUnderTest {
				return open(t, postgres.Config{URL: with(t, migrated.Copy(t), "default_query_exec_mode", mode)})
			})
		})
	}
}

// saysOnce makes a room with one message, or says one more there.
func saysOnce(t *testing.T, s *postgres.Store, room chat.RoomID) chat.Seq {
	t.Helper()
	if _, err := s.Standing(t.Context(), room, ""); err != nil {
		if _, err := s.Create(t.Context(), chat.Room{ID: room, Public: true}, ""); err != nil {
			t.Fatal(err)
		}
	}
	outcomes, err := s.Append(t.Context(), []chat.Proposal{{
		Room: room, Author: chat.Author{ID: "alice"}, By: chat.Rights{Admin: true}, Key: chat.NewKey(), Fact: chat.Message{Body: "hi"},
	}})
	if err != nil || outcomes[0].Status != ports.Appended {
		t.Fatalf("append: %+v, %v", outcomes, err)
	}
	return outcomes[0].Entry.Seq
}

// pending returns the head of a room that is pending, or 0.
func pending(t *testing.T, s *postgres.Store, room chat.RoomID) chat.Seq {
	t.Helper()
	rooms, err := s.Pending(t.Context(), []ports.SharePlace{{Share: ports.ShareOf(room)}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range rooms {
		if is.Room == room {
			return is.Head
		}
	}
	return 0
}

func TestWhatTheReleaseBeforeAppendsIsFound(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	s := open(t, postgres.Config{URL: database})
	saysOnce(t, s, "tea")
	saysOnce(t, s, "den")
	if err := s.Clear(t.Context(), []ports.RoomHead{{Room: "tea", Head: 1}, {Room: "den", Head: 1}}, 0); err != nil {
		t.Fatal(err)
	}
	plant(t, database, portstest.LaterEntry{Room: "tea", Author: chat.Author{ID: "bob"}, Type: "poll"}) // it sets no bit
	if pending(t, s, "tea") != 0 {
		t.Fatal("the release before knows of pending rooms")
	}
	woken, err := s.Wake(t.Context(), ports.WakeQuery{Limit: 100})
	if err != nil || woken != (ports.Woken{Count: 1}) || pending(t, s, "tea") != 2 || pending(t, s, "den") != 0 {
		t.Errorf("the walk wakes %+v, %v; tea is pending up to %d, den up to %d", woken, err, pending(t, s, "tea"), pending(t, s, "den"))
	}
}

func TestWhoHoldsARoomHoldsUpNoOtherOfAConsumer(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	s := open(t, postgres.Config{URL: database})
	saysOnce(t, s, "tea")
	saysOnce(t, s, "den")
	release := held(t, database, "tea")
	heads := []ports.RoomHead{{Room: "den", Head: 1}, {Room: "tea", Head: 1}}
	if err := s.Clear(t.Context(), heads, 0); err != nil || pending(t, s, "tea") != 1 || pending(t, s, "den") != 0 {
		t.Errorf("clear: %v; tea is pending up to %d, den up to %d", err, pending(t, s, "tea"), pending(t, s, "den"))
	}
	release()
	if err := s.Clear(t.Context(), heads, 0); err != nil || pending(t, s, "tea") != 0 {
		t.Errorf("clear: %v", err)
	}
	release = held(t, database, "den")
	defer release()
	woken, err := s.Wake(t.Context(), ports.WakeQuery{Limit: 100, Since: &time.Time{}})
	if err != nil || woken != (ports.Woken{Count: 1, Held: 1}) || pending(t, s, "tea") != 1 {
		t.Errorf("wake: %+v, %v", woken, err)
	}
}

// TestUpdatesOfRoomsStayOnTheirPage holds what makes a bit in the room's row cheap, with consumers
// that clear it: an update that changes nothing of an index writes none. Somebody else who reads
// the database for long keeps old versions of rows on their page, so one good run of many is
// enough.
func TestUpdatesOfRoomsStayOnTheirPage(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	s := open(t, postgres.Config{URL: database})
	conn := connect(t, database)
	rooms := []chat.RoomID{"a", "b", "c", "d", "e", "f", "g", "h"}
	updates := func() (all, hot int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `
			SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'room'`).Scan(&all, &hot); err != nil {
			t.Fatal(err)
		}
		return all, hot
	}
	appended := 0
	round := func(n int) (all, hot int) {
		for range n {
			for _, id := range rooms {
				saysOnce(t, s, id)
				appended++
			}
		}
		for all < appended { // the server counts up to a second later
			time.Sleep(20 * time.Millisecond)
			all, hot = updates()
		}
		return all, hot
	}
	stop := runs(t, s, "n1", &taker{name: "audit"})
	defer stop()
	all, hot := round(10)
	var part float64
	for range 20 {
		cleared := ports.RoomHead{Room: "a", Head: pending(t, s, "a")}
		if err := s.Clear(t.Context(), []ports.RoomHead{cleared}, 1); err != nil {
			t.Fatal(err)
		}
		allBefore, hotBefore := all, hot
		all, hot = round(40)
		if part = float64(hot-hotBefore) / float64(all-allBefore); part >= .95 {
			return
		}
	}
	t.Errorf("%.1f %% of the updates are HOT, want 95", 100*part)
}

// taker takes everything, and notes it.
type taker struct {
	name string
	fail func(b consuming.Batch) error

	mu    sync.Mutex
	taken map[chat.RoomID][]chat.Seq
	tried map[chat.RoomID][]consuming.Batch
}

func (k *taker) Name() string                { return k.name }
func (*taker) Wants(chat.RoomID) bool        { return true }
func (*taker) From() consuming.From          { return consuming.Start() }
func (*taker) Limits() consuming.Limits      { return consuming.Limits{Entries: 5} }
func (*taker) Filter(*chat.Entry) bool       { return true }
func (*taker) Seal(b consuming.Batch) []byte { return fmt.Appendf(nil, "%d-%d", b.First, b.Last) }

func (k *taker) Take(_ context.Context, b consuming.Batch) (consuming.Taken, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.taken == nil {
		k.taken, k.tried = map[chat.RoomID][]chat.Seq{}, map[chat.RoomID][]consuming.Batch{}
	}
	k.tried[b.Room] = append(k.tried[b.Room], b)
	if k.fail != nil {
		if err := k.fail(b); err != nil {
			return consuming.Taken{}, err
		}
	}
	for _, e := range b.Entries {
		k.taken[b.Room] = append(k.taken[b.Room], e.Seq)
	}
	return b.All(), nil
}

// runs runs a consumer on a store.
func runs(t *testing.T, s *postgres.Store, node ports.NodeID, consumer consuming.Consumer) (stop func()) {
	t.Helper()
	r := consuming.New(consuming.Config{Log: s, Cursors: s, Consumers: s, Retries: s, Leases: s, Node: node})
	if err := r.Add(consumer); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// TestTwoRunnersShareADatabase has two nodes run one consumer while rooms are appended to: each
// entry is taken in order, and what fails comes again with the same bounds. A node that comes later
// takes over what the first gives back.
func TestTwoRunnersShareADatabase(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	var rooms []chat.RoomID
	for i := range 12 {
		rooms = append(rooms, chat.RoomID(fmt.Sprint("room", i)))
	}
	first := open(t, postgres.Config{URL: database})
	second := open(t, postgres.Config{URL: database, NoMigrate: true})
	k := &taker{name: "audit"}
	k.fail = func(b consuming.Batch) error {
		if n := len(k.tried[b.Room]); n%4 == 2 { // now and then
			return consuming.Retry{After: time.Millisecond}
		}
		return nil
	}
	const each = 20
	stopFirst := runs(t, first, "n1", k)
	for _, id := range rooms {
		saysOnce(t, first, id)
	}
	stopSecond := runs(t, second, "n2", k)
	defer stopSecond()
	for i := range each - 1 {
		for _, id := range rooms {
			saysOnce(t, first, id)
		}
		if i == each/2 {
			stopFirst()
		}
	}
	for _, id := range rooms {
		for ctx := t.Context(); ; {
			cursors, err := second.Load(ctx, []chat.RoomID{id})
			if err != nil {
				t.Fatal(err)
			}
			if len(cursors) == 1 && cursors[0].Seq == each {
				break
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range rooms {
		next := chat.Seq(1)
		for _, seq := range k.taken[id] {
			if seq > next {
				t.Fatalf("%s: %v", id, k.taken[id])
			}
			next = max(next, seq+1)
		}
		bounds := map[chat.Seq]string{}
		for _, b := range k.tried[id] {
			is := fmt.Sprintf("%d-%d/%d", b.First, b.Last, b.Head)
			if was := bounds[b.First]; was != "" && was != is || string(b.Sealed) != fmt.Sprintf("%d-%d", b.First, b.Last) {
				t.Errorf("%s: %s was tried before as %s, sealed %q", id, is, was, b.Sealed)
			}
			bounds[b.First] = is
		}
	}
}
