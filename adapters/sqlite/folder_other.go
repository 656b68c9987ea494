//go:build !unix

package sqlite

import "os"

// names returns 1: this system does not tell how many names a file has.
func names(os.FileInfo) int { return 1 }

// syncFolder does nothing: folders cannot be synced here, and the system keeps the names in them by
// itself.
func syncFolder(string) error { return nil }
