package portstest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// testHooks tests the contract of ports.Hooks. Its parts run one after the other, as hooks of all
// parts count against the same limits.
func (s *storeSuite) testHooks(t *testing.T) {
	t.Parallel()
	for _, part := range []struct {
		says string
		test func(*testing.T)
	}{
		{"a hook is kept as it was made", s.testHookKept},
		{"a hook is changed by who knows its version", s.testHookChanged},
		{"of those who change one at once one succeeds", s.testHookRaced},
		{"who leases a room of a hook has it alone", s.testHookLeases},
		{"there are so many and no more", s.testHooksBounded},
		{"those who make some at once do not go beyond the bound", s.testHooksRaced},
	} {
		t.Run(part.says, part.test)
	}
}

// aHook returns a hook with a value in each of its fields.
func aHook() ports.Hook {
	return ports.Hook{
		ID: chat.NewHookID(), Kind: ports.HookPush, URL: "https://example.org/in?a=1",
		Filter: ports.HookFilter{
			Rooms: []chat.RoomPattern{"general", "support-*"}, Types: []string{"message", "x.vote"}, Own: true, Batch: 7, Wait: 1500 * time.Millisecond,
		},
		Secrets: []byte{0, 1, 2, 0xff}, Keys: []byte{3, 0, 0xfe}, Signals: true, Bot: chat.Author{ID: "bot", Name: "Ünï 🤖"}, Role: chat.Moderate, Paused: "for a while",
		From: time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC), Epoch: 2, By: "alice", Granted: true,
	}
}

// makes makes a hook that is removed with the test.
func (s *storeSuite) makes(t *testing.T, h ports.Hook, now bool) ports.Hook {
	t.Helper()
	made, err := s.store.MakeHook(t.Context(), h, now)
	if err != nil {
		t.Fatalf("make a hook: %v", err)
	}
	t.Cleanup(func() { s.forgets(t, made.ID) })
	return made
}

func (s *storeSuite) forgets(t *testing.T, id chat.HookID) {
	t.Helper()
	if err := s.store.RemoveHook(context.WithoutCancel(t.Context()), id); err != nil && !errors.Is(err, chat.NotFound) {
		t.Errorf("remove a hook: %v", err)
	}
}

// hookOf returns a hook as the store lists it.
func (s *storeSuite) hookOf(t *testing.T, id chat.HookID) (ports.Hook, bool) {
	t.Helper()
	all, err := s.store.AllHooks(t.Context())
	if err != nil {
		t.Fatalf("read hooks: %v", err)
	}
	i := slices.IndexFunc(all, func(h ports.Hook) bool { return h.ID == id })
	if i < 0 {
		return ports.Hook{}, false
	}
	return all[i], true
}

func (s *storeSuite) testHookKept(t *testing.T) {
	want := aHook()
	made := s.makes(t, want, false)
	if age := time.Since(made.MadeAt); age < -time.Minute || age > time.Minute || made.Version != 1 {
		t.Errorf("made at %v, version %d", made.MadeAt, made.Version)
	}
	want.MadeAt, want.Version = made.MadeAt, 1
	got, _ := s.hookOf(t, want.ID)
	for what, h := range map[string]ports.Hook{"made": made, "read": got} {
		if !reflect.DeepEqual(h, want) {
			t.Errorf("%s: got %+v, want %+v", what, h, want)
		}
	}
	if _, err := s.store.MakeHook(t.Context(), want, false); !errors.Is(err, chat.Conflict) {
		t.Errorf("a second one of that id: %v", err)
	}
	bare := ports.Hook{ID: chat.NewHookID(), Kind: ports.HookPull, Secrets: []byte{}}
	s.makes(t, bare, false)
	if got, _ := s.hookOf(t, bare.ID); !got.From.IsZero() || got.URL != "" || got.Filter.Rooms != nil || got.Keys != nil || got.Signals || got.Role != chat.None {
		t.Errorf("with nothing in it: %+v", got)
	}
	now := aHook()
	if made := s.makes(t, now, true); !made.From.Equal(made.MadeAt) {
		t.Errorf("from now: %v, made at %v", made.From, made.MadeAt)
	}
	all, err := s.store.AllHooks(t.Context())
	if err != nil || len(all) < 3 {
		t.Fatalf("got %d hooks, %v", len(all), err)
	}
	var order []chat.HookID
	for _, h := range all {
		if h.ID == want.ID || h.ID == bare.ID || h.ID == now.ID {
			order = append(order, h.ID)
		}
	}
	if !slices.Equal(order, []chat.HookID{want.ID, bare.ID, now.ID}) {
		t.Errorf("the order in which they were made: got %v", order)
	}
}

func (s *storeSuite) testHookChanged(t *testing.T) {
	made := s.makes(t, aHook(), false)
	want := made
	want.URL, want.Paused, want.Role, want.Secrets, want.Bot = "https://example.org/other", "", chat.Write, []byte("new"), chat.Author{ID: "other"}
	want.Keys, want.Signals = nil, false
	want.Filter = ports.HookFilter{Rooms: []chat.RoomPattern{"*"}}
	want.From, want.Epoch = time.Time{}, 3
	asked := want
	asked.Room, asked.Kind, asked.By, asked.Granted, asked.MadeAt = "elsewhere", ports.HookPull, "mallory", false, time.Time{}
	got, err := s.store.ChangeHook(t.Context(), asked)
	want.Version++
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if read, _ := s.hookOf(t, made.ID); !reflect.DeepEqual(read, want) {
		t.Errorf("read: got %+v, want %+v", read, want)
	}
	if _, err := s.store.ChangeHook(t.Context(), asked); !errors.Is(err, chat.Conflict) {
		t.Errorf("with the version before: %v", err)
	}
	if err := s.store.RemoveHook(t.Context(), made.ID); err != nil {
		t.Errorf("remove: %v", err)
	}
	if _, there := s.hookOf(t, made.ID); there {
		t.Error("one that was removed is there")
	}
	if err := s.store.RemoveHook(t.Context(), made.ID); !errors.Is(err, chat.NotFound) {
		t.Errorf("remove again: %v", err)
	}
	if _, err := s.store.ChangeHook(t.Context(), got); !errors.Is(err, chat.NotFound) {
		t.Errorf("change one that was removed: %v", err)
	}
}

