package sqlite_test

import (
	"context"
	"errors"
	"testing"

	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
	"github.com/parley-chat/parley/ports/portstest"
)

func TestSearchIndexKeepsItsContract(t *testing.T) {
	t.Parallel()
	portstest.SearchIndex(t, func(t *testing.T) portstest.SearchUnderTest { return openCopy(t) })
}

// Commits of the index do not wait for the disk. All others do, whatever became of those.
func TestAppendsWaitForTheDiskAfterIndexing(t *testing.T) {
	t.Parallel()
	store := openCopy(t)
	if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(t.Context(), batchOf("alice", 0)); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	docs := []ports.SearchDoc{{Room: "general", Seq: 1, Tokens: []string{"tea"}}}
	for name, index := range map[string]func() error{
		"a commit": func() error { return store.Index(t.Context(), docs) },
		"a context that has ended": func() error {
			if err := store.Index(ended, docs); !errors.Is(err, chat.Unavailable) {
				return errors.New("it does not fail")
			}
			return nil
		},
		"a disk that is full": func() error {
			if err := store.LimitPages(t.Context(), 1); err != nil {
				return err
			}
			many := docs[0]
			for i := range ports.MaxDocTokens {
				many.Tokens = append(many.Tokens, string(rune('一'+i)))
			}
			err := store.Index(t.Context(), []ports.SearchDoc{many})
			if !errors.Is(err, chat.Unavailable) {
				return errors.New("it does not fail")
			}
			return store.LimitPages(t.Context(), 0)
		},
	} {
		if err := index(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if level, err := store.Synchronous(t.Context()); err != nil || level != 2 {
			t.Errorf("after %s commits wait for the disk by level %d, %v", name, level, err)
		}
	}
}
