//go:build !unix

package sqlite

// syncFolder does nothing: where folders cannot be synced, the system sees to their names.
func syncFolder(string) error { return nil }
