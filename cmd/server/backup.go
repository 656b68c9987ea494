package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/adapters/sqlite"
)

// Backup copies the SQLite store that cfg names to a new file, while the service may go on using
// it; see sqlite.Backup. Other stores have their own tools for copies.
func Backup(ctx context.Context, cfg Config, to string) error {
	path, err := storeFile(cfg)
	if err != nil {
		return err
	}
	return sqlite.Backup(ctx, path, to)
}

// WriteBackup is like Backup, but writes to a writer. The copy is first made in the store's folder,
// and needs disk space there until the end.
func WriteBackup(ctx context.Context, cfg Config, w io.Writer) (err error) {
	path, err := storeFile(cfg)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no store to copy: %w", err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), "backup-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	to := filepath.Join(dir, "parley.db")
	if err := sqlite.Backup(ctx, path, to); err != nil {
		return err
	}
	file, err := os.Open(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, file)
	return errors.Join(err, file.Close())
}

// storeFile returns the file of a SQLite store.
func storeFile(cfg Config) (string, error) {
	cfg, faults := cfg.withDefaults()
	if len(faults) > 0 {
		return "", faults
	}
	if scheme := schemeOf(cfg.StoreURL); scheme != "sqlite" {
		return "", fmt.Errorf("a %s:// store is not a file; PostgreSQL has pg_dump and pg_basebackup for that", scheme)
	}
	return sqliteConfig(cfg).Path, nil
}
