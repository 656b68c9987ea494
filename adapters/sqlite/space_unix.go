//go:build linux || darwin

package sqlite

import (
	"path/filepath"
	"syscall"

	"github.com/parley-chat/parley/core/chat"
)

// minSpace is the free disk space with which the store can take messages for a while.
const minSpace = 1 << 20

// checkSpace fails if the file's disk is full.
func checkSpace(path string) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &disk); err != nil {
		return err
	}
	if disk.Bavail*uint64(disk.Bsize) < minSpace {
		return chat.Errorf(chat.Unavailable, "the disk is full")
	}
	return nil
}
