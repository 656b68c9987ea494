package pgbus

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
)

const (
	answerTime     = 3 * time.Second // how long the server may take to answer
	dialTime       = 5 * time.Second
	maxTransaction = 200 // max payloads of one transaction
)

// Config is what a bus works with. URL is needed.
type Config struct {
	URL     string      // postgres://…, as a store's; pool parameters are ignored
	Prefix  string      // name of the channel, for services that share a database; empty: parley
	Name    string      // application_name of the connections; empty: parley-bus
	OnFault func(error) // called with errors in the background; may be nil

	// Log returns the identity of the node's log. Nil: unknown, and the node hears nodes of all
	// logs.
	Log func() chat.LogID
	// Foreign is called for each notice of another log, which is dropped. It must not block. It may
	// be nil.
	Foreign func(chat.LogID)
}

// New returns a bus. It fails if the URL is invalid.
func New(cfg Config) (*bus.Bus, error) {
	pool, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil || cfg.URL == "" {
		// Without the URL: it may have a password.
		return nil, errors.New("postgres://user:password@host:5432/database")
	}
	if len(cfg.Prefix) > 63 { // PostgreSQL's limit for names
		return nil, errors.New("a prefix of at most 63 bytes")
	}
	for name, std := range map[*string]string{&cfg.Prefix: "parley", &cfg.Name: "parley-bus"} {
		if *name == "" {
			*name = std
		}
	}
	conn := pool.ConnConfig
	if _, given := conn.RuntimeParams["engine"]; given { // which the server would refuse
		return nil, errors.New("a URL without engine=…, which is for the store's only")
	}
	conn.RuntimeParams["application_name"] = cfg.Name
	// Text is UTF-8, whatever the default of the role or the database is.
	conn.RuntimeParams["client_encoding"] = "UTF8"
	conn.ConnectTimeout = dialTime
	// Nothing is prepared: one round trip, and no state on the server.
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec
	place := notices.NewPlace(cfg.Log, cfg.Foreign)
	return bus.New(&driver{channel: cfg.Prefix, options: conn}, bus.Config{
		Server: "PostgreSQL", Place: place, Outbox: newOutbox(place), OnFault: cfg.OnFault,
	}), nil
}

// driver connects to PostgreSQL.
type driver struct {
	bus.OneGroup

	channel string
	options *pgx.ConnConfig
}

// conn is a pair of connections: one only listens, the other one notifies. All nodes use one
// channel. So there is nothing to subscribe to, and messages of all rooms arrive.
type conn struct {
	*driver
	events bus.Events

	hearing sync.Mutex // held while listens is used
	listens *pgx.Conn
	telling sync.Mutex // held while tells is used
	tells   *pgx.Conn

	mu    sync.Mutex
	trial string        // payload of the last trial
	heard chan struct{} // closed when it was received
}

// trialMark begins a payload that proves that a connection listens; base64 has no such character.
const trialMark = "?"

// errPooled is for operators; it contains nothing secret.
var errPooled = chat.Errorf(chat.Unavailable, "a NOTIFY is not heard: "+
	"a pooler in transaction or statement mode is in between. "+
	"LISTEN needs the server itself, or a session pool: give PARLEY_BUS_URL one of these")

// Dial implements bus.Driver.
func (d *driver) Dial(ctx context.Context, _ int, events bus.Events) (bus.Conn, error) {
	c := &conn{driver: d, events: events}
	if err := c.connect(ctx); err != nil {
		c.Close() //nolint:contextcheck // it must close even after ctx has ended
		return nil, err
	}
	return c, nil
}

func (c *conn) connect(ctx context.Context) (err error) {
	if c.listens, err = pgx.ConnectConfig(ctx, c.options); err != nil {
		return err
	}
	if c.tells, err = pgx.ConnectConfig(ctx, c.options); err != nil {
		return err
	}
	if err = execute(ctx, c.listens, "LISTEN "+pgx.Identifier{c.channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

func execute(ctx context.Context, conn *pgx.Conn, statement string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_, err := conn.Exec(ctx, statement, args...)
	return err
}

// Subscribe implements bus.Conn.
func (*conn) Subscribe(context.Context, []chat.RoomID) error { return nil }

// Unsubscribe implements bus.Conn.
func (*conn) Unsubscribe(context.Context, []chat.RoomID) error { return nil }

// Receive implements bus.Conn.
func (c *conn) Receive(ctx context.Context) ([]byte, error) {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	for {
		n, err := c.listens.WaitForNotification(ctx)
		if err != nil {
			return nil, fmt.Errorf("hear: %w", err)
		}
		if strings.HasPrefix(n.Payload, trialMark) {
			c.hear(n.Payload)
			continue
		}
		packet, err := base64.RawStdEncoding.DecodeString(n.Payload)
		if err == nil {
			return packet, nil
		}
		c.events.Missed(chat.Wrap(chat.Internal, err, "read what came from PostgreSQL"))
	}
}

// Ping implements bus.Conn. The notifying connection sends a trial, and the listening one, which
// does nothing else meanwhile, must receive it. A trial by the listening connection itself would
// prove nothing: a pooler in transaction mode lends a server connection during each request, so
// only the connection's own NOTIFY would come back.
func (c *conn) Ping(ctx context.Context) error {
	trial := trialMark + rand.Text()
	heard := c.expect(trial)
	if err := c.notify(ctx, []string{trial}); err != nil {
		return err
	}
	select {
	case <-heard:
		return nil
	case <-ctx.Done():
		return errPooled
	}
}

// expect returns a channel that is closed once a trial is received.
func (c *conn) expect(trial string) (heard <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trial, c.heard = trial, make(chan struct{})
	return c.heard
}

// hear handles a trial: the last one of this connection, or one of another node.
func (c *conn) hear(trial string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if trial == c.trial {
		close(c.heard)
		c.trial = ""
	}
}

// Publish implements bus.Conn.
func (c *conn) Publish(ctx context.Context, messages []bus.Message) error {
	payloads := make([]string, len(messages))
	for i, m := range messages {
		payloads[i] = base64.RawStdEncoding.EncodeToString(m.Packet)
	}
	for some := range slices.Chunk(payloads, maxTransaction) {
		if err := c.notify(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) notify(ctx context.Context, payloads []string) error {
	c.telling.Lock()
	defer c.telling.Unlock()
	const statement = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload"
	if err := execute(ctx, c.tells, statement, c.channel, payloads); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// Close implements bus.Conn.
func (c *conn) Close() {
	c.hearing.Lock()
	defer c.hearing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	for _, conn := range []*pgx.Conn{c.tells, c.listens} {
		if conn != nil {
			_ = conn.Close(ctx)
		}
	}
}
