package pgtest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLaunchSaysWhatPostgreSQLSaid(t *testing.T) {
	t.Parallel()
	c, err := makeCluster(append(slices.Clip(basics), setting{"max_connections", "many"}))
	if err != nil {
		t.Fatalf("make a cluster: %v", err)
	}
	err = c.launch()
	if want := `invalid value for parameter "max_connections": "many"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it to say %s", err, want)
	}
	if err := c.remove(); err != nil {
		t.Errorf("remove a cluster that never ran: %v", err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing left of %s", err, c.dir)
	}
}

func TestLaunchTakesAnotherPortWhenItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	first, second := launched(t), launched(t)
	if err := second.stop(Fast); err != nil {
		t.Fatal(err)
	}
	if err := second.moves(first.addr); err != nil {
		t.Fatal(err)
	}
	if err := second.start(); err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Fatalf("got %v, want the port in use", err)
	}
	if err := second.launch(); err != nil {
		t.Fatal(err)
	}
	if second.addr == first.addr {
		t.Errorf("both servers are at %s", first.addr)
	}
	if err := execute(second.url(), "select 1"); err != nil {
		t.Error(err)
	}
}

func launched(t *testing.T) *cluster {
	t.Helper()
	c, err := makeCluster(basics)
	if err != nil {
		t.Fatalf("make a cluster: %v", err)
	}
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Errorf("remove a cluster: %v", err)
		}
	})
	if err := c.launch(); err != nil {
		t.Fatalf("launch a cluster: %v", err)
	}
	return c
}
