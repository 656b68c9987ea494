package portstest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

func (s *storeSuite) testWriting(t *testing.T) {
	store, ok := s.store.(ports.WriteChecker)
	if !ok {
		return // CheckWrite is optional
	}
	s.prove(t, []sentence{
		{"a store that could write says so, as often as it is asked, and nothing is seen of that", func(t *testing.T, r room) {
			alice := r.user("alice")
			alice.says("one")
			var asking sync.WaitGroup
			for range 4 {
				asking.Go(func() {
					if err := store.CheckWrite(t.Context()); err != nil {
						t.Errorf("check: %v", err)
					}
				})
			}
			alice.says("two")
			asking.Wait()
			alice.says("three")
			mustEqual(t, "entries", len(r.log(alice.id)), 3)
			if _, err := s.store.Standing(t.Context(), "~", alice.id); !errors.Is(err, chat.NotFound) {
				t.Errorf("the room that it tried with: got %v, want not found", err)
			}
		}},
		{"a call that is over is Unavailable", func(t *testing.T, _ room) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := store.CheckWrite(ctx); !errors.Is(err, chat.Unavailable) {
				t.Errorf("got %v, want unavailable", err)
			}
		}},
	})
}
