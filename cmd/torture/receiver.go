package torture

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/cmd/torture/history"
)

// mood is how a receiver answers for a while.
type mood struct {
	what  string
	holds time.Duration
	ends  chan struct{} // closed at its end; nil: it has none
}

// moods are what a receiver does other than to answer well. Away and stalled are of its proxy.
var moods = []string{"error", "busy", "slow", "late", "hang", "reset", "broken", "away", "stalled"}

var well = mood{what: "well"}

// temper chooses moods.
type temper struct{ client }

func newTemper(cfg Config, hook int) temper {
	return temper{client{rand: rand.New(rand.NewPCG(uint64(cfg.Seed), uint64(4000+hook)))}}
}

// rest returns for how long a receiver answers well after a mood: long enough to catch up, so that
// the service does not wait longer and longer.
func (t temper) rest(held time.Duration) time.Duration {
	return t.between(200*time.Millisecond, 2*time.Second) + held*3/2
}

func (t temper) mood(cfg Config) mood {
	m := mood{moods[t.rand.IntN(len(moods))], t.between(300*time.Millisecond, 3*time.Second), make(chan struct{})}
	if m.what == "away" {
		m.holds = t.between(time.Second, cfg.longest())
	}
	return m
}

// longest is how long a receiver may be away.
func (c Config) longest() time.Duration { return max(2*time.Second, min(c.Time/6, 3*time.Minute)) }

// misbehave changes the receiver's mood until ctx ends; then it answers well.
func (h *hook) misbehave(ctx context.Context) {
	held := time.Duration(0)
	for pause(ctx, h.temper.rest(held)) {
		m := h.temper.mood(h.run.cfg)
		h.be(m)
		pause(ctx, m.holds)
		h.be(well)
		close(m.ends)
		held = m.holds
	}
}

func (h *hook) be(m mood) {
	h.mood.Store(&m)
	h.run.history.Write(history.Record{Kind: history.Mood, Client: h.name, Text: m.what})
	switch m.what {
	case "away":
		h.way.Cut()
	case "stalled":
		h.way.Stall()
	default:
		h.way.Mend()
	}
}

// batch is the body of a request.
type batch struct {
	Hook    string  `json:"hook"`
	Room    string  `json:"room"`
	First   int64   `json:"first"`
	Last    int64   `json:"last"`
	Head    int64   `json:"head"`
	Entries []frame `json:"entries"`
}

// ServeHTTP receives a request, records it, and answers in its present mood.
func (h *hook) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // who sent it died over it
	}
	select {
	case <-h.made: // before that its secret is not known
	case <-q.Context().Done():
		return
	}
	var b batch
	if json.Unmarshal(body, &b) == nil && b.Hook != h.id {
		w.WriteHeader(http.StatusGone) // it was made without an answer, and then removed
		return
	}
	hash := sha256.Sum256(body)
	r := history.Record{
		Kind: history.Told, Client: h.name, ID: q.Header.Get("webhook-id"), Room: b.Room, First: b.First, Last: b.Last, Head: b.Head,
		Hash: hex.EncodeToString(hash[:]), Signed: signed(h.secret, q.Header, body, time.Now()),
	}
	for i := range b.Entries {
		e := b.Entries[i].record("", "")
		r.Entries = append(r.Entries, e)
	}
	h.run.history.Write(r)
	answer{h, &r, w}.give(q.Context(), h.mood.Load())
}

// answer is the answer to a request. It is recorded before it is given: what follows from it comes
// later.
type answer struct {
	*hook
	told *history.Record
	w    http.ResponseWriter
}

// tooLate is longer than the service waits for an answer.
const tooLate = 17 * time.Second

func (a answer) give(ctx context.Context, m *mood) {
	switch m.what {
	case "error":
		a.status(a.roll(500, 502, 404))
	case "busy":
		a.w.Header().Set("Retry-After", strconv.Itoa(a.roll(1, 2)))
		a.status(a.roll(429, 503))
	case "slow":
		pause(ctx, time.Duration(a.roll(100, 500, 2000))*time.Millisecond)
		a.ok()
	case "late":
		await(ctx, m, tooLate)
		a.ok()
	case "hang":
		await(ctx, m, time.Minute)
		a.breakOff("hang")
	case "reset":
		a.breakOff("reset")
	case "broken":
		a.breakOff("broken")
	default: // well, or it came just before the proxy was changed
		a.ok()
	}
}

func (a answer) roll(of ...int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return of[a.dice.IntN(len(of))]
}

// await waits until the client has given up (ctx), or the mood is over, but not longer than for d.
func await(ctx context.Context, m *mood, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-m.ends:
	case <-time.After(d):
	}
}

func (a answer) record(code string, ack int64) {
	a.run.history.Write(history.Record{Kind: history.Answered, Client: a.name, ID: a.told.ID, Room: a.told.Room, Code: code, Ack: ack})
}

func (a answer) status(code int) {
	a.record(strconv.Itoa(code), 0)
	a.w.WriteHeader(code)
}

// ok takes the batch, or sometimes a part of it. If all nodes are to be killed at this point, they
// are, before or after the answer.
func (a answer) ok() {
	ack := int64(0)
	if n := int(a.told.Last - a.told.First); n > 0 && a.roll(0, 1, 2, 3) == 0 {
		a.mu.Lock()
		ack = a.told.First + a.dice.Int64N(int64(n))
		a.mu.Unlock()
	}
	a.record("200", ack)
	kill := a.trap.take()
	before := kill != nil && a.roll(0, 1) == 0
	if before {
		kill()
	}
	if ack > 0 {
		fmt.Fprintf(a.w, `{"ack":%d}`, ack)
	}
	_ = http.NewResponseController(a.w).Flush()
	if kill != nil && !before {
		kill()
	}
}

// breakOff ends the connection instead of an answer, or within one.
func (a answer) breakOff(how string) {
	a.record(how, 0)
	conn, _, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	if how == "broken" {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"ack\":")
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// trap is something that the next receiver which takes a batch does.
type trap struct{ act atomic.Pointer[func()] }

func (t *trap) take() func() {
	if act := t.act.Swap(nil); act != nil {
		return *act
	}
	return nil
}

// spring makes act be called when a batch is taken, or after d if none is. It returns when act is
// done.
func (t *trap) spring(ctx context.Context, d time.Duration, act func()) {
	done := make(chan struct{})
	both := func() { act(); close(done) }
	t.act.Store(&both)
	select {
	case <-done:
		return
	case <-ctx.Done():
	case <-time.After(d):
	}
	if act := t.take(); act != nil {
		act()
	}
	<-done
}

const secretPrefix = "whsec_"

func readSecret(s string) ([]byte, error) {
	text, ok := strings.CutPrefix(s, secretPrefix)
	if !ok {
		return nil, errors.New("a hook's secret does not begin with " + secretPrefix)
	}
	return base64.StdEncoding.DecodeString(text)
}

// maxAge is how old a signature may be.
const maxAge = 5 * time.Minute

// signed reports whether one of the signatures of a request is good, as Standard Webhooks says.
func signed(secret []byte, header http.Header, body []byte, now time.Time) bool {
	stamp := header.Get("webhook-timestamp")
	var seconds int64
	if _, err := fmt.Sscan(stamp, &seconds); err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > maxAge {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.%s", header.Get("webhook-id"), stamp, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.Contains(strings.Fields(header.Get("webhook-signature")), want)
}
