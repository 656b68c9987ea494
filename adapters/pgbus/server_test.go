package pgbus_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/pgbus"
	"github.com/parley-chat/parley/adapters/postgres/pgtest"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// node runs a node on the bus at a URL.
func node(t testing.TB, url string) *bustest.Node {
	t.Helper()
	return bustest.Run(t, open(t, url))
}

func execute(t testing.TB, url, statement string, into ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), statement).Scan(into...); err != nil {
		t.Fatal(err)
	}
}

func TestURLsThatMakeNoSenseAreRefusedWithoutTheirPasswords(t *testing.T) {
	t.Parallel()
	for _, c := range []pgbus.Config{
		{}, {URL: "postgres://u:secret@h:port/x"}, {URL: "postgres://u:secret@h/x?sslmode=maybe"}, {URL: "postgres://h/x", Prefix: strings.Repeat("x", 64)},
	} {
		_, err := pgbus.New(c)
		if err == nil {
			t.Errorf("%+v is taken", c)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells the password", err)
		}
	}
}

func TestAWrongPasswordIsSaid(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("nobody-of-that-name", "wr0ng")
	n := node(t, u.String())
	bustest.Eventually(t, "it says why", func() bool {
		err := n.Check(t.Context())
		if err == nil || strings.Contains(err.Error(), "wr0ng") {
			t.Fatalf("got %v", err)
		}
		return strings.Contains(err.Error(), "nobody-of-that-name")
	})
}

func TestConnectionsThatAreEndedAreMadeAnew(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	a, b := node(t, database).Connected(), node(t, database).Connected()
	b.HearsOf(a)
	deaf := b.Deafened()
	var ended int
	execute(t, database, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE application_name = 'parley-bus' AND datname = current_database()`, &ended)
	if ended != 4 {
		t.Errorf("%d connections were there, want one to listen and one to tell for each node", ended)
	}
	bustest.Eventually(t, "it was deaf", func() bool { return b.Deafened() > deaf })
	a.Connected()
	b.Connected().HearsOf(a)
}

func TestManyRoomsAtOnceComeInFewNotifications(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	a, b := node(t, database).Connected(), node(t, database).Connected()
	const rooms = 10_000
	batch := make([]chat.Entry, rooms)
	for i := range batch {
		batch[i] = bustest.Message(chat.RoomID(fmt.Sprintf("room%059d", i)), chat.Seq(i+1), 1)
		if err := b.Follow(t.Context(), batch[i].Room); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range chat.Seq(20) {
		for i := range batch {
			batch[i].Seq += seq
		}
		if err := a.Announce(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	bustest.Eventually(t, "all rooms are told of", func() bool {
		for i := range batch {
			if b.Heard(batch[i].Room) < batch[i].Seq {
				return false
			}
		}
		return true
	})
	bustest.Eventually(t, "the server's queue is empty", func() bool {
		var usage float64
		execute(t, database, "SELECT pg_notification_queue_usage()", &usage)
		return usage < 0.01
	})
}

func TestServicesWithOtherPrefixesDoNotHearEachOther(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	bustest.Apart(t, func(prefix string) *bustest.Node {
		b, err := pgbus.New(pgbus.Config{URL: database, Prefix: prefix + `"; --`})
		if err != nil {
			t.Fatal(err)
		}
		return bustest.Run(t, b)
	})
}

func TestAServerThatHangsIsMissed(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	a, b := node(t, server.URL()).Connected(), node(t, server.URL()).Connected()
	b.HearsOf(a)
	server.Pause()
	bustest.Eventually(t, "it is missed", func() bool { return a.Check(t.Context()) != nil && b.Check(t.Context()) != nil })
	bustest.Eventually(t, "telling is refused, and nobody waits for it", func() bool {
		return a.Announce(t.Context(), []chat.Entry{bustest.Message("tea", 1, 1)}) != nil
	})
	server.Resume()
	a.Connected()
	b.Connected().HearsOf(a)
}

func TestWhatIsNobodysBusinessDoesNoHarm(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	a, b := node(t, database).Connected(), node(t, database).Connected()
	deaf := b.Deafened()
	for _, payload := range []string{"", "hello", "?", strings.Repeat("A", 7999)} {
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT pg_notify('parley', $1)", payload); err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
	}
	b.HearsOf(a)
	if b.Deafened() == deaf {
		t.Error("what cannot be read is not told of")
	}
}

func TestSignalsThatWaitAreOneAndTheLatest(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	a, b := node(t, database).Connected(), node(t, database).Connected()
	for i := range 5000 {
		signal := chat.Signal{Room: "tea", User: "bob", Kind: chat.SignalRead, Seq: chat.Seq(i)}
		if err := a.Tell(t.Context(), ports.Signalled{Signal: signal}); err != nil {
			t.Fatalf("the %dth: %v", i, err)
		}
	}
	b.HearsOf(a)
}

func BenchmarkAnnounce(b *testing.B) {
	database := pgtest.URL(b)
	bustest.Benchmark(b, func() bustest.Bus { return open(b, database) })
}
