package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
)

// TestAFullDiskTakesNothingInPartAndWorksAgain needs a disk of its own, which only root can mount.
// Other users have only the test of a full file.
func TestAFullDiskTakesNothingInPartAndWorksAgain(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		// Detached, because a process that another test is forking has the files open until its
		// exec.
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	store := openStore(t, sqlite.Config{Path: filepath.Join(disk, "parley.db")})
	if _, err := store.Create(t.Context(), chat.Room{ID: "general"}, ""); err != nil {
		t.Fatal(err)
	}
	survivesFull(t, store, func() {
		mustBeUnavailable(t, store.Check(t.Context()))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}
