package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// environment names the server to use instead of a throwaway one.
const environment = "PARLEY_TEST_POSTGRES_URL"

// patience bounds one statement on the shared server, which many tests may keep busy.
const patience = time.Minute

// shared is the URL of the server that all tests of this process use. Its keeper ends it with the
// process.
var shared = sync.OnceValues(func() (string, error) {
	if given := os.Getenv(environment); given != "" {
		return given, checkURL(given)
	}
	c, err := makeCluster(basics)
	if err != nil {
		return "", err
	}
	if err := c.launch(); err != nil {
		return "", errors.Join(err, c.remove())
	}
	sharedCluster = c
	return c.url(), nil
})

// sharedCluster keeps the pipe to the shared server's keeper reachable.
var sharedCluster *cluster

// URL returns the URL of a fresh, empty database, which is dropped when the test ends, with
// whatever connections are left. Its server is the one that PARLEY_TEST_POSTGRES_URL names, else a
// throwaway one that all tests of the process share. The role in the URL may create databases; on
// the throwaway server it is a superuser.
func URL(t testing.TB) string {
	t.Helper()
	return Encoded(t, "UTF8")
}

// Encoded is like URL, for a database of another encoding, such as LATIN1, whose text compares by
// bytes.
func Encoded(t testing.TB, encoding string) string {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	// From template0, because nobody can be connected to it: a template in use cannot be copied.
	how := "template template0 encoding '" + encoding + "'"
	if encoding != "UTF8" {
		how += " lc_collate 'C' lc_ctype 'C'"
	}
	return makeDatabase(t, server, how)
}

// Pattern is a database that others are copied from. To copy one takes less time than to fill one.
type Pattern struct {
	fill func(url string) error
	name func() (string, error)
}

// NewPattern returns a pattern of what fill makes of an empty database. It is made at the first
// copy, and goes with the server. fill must leave no connection open.
func NewPattern(fill func(url string) error) *Pattern {
	return &Pattern{fill, sync.OnceValues(func() (string, error) {
		server, err := shared()
		if err != nil {
			return "", err
		}
		name := databaseName()
		if err := execute(server, "create database "+name+" template template0"); err != nil {
			return "", err
		}
		return name, fill(withDatabase(server, name))
	})}
}

// Copy is like URL, for a copy of the pattern. A server that PARLEY_TEST_POSTGRES_URL names keeps
// no pattern, because nothing would drop it: there, each database is filled.
func (p *Pattern) Copy(t testing.TB) string {
	t.Helper()
	if os.Getenv(environment) != "" {
		url := URL(t)
		if err := p.fill(url); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
		return url
	}
	name, err := p.name()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	server, _ := shared() // the pattern is on it
	return makeDatabase(t, server, "template "+name)
}

// Database returns the URL of a fresh, empty database on this server; it goes with the server.
func (s *Server) Database() string {
	s.t.Helper()
	name := databaseName()
	s.must(execute(s.URL(), "create database "+name+" template template0"))
	return withDatabase(s.URL(), name)
}

func makeDatabase(t testing.TB, server, how string) string {
	t.Helper()
	name := databaseName()
	if err := execute(server, "create database "+name+" "+how); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(server, "drop database if exists "+name+" with (force)"); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return withDatabase(server, name)
}

// databaseName returns a name that needs no quotes and is unique on a server that many processes
// use.
func databaseName() string { return "parley_test_" + strings.ToLower(rand.Text()[:16]) }

func checkURL(server string) error {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return fmt.Errorf("%s must be a URL like postgres://user:password@host:5432/postgres", environment)
	}
	return nil
}

// withDatabase returns the URL of another database of the same server.
func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic(err) // checked by checkURL, or made here
	}
	u.Path = "/" + name
	return u.String()
}

// execute runs one statement on a connection of its own, so that no connection, and no goroutine,
// outlives the call.
func execute(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err != nil {
		err = fmt.Errorf("%s: %w", statement, err)
	}
	return errors.Join(err, conn.Close(ctx))
}
