package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/adapters/sqlite"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// Variables that make the test binary a child that appends to a store. childPath is the path of the
// store. childBatches is how many batches it appends; empty: until it is killed. childName is its
// Holder.
const (
	childPath    = "PARLEY_TEST_SQLITE_CHILD"
	childBatches = "PARLEY_TEST_SQLITE_BATCHES"
	childName    = "PARLEY_TEST_SQLITE_NAME"
)

const perBatch = 7

// batchOf always returns the same batch for the same arguments, with the same keys.
func batchOf(author string, n int) []chat.Proposal {
	batch := make([]chat.Proposal, perBatch)
	for i := range batch {
		batch[i] = chat.Proposal{
			Room: "general", Author: chat.Author{ID: chat.UserID(author)}, By: chat.Rights{Admin: true},
			Key: chat.Key(fmt.Sprintf("%d.%d", n, i)), Fact: chat.Message{Body: fmt.Sprintf("batch %d", n)},
		}
	}
	return batch
}

// appendUntilKilled is the child: it writes a line for each batch that was acknowledged.
func appendUntilKilled(path string) (exitCode int) {
	err := func() error {
		ctx := context.Background()
		store, err := sqlite.Open(ctx, sqlite.Config{Path: path})
		if err != nil {
			return err
		}
		if _, err := store.Create(ctx, chat.Room{ID: "general"}, ""); err != nil && !errors.Is(err, chat.Conflict) {
			return err
		}
		last := -1
		if _, err := fmt.Sscan(os.Getenv(childBatches), &last); err != nil {
			last = -1
		}
		for n := 0; n != last; n++ {
			if _, err := store.Append(ctx, batchOf(os.Getenv(childName), n)); err != nil {
				return err
			}
			fmt.Println("acknowledged", n)
		}
		return store.Close()
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child(t *testing.T, path, name, batches string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path, childName+"="+name, childBatches+"="+batches)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestWhatAKilledProcessAcknowledgedIsThereOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	for round := range 4 {
		name := fmt.Sprint("round", round)
		acknowledged := killAfter(t, child(t, path, name, ""), 5+20*round)

		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for n := range acknowledged + 3 {
			outcomes, err := store.Append(t.Context(), batchOf(name, n))
			if err != nil {
				t.Fatal(err)
			}
			for _, outcome := range outcomes {
				if n < acknowledged && outcome.Status != ports.Duplicate {
					t.Errorf("batch %d was acknowledged, and is not there after the kill", n)
				}
				if outcome.Status != outcomes[0].Status {
					t.Errorf("batch %d is there in part", n)
				}
			}
		}
		mustHaveNoHoles(t, store)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter runs a child and kills it after it acknowledged some batches. It returns how many it
// acknowledged in all.
func killAfter(t *testing.T, cmd *exec.Cmd, batches int) (acknowledged int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if acknowledged++; acknowledged == batches {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || acknowledged < batches {
		t.Fatalf("the child ended by itself after %d batches: %v", acknowledged, err)
	}
	return acknowledged
}

// mustHaveNoHoles checks that the room's entries are 1, 2, 3, … and each key there once.
func mustHaveNoHoles(t *testing.T, store *sqlite.Store) (entries int) {
	t.Helper()
	log, err := store.Read(t.Context(), "general", ports.Span{Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, entry := range log {
		key := string(entry.Author.ID) + "/" + string(entry.Key)
		if entry.Seq != chat.Seq(i+1) || entry.Messages != int64(i+1) || seen[key] {
			t.Fatalf("entry %d is %+v, seen %v", i+1, entry, seen[key])
		}
		seen[key] = true
	}
	return len(log)
}

func TestProcessesThatOpenAnEmptyStoreAtOnceShareIt(t *testing.T) {
	t.Parallel()
	const processes, batches = 4, 20
	path := filepath.Join(t.TempDir(), "parley.db")
	var wg sync.WaitGroup
	for i := range processes {
		cmd := child(t, path, fmt.Sprint("process", i), fmt.Sprint(batches))
		wg.Go(func() {
			if out, err := cmd.Output(); err != nil || strings.Count(string(out), "acknowledged") != batches {
				t.Errorf("process %d: %v, %s", i, err, out)
			}
		})
	}
	wg.Wait()
	if got, want := mustHaveNoHoles(t, openStore(t, sqlite.Config{Path: path})), processes*batches*perBatch; got != want {
		t.Fatalf("%d entries, want %d", got, want)
	}
}

// TestWhileAProcessWritesAnotherReadsWhatIsWhole reads as the sqlite3 shell would.
func TestWhileAProcessWritesAnotherReadsWhatIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	cmd := child(t, path, "writer", "300")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	acknowledged := 0
	for ; lines.Scan(); acknowledged++ {
		if acknowledged%20 != 0 {
			continue
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		var verdict string
		var entries, last int
		if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("after %d batches the check says %q, %v", acknowledged, verdict, err)
		}
		if err := db.QueryRowContext(t.Context(), `SELECT count(*), max(seq) FROM entry`).Scan(&entries, &last); err != nil || entries != last || entries <= acknowledged*perBatch {
			t.Errorf("after %d batches there are %d entries up to seq %d, %v", acknowledged, entries, last, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Wait(); err != nil || acknowledged != 300 {
		t.Fatalf("the child acknowledged %d batches: %v", acknowledged, err)
	}
}