// stores returns the handles that race.
func (s *storeSuite) stores(t *testing.T) []StoreUnderTest {
	if s.again == nil {
		return []StoreUnderTest{s.store, s.store}
	}
	return []StoreUnderTest{s.store, s.again(t, s.store)}
}

func (s *storeSuite) testHookRaced(t *testing.T) {
	made, stores := s.makes(t, aHook(), false), s.stores(t)
	var done atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := stores[i%len(stores)].ChangeHook(t.Context(), made)
			switch {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, chat.Conflict):
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if got, _ := s.hookOf(t, made.ID); done.Load() != 1 || got.Version != 2 {
		t.Errorf("%d changed it, and its version is %d", done.Load(), got.Version)
	}
}

func (s *storeSuite) testHookLeases(t *testing.T) {
	made := s.makes(t, aHook(), false)
	a, b, c := someRoom(), someRoom(), someRoom()
	lease := func(lasts time.Duration, want []chat.RoomID, rooms ...chat.RoomID) {
		t.Helper()
		got, err := s.store.LeaseRooms(t.Context(), made.ID, rooms, lasts)
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("lease %v for %v: got %v, %v; want %v", rooms, lasts, got, err, want)
		}
	}
	lease(time.Hour, []chat.RoomID{a, b}, a, b)
	lease(time.Hour, []chat.RoomID{c}, b, c, a)
	lease(0, []chat.RoomID{b}, b)
	lease(time.Hour, []chat.RoomID{b}, a, b)
	lease(0, []chat.RoomID{c}, c)
	lease(time.Microsecond, []chat.RoomID{c}, c)
	for end := time.Now().Add(time.Minute); ; {
		got, err := s.store.LeaseRooms(t.Context(), made.ID, []chat.RoomID{c}, time.Hour)
		if err != nil || time.Now().After(end) {
			t.Fatalf("a lease does not end: %v", err)
		}
		if len(got) == 1 {
			break
		}
	}
	stores := s.stores(t)
	lease(0, []chat.RoomID{a, b, c}, a, b, c)
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rooms := []chat.RoomID{a, b, c}
			if i%2 == 1 {
				slices.Reverse(rooms)
			}
			got, err := stores[i%len(stores)].LeaseRooms(t.Context(), made.ID, rooms, time.Hour)
			if err != nil {
				t.Errorf("got %v", err)
			}
			won.Add(int64(len(got)))
		})
	}
	wg.Wait()
	if won.Load() != 3 {
		t.Errorf("three rooms were leased %d times", won.Load())
	}
	if got, err := s.store.LeaseRooms(t.Context(), chat.NewHookID(), []chat.RoomID{a}, time.Hour); err != nil || len(got) > 0 {
		t.Errorf("of a hook that is not there: %v, %v", got, err)
	}
}

func (s *storeSuite) testHooksBounded(t *testing.T) {
	room := someRoom()
	inRoom := func() ports.Hook { h := aHook(); h.Room = room; return h }
	var first ports.Hook
	for i := range ports.MaxRoomHooks {
		if made := s.makes(t, inRoom(), false); i == 0 {
			first = made
		}
	}
	if _, err := s.store.MakeHook(t.Context(), inRoom(), false); !errors.Is(err, chat.Conflict) {
		t.Errorf("one more in the room: %v", err)
	}
	all, err := s.store.AllHooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range ports.MaxHooks - ports.SpareHooks - len(all) {
		h := aHook()
		h.Room = someRoom()
		s.makes(t, h, false)
	}
	elsewhere := aHook()
	elsewhere.Room = someRoom()
	if _, err := s.store.MakeHook(t.Context(), elsewhere, false); !errors.Is(err, chat.Conflict) {
		t.Errorf("one of a room where those for admins are left: %v", err)
	}
	s.forgets(t, first.ID)
	s.makes(t, inRoom(), false)
	for range ports.SpareHooks {
		s.makes(t, aHook(), false)
	}
	if _, err := s.store.MakeHook(t.Context(), aHook(), false); !errors.Is(err, chat.Conflict) {
		t.Errorf("one more than %d: %v", ports.MaxHooks, err)
	}
}

func (s *storeSuite) testHooksRaced(t *testing.T) {
	room, stores := someRoom(), s.stores(t)
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 2 * ports.MaxRoomHooks {
		h := aHook()
		h.Room = room
		t.Cleanup(func() { s.forgets(t, h.ID) })
		wg.Go(func() {
			_, err := stores[i%len(stores)].MakeHook(t.Context(), h, true)
			switch {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, chat.Conflict):
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if made.Load() != ports.MaxRoomHooks {
		t.Errorf("%d were made, want %d", made.Load(), ports.MaxRoomHooks)
	}
}
