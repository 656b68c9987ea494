package pgtest_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/parley-chat/parley/adapters/postgres/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	var got string
	if err := conn.QueryRow(t.Context(), sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func TestURL(t *testing.T) {
	t.Parallel()

	t.Run("is of a database that nobody else sees", func(t *testing.T) {
		t.Parallel()
		mine, other := connect(t, pgtest.URL(t)), connect(t, pgtest.URL(t))
		exec(t, mine, "create table note (body text)")
		exec(t, other, "create table note (body text)")
		if got := query(t, mine, "select count(*)::text from pg_tables where schemaname = 'public'"); got != "1" {
			t.Errorf("got %s tables, want the one made here", got)
		}
		if got := query(t, mine, "select lower('ÄÖ') || current_setting('server_encoding')"); got != "äöUTF8" {
			t.Errorf("got %q, want a database that knows the letters of Unicode", got)
		}
	})

	t.Run("is of a database that goes with the test, connections or not", func(t *testing.T) {
		t.Parallel()
		var url string
		var left *pgx.Conn
		t.Run("the test", func(t *testing.T) {
			url = pgtest.URL(t)
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			left = conn
		})
		if _, err := pgx.Connect(t.Context(), url); code(err) != "3D000" {
			t.Errorf("got %v, want no such database (3D000)", err)
		}
		if err := left.Ping(t.Context()); err == nil {
			t.Error("a connection to the dropped database still answers")
		}
		_ = left.Close(t.Context())
	})
}

func TestPattern(t *testing.T) {
	t.Parallel()
	filled := 0
	pattern := pgtest.NewPattern(func(url string) error {
		filled++
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(t.Context(), "create table note as select 'as it was filled' as body")
		return errors.Join(err, conn.Close(t.Context()))
	})
	for range 2 {
		copied := connect(t, pattern.Copy(t))
		if got := query(t, copied, "select string_agg(body, ', ') from note"); got != "as it was filled" {
			t.Errorf("a copy has %q", got)
		}
		exec(t, copied, "insert into note values ('of one copy')")
	}
	if os.Getenv("PARLEY_TEST_POSTGRES_URL") == "" && filled != 1 {
		t.Errorf("the pattern was filled %d times", filled)
	}
}

// code returns the SQLSTATE of an error, "" where it has none.
func code(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	return ""
}

func TestServer(t *testing.T) {
	t.Parallel()

	for _, mode := range []pgtest.Mode{pgtest.Immediate, pgtest.Fast} {
		t.Run("keeps what was committed before a stop that is "+string(mode), func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			url := server.Database()
			conn := connect(t, url)
			exec(t, conn, "create table note (body text)")
			exec(t, conn, "insert into note values ('kept')")

			server.Stop(mode)
			if err := conn.Ping(t.Context()); err == nil {
				t.Error("a connection outlived the server")
			}
			if _, err := pgx.Connect(t.Context(), url); err == nil || code(err) != "" {
				t.Errorf("got %v, want nobody to answer", err)
			}

			server.Start()
			if got := query(t, connect(t, url), "select body from note"); got != "kept" {
				t.Errorf("got %q, want %q", got, "kept")
			}
		})
	}

	t.Run("answers nobody while paused, and everybody after", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		conn := connect(t, server.URL())
		server.Pause()

		asked := make(chan error, 1)
		go func() { asked <- conn.Ping(context.Background()) }()
		brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := pgx.Connect(brief, server.URL()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want no answer to a new connection", err)
		}
		select {
		case err := <-asked:
			t.Fatalf("an open connection got an answer: %v", err)
		default:
		}

		server.Resume()
		if err := <-asked; err != nil {
			t.Errorf("got %v, want the answer late", err)
		}
		connect(t, server.URL())
	})

	t.Run("can be stopped while paused", func(t *testing.T) {
		t.Parallel()
		server := pgtest.Start(t)
		server.Pause()
		server.Stop(pgtest.Fast)
		server.Start()
		connect(t, server.URL())
	})

	t.Run("is gone when its test is, even if paused", func(t *testing.T) {
		t.Parallel()
		var url string
		t.Run("the test", func(t *testing.T) {
			server := pgtest.Start(t)
			url = server.URL()
			server.Pause()
		})
		if _, err := pgx.Connect(t.Context(), url); !isRefused(err) {
			t.Errorf("got %v, want the connection refused", err)
		}
	})

	t.Run("takes settings", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, pgtest.Start(t, pgtest.Durable(), pgtest.With("application_name", "it's")).URL())
		want := "on on on it's"
		got := query(t, conn, `select concat_ws(' ', current_setting('fsync'), current_setting('full_page_writes'),
			current_setting('synchronous_commit'), current_setting('application_name'))`)
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func isRefused(err error) bool {
	refused, ok := errors.AsType[*net.OpError](err)
	return ok && refused.Op == "dial"
}
