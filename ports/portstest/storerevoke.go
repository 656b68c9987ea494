package portstest

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

// testRevocations proves the contract of ports.Revocations.
func (s *storeSuite) testRevocations(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)
	user := func() chat.UserID { return chat.UserID(busRoom()) }
	revoke := func(t *testing.T, user chat.UserID, until, want time.Time) {
		t.Helper()
		if r, err := s.store.Revoke(t.Context(), user, until); err != nil || r.User != user || !r.Until.Equal(want) || r.Until.Location() != time.UTC {
			t.Errorf("revoked until %v: got %+v, %v; want %v", until, r, err, want)
		}
	}
	t.Run("what is revoked is told, of each user the latest", func(t *testing.T) {
		t.Parallel()
		alice, bob := user(), user()
		revoke(t, alice, at, at)
		revoke(t, bob, at, at)
		revoke(t, alice, at.Add(time.Hour), at.Add(time.Hour))
		if got := s.revoked(t, 0)[alice]; !got.Equal(at.Add(time.Hour)) {
			t.Errorf("alice's tokens are revoked until %v", got)
		}
		if got := s.revoked(t, 0)[bob]; !got.Equal(at) {
			t.Errorf("bob's tokens are revoked until %v", got)
		}
	})
	t.Run("a later time stays", func(t *testing.T) {
		t.Parallel()
		alice := user()
		revoke(t, alice, at, at)
		revoke(t, alice, at.Add(-time.Hour), at)
		revoke(t, alice, at, at)
		if got := s.revoked(t, 0)[alice]; !got.Equal(at) {
			t.Errorf("revoked until %v", got)
		}
	})
	t.Run("who goes on from a place hears what is new, and nothing else", func(t *testing.T) {
		t.Parallel()
		alice, bob := user(), user()
		revoke(t, alice, at, at)
		_, place := s.all(t, 0)
		revoke(t, bob, at, at)
		later, _ := s.all(t, place)
		if _, told := later[alice]; told || !later[bob].Equal(at) {
			t.Errorf("told of %v", later)
		}
		_, place = s.all(t, 0)
		revoke(t, alice, at.Add(time.Second), at.Add(time.Second))
		if later, _ := s.all(t, place); !later[alice].Equal(at.Add(time.Second)) {
			t.Errorf("of one that has moved it is told %v", later)
		}
	})
	t.Run("whoever revokes at once, a reader who goes on misses none", func(t *testing.T) {
		t.Parallel()
		var users []chat.UserID
		for range 60 {
			users = append(users, user())
		}
		stores := []StoreUnderTest{s.store}
		if s.again != nil {
			stores = append(stores, s.again(t, s.store))
		}
		var wg sync.WaitGroup
		for i, u := range users {
			wg.Go(func() {
				if _, err := stores[i%len(stores)].Revoke(t.Context(), u, at); err != nil {
					t.Errorf("revoke: %v", err)
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		seen, place := map[chat.UserID]time.Time{}, int64(0)
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			var more map[chat.UserID]time.Time
			more, place = s.all(t, place)
			maps.Copy(seen, more)
		}
		if missed := slices.DeleteFunc(users, func(u chat.UserID) bool { return seen[u].Equal(at) }); len(missed) > 0 {
			t.Errorf("%d of 60 were missed: %v", len(missed), missed)
		}
	})
}

// revoked returns the revocations after a place.
func (s *storeSuite) revoked(t *testing.T, behind int64) map[chat.UserID]time.Time {
	t.Helper()
	all, _ := s.all(t, behind)
	return all
}

// all reads revocations in small pages.
func (s *storeSuite) all(t *testing.T, behind int64) (all map[chat.UserID]time.Time, place int64) {
	t.Helper()
	all = map[chat.UserID]time.Time{}
	for {
		list, next, err := s.store.Revoked(t.Context(), behind, 7)
		if err != nil || len(list) > 7 || next < behind {
			t.Fatalf("behind %d: %d revocations up to %d, %v", behind, len(list), next, err)
		}
		for _, r := range list {
			all[r.User] = r.Until
		}
		if next == behind {
			return all, behind
		}
		behind = next
	}
}
