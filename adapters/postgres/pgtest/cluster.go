package pgtest

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-chat/parley/adapters/freeaddr"
)

// superuser is the role that tests connect as.
const superuser = "parley"

// cluster is a data directory and the server that may run on it. Not for concurrent use.
type cluster struct {
	account
	bin      string // folder of the programs
	dir      string // everything that the cluster has on disk
	addr     string
	password string
	keeper   *keeper
}

// makeCluster makes a data directory with the given settings; no server runs on it yet.
func makeCluster(settings []setting) (_ *cluster, err error) {
	c := &cluster{password: rand.Text()}
	if c.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if c.account, err = findAccount(); err != nil {
		return nil, err
	}
	if c.dir, err = c.makeDir(); err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	if c.keeper, err = startKeeper(c.account, c.dir, c.bin); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	if err = c.init(settings); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// init makes the data directory. Role and database are named explicitly so that nothing depends on
// who runs the tests.
func (c *cluster) init(settings []setting) error {
	secret := filepath.Join(c.dir, "password")
	verifier, err := verifierOf(c.password)
	if err != nil {
		return err
	}
	if err := os.WriteFile(secret, []byte(verifier), 0o600); err != nil {
		return fmt.Errorf("write PostgreSQL's password: %w", err)
	}
	if err := c.own(secret); err != nil {
		return fmt.Errorf("hand over PostgreSQL's password: %w", err)
	}
	locale := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		locale = "en_US.UTF-8" // older ones have no C.UTF-8
	}
	if err := c.run("initdb", "--pgdata="+c.data(), "--username="+superuser, "--pwfile="+secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale="+locale, "--no-sync", "--no-instructions"); err != nil {
		return err
	}
	return c.configure(settings)
}

// configure appends settings; of two for the same name the later one holds.
func (c *cluster) configure(settings []setting) error {
	var lines strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&lines, "%s = '%s'\n", s.name, strings.ReplaceAll(s.value, "'", "''"))
	}
	file, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure PostgreSQL: %w", err)
	}
	_, err = file.WriteString(lines.String())
	return cmp.Or(err, file.Close())
}

// launch starts the server for the first time, on a port that is found free; another process may be
// quicker to take it.
func (c *cluster) launch() (err error) {
	for range 5 {
		var addr string
		if addr, err = freeaddr.Find(); err != nil {
			return err
		}
		if err := c.moves(addr); err != nil {
			return err
		}
		if err = c.start(); err == nil || !strings.Contains(err.Error(), "Address already in use") {
			return err
		}
	}
	return err
}

// moves makes addr the address at which the server listens when it is started next.
func (c *cluster) moves(addr string) error {
	c.addr = addr
	_, port, err := net.SplitHostPort(addr)
	return cmp.Or(err, c.configure([]setting{{"port", port}}))
}

// start returns once the server accepts connections.
func (c *cluster) start() error {
	if err := c.run("pg_ctl", "start", "--pgdata="+c.data(), "--log="+c.logFile(), "--wait", "--timeout=60", "--silent"); err != nil {
		return fmt.Errorf("%w\n%s", err, c.logTail())
	}
	return nil
}

// stop returns once the server is gone. One that is frozen is thawed first.
func (c *cluster) stop(mode Mode) error {
	if err := c.resume(); err != nil {
		return err
	}
	return c.run("pg_ctl", "stop", "--pgdata="+c.data(), "--mode="+string(mode), "--wait", "--timeout=60", "--silent")
}

// remove stops the server, if one runs, and removes all that is on disk.
func (c *cluster) remove() error {
	if err := c.keeper.dismiss(); err != nil {
		return fmt.Errorf("remove PostgreSQL's directory: %w", err)
	}
	return nil
}

// run runs one of PostgreSQL's programs as the cluster's account.
func (c *cluster) run(program string, args ...string) error {
	cmd := c.command(c.dir, filepath.Join(c.bin, program), args...)
	// The server inherits pg_ctl's output, and would hold a pipe open: so the output goes to a
	// file.
	output, err := os.CreateTemp("", "parley-pgtest-"+program+"-")
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	defer os.Remove(output.Name())
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(said)))
	}
	return nil
}

func (c *cluster) logFile() string { return filepath.Join(c.dir, "log") }

// logTail returns the last lines of the server's log.
func (c *cluster) logTail() string {
	log, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

func (c *cluster) url() string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     c.addr,
		Path:     "postgres",
		RawQuery: "sslmode=disable",
	}).String()
}

// pids returns the server's processes as they are now: first the postmaster, which starts the
// others, then those.
func (c *cluster) pids() ([]int, error) {
	file, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(file), "\n")
	first, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return nil, fmt.Errorf("read postmaster.pid: %w", err)
	}
	others, err := children(first)
	return slices.Insert(others, 0, first), err
}
