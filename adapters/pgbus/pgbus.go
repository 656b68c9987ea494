package pgbus

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/parley-chat/parley/adapters/notices"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

const (
	quiet        = 2 * time.Second // without a notification after that the connection is tried
	answerTime   = 3 * time.Second // for the server to answer, and for a trial to come back
	dialTime     = 5 * time.Second
	firstRetry   = 50 * time.Millisecond
	longestRetry = 2 * time.Second
)

// Config is what a Bus works with. URL is needed.
type Config struct {
	URL     string      // postgres://…, as a store's; pool parameters are ignored
	Prefix  string      // names the channel, so that several services can share a database; empty: parley
	Name    string      // application_name of the connections; empty: parley-bus
	OnFault func(error) // told of what goes wrong in the background; nil: nobody is

	Log     func() chat.LogID // which log the node keeps; nil: it does not say, and hears nodes of all
	Foreign func(chat.LogID)  // told of each notice of another log, which is dropped; it does not block; nil: nobody is
}

// Bus is a node's place on PostgreSQL's LISTEN and NOTIFY.
type Bus struct {
	cfg     Config
	conn    *pgx.ConnConfig
	at      notices.Place
	pending *pending

	mu       sync.Mutex
	followed map[chat.RoomID]bool
	ears     error // why it does not listen; nil: it does
	mouth    error // why it cannot tell
}

var (
	_ ports.Bus     = (*Bus)(nil)
	_ ports.Checker = (*Bus)(nil)
)

var errStill = errors.New("the bus does not run")

// New returns a bus. It fails where the URL makes no sense.
func New(cfg Config) (*Bus, error) {
	pool, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil || cfg.URL == "" {
		return nil, errors.New("postgres://user:password@host:5432/database") // without the URL: it may have a password
	}
	if len(cfg.Prefix) > 63 { // a name of PostgreSQL's
		return nil, errors.New("a prefix of at most 63 bytes")
	}
	for name, std := range map[*string]string{&cfg.Prefix: "parley", &cfg.Name: "parley-bus"} {
		if *name == "" {
			*name = std
		}
	}
	if cfg.OnFault == nil {
		cfg.OnFault = func(error) {}
	}
	conn := pool.ConnConfig
	conn.RuntimeParams["application_name"] = cfg.Name
	conn.RuntimeParams["client_encoding"] = "UTF8" // whatever the role or the database says
	conn.ConnectTimeout = dialTime
	conn.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing is prepared: one round trip, and no state on the server
	return &Bus{
		cfg: cfg, conn: conn, at: notices.Place{Self: ports.NodeID(rand.Text()), Log: cfg.Log, Foreign: cfg.Foreign}, pending: newPending(),
		followed: map[chat.RoomID]bool{}, ears: errStill, mouth: errStill,
	}, nil
}

// Run implements ports.Bus.
func (b *Bus) Run(ctx context.Context, listener ports.Listener) error {
	var wg sync.WaitGroup
	wg.Go(func() {
		b.keep(ctx, &b.ears, func(conn *pgx.Conn) error { return b.listen(ctx, conn, listener) })
	})
	wg.Go(func() {
		b.keep(ctx, &b.mouth, func(conn *pgx.Conn) error { return b.send(ctx, conn, listener) })
	})
	wg.Wait()
	return nil
}

// keep has a connection used until ctx ends, one after the other. state tells whether there is one.
func (b *Bus) keep(ctx context.Context, state *error, use func(*pgx.Conn) error) {
	for wait := firstRetry; ctx.Err() == nil; wait = min(2*wait, longestRetry) {
		began := time.Now()
		err := b.once(ctx, use)
		b.set(state, err)
		if ctx.Err() != nil {
			break
		}
		b.cfg.OnFault(err)
		if time.Since(began) > longestRetry {
			wait = firstRetry
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + mathrand.N(wait/2)):
		}
	}
	b.set(state, errStill)
}

func (b *Bus) once(ctx context.Context, use func(*pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, b.conn)
	if err != nil {
		return chat.Wrap(chat.Unavailable, err, "connect to PostgreSQL")
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	return use(conn)
}

func (b *Bus) set(state *error, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*state = err
}

// listen tells the listener what comes, until the connection breaks.
func (b *Bus) listen(ctx context.Context, conn *pgx.Conn, listener ports.Listener) error {
	if err := within(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{b.cfg.Prefix}.Sanitize())
		return err
	}); err != nil {
		return chat.Wrap(chat.Unavailable, err, "listen to PostgreSQL")
	}
	if err := b.try(ctx, conn, listener); err != nil {
		return err
	}
	listener.Deaf()
	for proven := false; ; {
		patience := quiet
		if !proven { // there must be somebody to prove it with
			patience = firstRetry
		}
		n, err := b.wait(ctx, conn, patience)
		switch {
		case err == nil: // it did nothing, and heard something: it listens
			b.set(&b.ears, nil)
			proven = true
			b.hear(n, listener)
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return chat.Wrap(chat.Unavailable, err, "hear from PostgreSQL")
		default:
			if proven, err = b.prove(ctx, conn, listener); err != nil {
				return err
			}
		}
	}
}

