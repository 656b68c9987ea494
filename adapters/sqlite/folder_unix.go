//go:build unix

package sqlite

import (
	"errors"
	"os"
)

// syncFolder puts a folder's names on the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
