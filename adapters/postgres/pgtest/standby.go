package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"testing"
)

// Standby starts a physical standby of the server, which follows it and answers reads; it is
// removed when the test ends.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	c, err := s.cluster.standby()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return &Server{t, c}
}

// Standby starts a physical standby of the server, as Server.Standby does. Remove ends it.
func (p *Program) Standby() (*Program, error) {
	c, err := p.cluster.standby()
	if err != nil {
		return nil, err
	}
	return &Program{c}, nil
}

// OnDatabase returns the URL of a database of that name on this server.
func (s *Server) OnDatabase(name string) string { return withDatabase(s.URL(), name) }

// standby copies the running cluster, and starts the copy as its standby.
func (c *cluster) standby() (_ *cluster, err error) {
	copied := &cluster{account: c.account, bin: c.bin, password: c.password}
	if copied.dir, err = c.makeDir(); err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	if copied.keeper, err = startKeeper(copied.account, copied.dir, copied.bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(copied.dir))
	}
	from, err := url.Parse(c.url())
	if err == nil {
		from.Path = "" // replication is of all databases
		err = copied.run("pg_basebackup", "--pgdata="+copied.data(), "--dbname="+from.String(), "--write-recovery-conf",
			"--checkpoint=fast", "--wal-method=stream", "--no-sync")
	}
	if err == nil {
		err = copied.launch()
	}
	if err != nil {
		return nil, errors.Join(err, copied.remove())
	}
	return copied, nil
}