// prove has the connection that tells notify this one, which does nothing meanwhile: where it hears that, it listens. A pooler by
// transaction lends a connection for as long as something is asked, and so a trial of this connection's own comes back, and nothing
// else. Where there is nothing to tell by now, it tries at least that.
func (b *Bus) prove(ctx context.Context, conn *pgx.Conn, listener ports.Listener) (proven bool, err error) {
	token := trialMark + rand.Text()
	sent := b.pending.try(token)
	if sent == nil {
		return false, b.try(ctx, conn, listener)
	}
	deadline := time.Now().Add(answerTime)
	for {
		n, err := b.wait(ctx, conn, time.Until(deadline))
		switch {
		case err == nil && n == token:
			b.set(&b.ears, nil)
			return true, nil
		case err == nil:
			b.hear(n, listener)
		case !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			return false, chat.Wrap(chat.Unavailable, err, "hear from PostgreSQL")
		case isClosed(sent):
			return false, errPooled
		default: // it was not told yet
			return false, b.try(ctx, conn, listener)
		}
	}
}

// errPooled is for operators, and tells nobody anything that is to be kept.
var errPooled = chat.Errorf(chat.Unavailable, "a NOTIFY is not heard: a pooler in transaction or statement mode is in between. "+
	"LISTEN needs the server itself, or a session pool: give PARLEY_BUS_URL one of these")

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// try has the server notify this connection, which it must hear: then it listens, and nothing in between swallows what comes.
func (b *Bus) try(ctx context.Context, conn *pgx.Conn, listener ports.Listener) error {
	trial := trialMark + rand.Text()
	if err := within(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "SELECT pg_notify($1, $2)", b.cfg.Prefix, trial)
		return err
	}); err != nil {
		return chat.Wrap(chat.Unavailable, err, "ask PostgreSQL")
	}
	deadline := time.Now().Add(answerTime)
	for {
		n, err := b.wait(ctx, conn, time.Until(deadline))
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = errPooled
		}
		if err != nil {
			return chat.Wrap(chat.Unavailable, err, "hear from PostgreSQL")
		}
		if n == trial {
			return nil
		}
		b.hear(n, listener)
	}
}

func (b *Bus) wait(ctx context.Context, conn *pgx.Conn, most time.Duration) (payload string, err error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return n.Payload, nil
}

// hear tells the listener what a payload holds, of rooms that are followed.
func (b *Bus) hear(payload string, listener ports.Listener) {
	if strings.HasPrefix(payload, trialMark) {
		return // a trial of another node
	}
	raw, err := base64.RawStdEncoding.DecodeString(payload)
	var p notices.Packet
	if err == nil {
		p, err = notices.Parse(raw)
	}
	if err != nil {
		b.cfg.OnFault(chat.Wrap(chat.Internal, err, "read what came from PostgreSQL"))
		listener.Deaf()
		return
	}
	b.keepFollowed(&p)
	p.Tell(b.at, listener)
}

func (b *Bus) keepFollowed(p *notices.Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := p.Heads[:0]
	for _, h := range p.Heads {
		if b.followed[h.Room] {
			kept = append(kept, h)
		}
	}
	p.Heads = kept
	if p.Notice != nil && p.Notice.About() != "" && !b.followed[p.Notice.About()] {
		p.Notice = nil
	}
}

// send tells what was gathered, until the connection breaks.
func (b *Bus) send(ctx context.Context, conn *pgx.Conn, listener ports.Listener) error {
	b.pending.open()
	b.set(&b.mouth, nil)
	defer b.pending.close()
	for {
		select {
		case <-ctx.Done():
			return b.notify(context.WithoutCancel(ctx), conn) // the last words of a node that stops
		case <-b.pending.wake:
		case <-time.After(quiet):
		}
		if err := b.notify(ctx, conn); err != nil {
			listener.Deaf() // what was lost is to be told again
			return err
		}
	}
}

// atOnce is how many payloads go into one transaction.
const atOnce = 200

func (b *Bus) notify(ctx context.Context, conn *pgx.Conn) error {
	payloads, sent := b.pending.take(b.at)
	for first := true; len(payloads) > 0 || first; first = false {
		n := min(len(payloads), atOnce)
		if err := within(ctx, func(ctx context.Context) error {
			if n == 0 { // is it still there?
				return conn.Ping(ctx)
			}
			_, err := conn.Exec(ctx, "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload", b.cfg.Prefix, payloads[:n])
			return err
		}); err != nil {
			return chat.Wrap(chat.Unavailable, err, "notify by PostgreSQL")
		}
		payloads = payloads[n:]
	}
	for _, told := range sent {
		close(told)
	}
	return nil
}

func within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return do(ctx)
}

// Follow implements ports.Bus.
func (b *Bus) Follow(_ context.Context, room chat.RoomID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.followed[room] = true
	return nil
}

// Unfollow implements ports.Bus.
func (b *Bus) Unfollow(room chat.RoomID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.followed, room)
}

// Announce implements ports.Bus.
func (b *Bus) Announce(_ context.Context, entries []chat.Entry) error {
	return b.pending.announce(entries)
}

// Tell implements ports.Bus.
func (b *Bus) Tell(_ context.Context, notice ports.Notice) error { return b.pending.tell(notice) }

// Check implements ports.Checker: it tells what the connections were like the last time they were used, seconds ago at most.
func (b *Bus) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	why := cmp.Or(b.ears, b.mouth)
	if errors.Is(why, errStill) && b.mouth != nil { // what keeps it from hearing is that it cannot tell
		why = b.mouth
	}
	return chat.Wrap(chat.Unavailable, why, "reach the bus")
}
