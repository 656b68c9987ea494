package postgres_test

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/parley-chat/parley/adapters/postgres"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// said is text that no single-byte encoding can hold.
const said = "grüße, ☕ und 日本語 👋🏽"

// mustKeepText writes and reads text, and checks the bytes that the server keeps.
func mustKeepText(t *testing.T, store *postgres.Store) chat.RoomID {
	t.Helper()
	made, err := store.Create(t.Context(), chat.Room{ID: chat.RoomID("t" + strings.ToLower(rand.Text())), Public: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	room := made.ID
	outcomes, err := store.Append(t.Context(), []chat.Proposal{
		{Room: room, Author: chat.Author{ID: "jürgen", Name: said}, By: chat.Rights{Everybody: true}, Key: "ключ", Fact: chat.Message{Body: said, Meta: []byte(`{"é":"ü"}`)}},
	})
	if err != nil || outcomes[0].Err != nil {
		t.Fatal(err, outcomes)
	}
	entries, err := store.Read(t.Context(), room, ports.Span{Limit: 1})
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	e := entries[0]
	if m, ok := e.Fact.(chat.Message); !ok || m.Body != said || e.Author.Name != said || e.Author.ID != "jürgen" || e.Key != "ключ" {
		t.Errorf("it is read as %+v", e)
	}
	return room
}

// bytesOf returns the bytes of the body that the server keeps.
func bytesOf(t *testing.T, database string, room chat.RoomID) string {
	t.Helper()
	var body []byte
	const query = "SELECT convert_to(body, pg_encoding_to_char(encoding)) FROM entry, pg_database WHERE room_id = $1 AND datname = current_database()"
	if err := connect(t, database).QueryRow(t.Context(), query, string(room)).Scan(&body); err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestTheSessionSaysUTF8WhateverElseIsSet(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(t *testing.T, database string) string{
		"nothing": func(_ *testing.T, database string) string { return database },
		"the role": func(t *testing.T, database string) string {
			exec(t, connect(t, database), "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET client_encoding = LATIN1', current_user, current_database()); END $$")
			return database
		},
		"the database": func(t *testing.T, database string) string {
			exec(t, connect(t, database), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database()); END $$")
			return database
		},
		"the URL": func(t *testing.T, database string) string { return with(t, database, "client_encoding", "LATIN1") },
		"the URL, as libpq": func(t *testing.T, database string) string {
			return with(t, database, "options", "--client_encoding=LATIN1")
		},
		"the URL, for a pooler": func(t *testing.T, database string) string {
			return with(t, with(t, database, "client_encoding", "LATIN1"), "default_query_exec_mode", "exec")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			room := mustKeepText(t, open(t, postgres.Config{URL: set(t, database)}))
			if got := bytesOf(t, with(t, database, "client_encoding", "UTF8"), room); got != said {
				t.Errorf("the server has %q", got)
			}
		})
	}
}

func TestADatabaseOfAnotherEncodingIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "WIN1252", "EUC_JP"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []string{"cache_statement", "exec"} {
				_, err := postgres.Open(t.Context(), postgres.Config{
					URL: with(t, pgtest.Encoded(t, encoding), "default_query_exec_mode", mode), OnWait: func(err error) { t.Errorf("it waits: %v", err) },
				})
				mustFail(t, err, chat.Internal)
				if !strings.Contains(err.Error(), encoding) || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
					t.Errorf("it does not say what to do: %v", err)
				}
			}
		})
	}
}

func TestADatabaseWithoutAnEncodingKeepsText(t *testing.T) {
	t.Parallel()
	database := pgtest.Encoded(t, "SQL_ASCII")
	var warned []error
	room := mustKeepText(t, open(t, postgres.Config{URL: database, OnWarn: func(err error) { warned = append(warned, err) }}))
	if len(warned) != 1 || !strings.Contains(warned[0].Error(), "SQL_ASCII") {
		t.Errorf("warned of %v", warned)
	}
	if got := bytesOf(t, database, room); got != said {
		t.Errorf("the server has %q", got)
	}
}

// mode is how a pooler treats session settings that it does not know.
type mode int

const (
	swallows    mode = iota // it ignores them
	refuses                 // it refuses the connection
	byStatement             // it refuses the connection, and transactions too
)

// pooler stands before a server like PgBouncer: it knows few session settings, and refuses or
// ignores others.
func pooler(t *testing.T, database string, as mode) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	server := u.Host
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { pool(client, server, as) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	u.Host = l.Addr().String()
	return u.String()
}

