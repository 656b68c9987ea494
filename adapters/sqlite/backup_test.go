package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// A copy that is made while another process writes is a valid log: in order, without a hole, with
// whole batches only, with all that was acknowledged before, and with its keys.
func TestACopyOfAStoreInUseIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	writer := child(t, path, "alice", "")
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := bufio.NewScanner(out)
	batches := 0
	for range 3 {
		for range 10 {
			if !acknowledged.Scan() {
				t.Fatal("the writer has ended")
			}
			batches++
		}
		to := filepath.Join(t.TempDir(), "copy.db")
		if err := sqlite.Backup(t.Context(), path, to); err != nil {
			t.Fatalf("copy after %d batches: %v", batches, err)
		}
		mustBeALog(t, to, batches)
		mustBeAlone(t, to)
	}
	if err := writer.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for acknowledged.Scan() { // drain the pipe before Wait
	}
	_ = writer.Wait() // it fails because of the kill
}

// mustBeALog opens a copy as a store, and appends its entries again.
func mustBeALog(t *testing.T, path string, minBatches int) {
	t.Helper()
	store := openStore(t, sqlite.Config{Path: path, NoMigrate: true})
	heads, err := store.Heads(t.Context(), []chat.RoomID{"general"})
	if err != nil {
		t.Fatal(err)
	}
	head := int(heads["general"])
	if head < minBatches*perBatch || head%perBatch != 0 {
		t.Fatalf("the copy has %d entries, want at least %d, in batches of %d", head, minBatches*perBatch, perBatch)
	}
	entries, err := store.Read(t.Context(), "general", ports.Span{Limit: head + 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if want := fmt.Sprintf("%d.%d", i/perBatch, i%perBatch); e.Seq != chat.Seq(i+1) || string(e.Key) != want {
			t.Fatalf("entry %d of the copy is %d with key %q, want key %q", i+1, e.Seq, e.Key, want)
		}
	}
	outcomes, err := store.Append(t.Context(), batchOf("alice", 0))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Entry.Seq != chat.Seq(i+1) {
			t.Errorf("key %d sent again to the copy is entry %d, want %d", i, o.Entry.Seq, i+1)
		}
	}
}

// mustBeAlone fails if a copying left any other file than the copy, or others than its owner may
// read it.
func mustBeAlone(t *testing.T, path string) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.part*"))
	if err != nil || len(parts) > 0 {
		t.Errorf("beside the copy are %v (%v)", parts, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the copy has mode %v, want it for its owner only", mode)
	}
}

func TestACopyReplacesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, to := filepath.Join(dir, "parley.db"), filepath.Join(dir, "copy.db")
	openStore(t, sqlite.Config{Path: path})
	if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Backup(t.Context(), path, to); !errors.Is(err, chat.Conflict) {
		t.Errorf("a copy over another file gives %v, want a conflict", err)
	}
	if kept, err := os.ReadFile(to); err != nil || string(kept) != "precious" {
		t.Errorf("the other file is %q now (%v)", kept, err)
	}
}

func TestACopyThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, test := range map[string]struct {
		ctx     context.Context
		prepare func(path string) error
		kind    chat.Kind
	}{
		"no store": {t.Context(), func(string) error { return nil }, chat.NotFound},
		"no database": {t.Context(), func(path string) error {
			return os.WriteFile(path, []byte("Dear diary, today I am not a database at all.\n"), 0o600)
		}, chat.Internal},
		"an ended caller": {stopped, func(path string) error { return os.WriteFile(path, nil, 0o600) }, chat.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, to := filepath.Join(dir, "parley.db"), filepath.Join(dir, "copy.db")
			if err := test.prepare(path); err != nil {
				t.Fatal(err)
			}
			if err := sqlite.Backup(test.ctx, path, to); !errors.Is(err, test.kind) {
				t.Errorf("got %v, want %v", err, test.kind)
			}
			left, err := filepath.Glob(filepath.Join(dir, "copy*"))
			if err != nil || len(left) > 0 {
				t.Errorf("it leaves %v (%v)", left, err)
			}
		})
	}
}
