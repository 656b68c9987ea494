package portstest

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/core/chat"
)

// testLogIdentity proves the contract of ports.LogIdentity. It renews the store's log; nothing else
// in the suite depends on that.
func (s *storeSuite) testLogIdentity(t *testing.T) {
	t.Parallel()
	stores := []StoreUnderTest{s.store}
	if s.again != nil {
		stores = append(stores, s.again(t, s.store))
	}
	id := func(of StoreUnderTest) chat.LogID {
		t.Helper()
		id, err := of.LogID(t.Context())
		if err != nil || len(id) < 16 || len(id) > 64 {
			t.Fatalf("the log is %q, %v", id, err)
		}
		return id
	}
	first := id(s.store)
	for _, store := range stores {
		if got := id(store); got != first {
			t.Errorf("it is %q, and by another handle %q", first, got)
		}
	}
	for _, store := range stores {
		renewed, err := store.RenewLog(t.Context())
		if err != nil || renewed == first {
			t.Errorf("renewed it is %q, %v", renewed, err)
		}
		for _, other := range stores {
			if got := id(other); got != renewed {
				t.Errorf("renewed to %q it is %q", renewed, got)
			}
		}
		first = renewed
	}
	s.renewAtOnce(t, stores)
}

// renewAtOnce renews the log many times at once. In the end its id must be one that was returned.
func (s *storeSuite) renewAtOnce(t *testing.T, stores []StoreUnderTest) {
	t.Helper()
	var mu sync.Mutex
	told := map[chat.LogID]int{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id, err := stores[i%len(stores)].RenewLog(t.Context())
			if err != nil {
				t.Errorf("renew: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			told[id]++
		})
	}
	wg.Wait()
	if last, err := s.store.LogID(t.Context()); err != nil || told[last] != 1 || len(told) != 8 {
		t.Errorf("it is %q, %v, in the end; told were %v", last, err, told)
	}
}