func pool(client net.Conn, server string, as mode) {
	defer client.Close()
	front := pgproto3.NewBackend(client, client)
	first, err := front.ReceiveStartupMessage()
	start, ok := first.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return
	}
	for name := range start.Parameters {
		switch name {
		case "user", "database", "application_name", "client_encoding":
			continue
		}
		if as != swallows {
			front.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: " + name})
			_ = front.Flush()
			return
		}
		delete(start.Parameters, name)
	}
	back, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer back.Close()
	begin, err := start.Encode(nil)
	if err != nil {
		return
	}
	if _, err := back.Write(begin); err != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if as == byStatement {
			passStatements(front, client, back)
		} else {
			_, _ = io.Copy(back, client)
		}
		back.Close()
	})
	_, _ = io.Copy(client, back)
	client.Close()
	wg.Wait()
}

// passStatements passes on what a client sends up to the first transaction.
func passStatements(front *pgproto3.Backend, client io.Reader, back io.Writer) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if said := strings.ToUpper(strings.Trim(string(body), "\x00; ")); head[0] == 'Q' && said == "BEGIN" { // with more behind it, the transaction may have ended
			front.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "transaction blocks not allowed in statement pooling mode"})
			_ = front.Flush()
			return
		}
		if _, err := back.Write(slices.Concat(head, body)); err != nil {
			return
		}
	}
}

func TestAPoolerByStatementIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	for _, name := range []string{"without a schema", "with one"} {
		if name == "with one" {
			open(t, postgres.Config{URL: database})
		}
		through := pooler(t, database, byStatement)
		for _, u := range []string{through, with(t, through, "default_query_exec_mode", "exec"), with(t, through, "default_query_exec_mode", "simple_protocol")} {
			_, err := postgres.Open(t.Context(), postgres.Config{URL: u, OnWait: func(err error) { t.Errorf("%s, it waits: %v", name, err) }})
			mustFail(t, err, chat.Internal)
			if !strings.Contains(err.Error(), "pool_mode") {
				t.Errorf("%s, it does not say what to do: %v", name, err)
			}
			err = postgres.NewMigrator(postgres.Config{URL: u}).Up(t.Context())
			mustFail(t, err, chat.Internal)
			if !strings.Contains(err.Error(), "the server itself") {
				t.Errorf("%s, migrations do not say what they need: %v", name, err)
			}
		}
	}
}

func TestASchemaThatIsMissingIsToldWithTheWayToMigrate(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	for name, row := range map[string]struct {
		cfg  postgres.Config
		want string
	}{
		"a pooler that is found":    {postgres.Config{URL: pooler(t, database, refuses)}, "a URL of the server itself"},
		"a pooler that swallows":    {postgres.Config{URL: pooler(t, database, swallows)}, "a URL of the server itself"},
		"a pooler, said in the URL": {postgres.Config{URL: with(t, pooler(t, database, refuses), "default_query_exec_mode", "exec"), NoMigrate: true}, "a URL of the server itself"},
		"none":                      {postgres.Config{URL: database, NoMigrate: true}, "run parley migrate up"},
	} {
		_, err := postgres.Open(t.Context(), row.cfg)
		mustFail(t, err, chat.Conflict)
		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", name, err, row.want)
		}
	}
	for _, as := range []mode{refuses, swallows} {
		err := postgres.NewMigrator(postgres.Config{URL: pooler(t, database, as)}).Up(t.Context())
		mustFail(t, err, chat.Internal)
		if !strings.Contains(err.Error(), "the server itself") {
			t.Errorf("migrations do not say what they need: %v", err)
		}
	}
}

func TestAPoolerWithTheDefaultURLIsLivedWith(t *testing.T) {
	t.Parallel()
	for name, as := range map[string]mode{"that refuses settings": refuses, "that swallows them": swallows} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			through := pooler(t, database, as)
			waits := func(err error) { t.Errorf("it waits: %v", err) }
			_, err := postgres.Open(t.Context(), postgres.Config{URL: through, OnWait: waits})
			mustFail(t, err, chat.Conflict) // there is no schema yet
			open(t, postgres.Config{URL: database})
			var warned []error
			store := open(t, postgres.Config{URL: through, OnWait: waits, OnWarn: func(err error) { warned = append(warned, err) }})
			mustKeepText(t, store)
			if len(warned) != 1 || !strings.Contains(warned[0].Error(), "default_query_exec_mode=exec") {
				t.Errorf("warned of %v", warned)
			}
			if as != refuses {
				return
			}
			_, err = postgres.Open(t.Context(), postgres.Config{URL: with(t, through, "lock_timeout", "5s"), OnWait: waits})
			mustFail(t, err, chat.Internal)
			if !strings.Contains(err.Error(), "lock_timeout") || !strings.Contains(err.Error(), "pooler") {
				t.Errorf("it does not say which parameter: %v", err)
			}
			err = postgres.NewMigrator(postgres.Config{URL: through}).Up(t.Context())
			mustFail(t, err, chat.Internal)
			if !strings.Contains(err.Error(), "the server itself") {
				t.Errorf("migrations do not say what they need: %v", err)
			}
		})
	}
}
