//go:build linux || darwin

package sqlite

import (
	"path/filepath"
	"syscall"

	"github.com/parley-chat/parley/core/chat"
)

// leastSpace is how much room on the disk lets the store take messages for a while.
const leastSpace = 1 << 20

// checkSpace fails when the disk that the file is on is full.
func checkSpace(path string) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &disk); err != nil {
		return err
	}
	if disk.Bavail*uint64(disk.Bsize) < leastSpace {
		return chat.Errorf(chat.Unavailable, "the disk is full")
	}
	return nil
}
