package pgtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// pause freezes every process of the server. Each of PostgreSQL's processes leads its own session,
// so no signal to a group reaches them all. The postmaster is frozen first, so that it starts no
// new ones.
func (c *cluster) pause() error {
	pids, err := c.pids()
	if err != nil {
		return fmt.Errorf("pause PostgreSQL: %w", err)
	}
	// The file is written before any process is frozen: the keeper thaws the processes in it.
	if err := c.note(pids); err != nil {
		return err
	}
	if err := signalAll(pids[:1], syscall.SIGSTOP); err != nil {
		return err
	}
	if pids, err = c.pids(); err != nil {
		return fmt.Errorf("pause PostgreSQL: %w", err)
	}
	if err := c.note(pids); err != nil {
		return err
	}
	return signalAll(pids[1:], syscall.SIGSTOP)
}

// resume thaws what pause froze; without a pause it does nothing.
func (c *cluster) resume() error {
	file, err := os.ReadFile(c.frozenFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("resume PostgreSQL: %w", err)
	}
	var pids []int
	for field := range strings.FieldsSeq(string(file)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("resume PostgreSQL: %w", err)
		}
		pids = append(pids, pid)
	}
	slices.Reverse(pids) // the postmaster last: it must not start or end others meanwhile
	return errors.Join(signalAll(pids, syscall.SIGCONT), os.Remove(c.frozenFile()))
}

func (c *cluster) frozenFile() string { return filepath.Join(c.dir, "frozen") }

// note tells the keeper which processes are frozen.
func (c *cluster) note(pids []int) error {
	text := strings.Trim(fmt.Sprint(pids), "[]")
	if err := os.WriteFile(c.frozenFile(), []byte(text), 0o644); err != nil {
		return fmt.Errorf("note PostgreSQL's processes: %w", err)
	}
	return nil
}

// signalAll sends a signal to each process; it is no error if one has ended meanwhile.
func signalAll(pids []int, signal syscall.Signal) error {
	var errs []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("%v to process %d: %w", signal, pid, err))
		}
	}
	return errors.Join(errs...)
}
