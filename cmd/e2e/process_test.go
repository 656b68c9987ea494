package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-chat/parley/adapters/freeaddr"
)

// runGo runs a go command with the flags of a release, which all of CI uses: it compiles once.
func runGo(command string, args ...string) error {
	cmd := exec.Command("go", append([]string{command, "-trimpath"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", command, err, out)
	}
	return nil
}

// program builds the binary once for all tests of the process.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "parley-test-")
	if err != nil {
		return "", err
	}
	binaries = dir
	path := filepath.Join(dir, "parley")
	return path, runGo("build", "-o", path, "../parley")
})

var binaries string // folder of the built program; removed by TestMain

// process is the real binary, running.
type process struct {
	*service
	t      testing.TB
	dir    string
	env    []string
	cmd    *exec.Cmd
	output *bytes.Buffer
	exited chan error
}

// runs starts the binary in development mode in a folder of its own, and waits until it is ready.
func runs(t *testing.T, env ...string) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir(), service: &service{}}
	addr, admin := freeaddr.Must(t), freeaddr.Must(t)
	p.service.url, p.service.admin = "http://"+addr, "http://"+admin
	p.env = append(environ(), append([]string{"PARLEY_HTTP_ADDR=" + addr, "PARLEY_ADMIN_ADDR=" + admin, "PARLEY_RATE_LIMIT=off"}, env...)...)
	p.service.sign = p.sign
	p.starts()
	t.Cleanup(func() {
		p.kill(syscall.SIGKILL)
		<-p.exited
		if t.Failed() {
			t.Logf("the process printed:\n%s", p.output)
		}
	})
	return p
}

// environ returns the environment of this process, without Parley's settings.
func environ() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			env = append(env, v)
		}
	}
	return env
}

func (p *process) starts() {
	p.t.Helper()
	path, err := program()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(path, "serve")
	p.cmd.Dir, p.cmd.Env = p.dir, p.env
	p.output = &bytes.Buffer{}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited, cmd := make(chan error, 1), p.cmd
	p.exited = exited
	go func() { exited <- cmd.Wait(); close(exited) }()
	eventually(p.t, "the process is ready", func() error {
		select {
		case err := <-exited:
			p.t.Fatalf("the process ended: %v\n%s", err, p.output)
		default:
		}
		response, err := http.Get(p.url + "/readyz")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz: %s", response.Status)
		}
		return nil
	})
}

func (p *process) kill(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// sign has the program itself make a token, like a newcomer.
func (p *process) sign(t testing.TB, user string, _ ...claim) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "token", "--sub", user)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parley token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// sender sends messages with keys one after the other, and records which were acknowledged.
type sender struct {
	user  string
	acked map[string]int64 // key → seq
	sent  []string         // keys, in the order of sending
}

// goesOn sends until the socket breaks or n keys are sent. First it repeats unacknowledged
// messages, with their keys.
func (w *sender) goesOn(ctx context.Context, p *process, token, room string, n int) error {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.url, "http")+"/ws", &websocket.DialOptions{ //nolint:bodyclose // a dialled socket has none
		HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	peer := &peer{t: p.t, name: w.user, conn: conn, frames: make(chan frame, 1<<16)}
	go peer.listen()
	send := func(key string) error {
		return conn.Write(ctx, websocket.MessageText,
			fmt.Appendf(nil, `{"type":"send","id":%q,"room":%q,"body":%q,"key":%q}`, key, room, key, key))
	}
	var due []string
	for _, key := range w.sent {
		if _, ok := w.acked[key]; !ok {
			due = append(due, key)
		}
	}
	for len(w.sent) < n {
		key := fmt.Sprint(w.user, "-", len(w.sent))
		w.sent, due = append(w.sent, key), append(due, key)
	}
	for _, key := range due {
		if err := send(key); err != nil {
			break
		}
	}
	for f := range peer.frames {
		if f.is("ok") {
			w.acked[f.str("id")] = f.num("seq")
		}
		if len(w.acked) == n {
			return nil
		}
	}
	return peer.closed
}

// TestKilledInTheMiddleOfSends proves I1, I2 and I4 over a crash: acknowledged messages are stored,
// repetitions are not stored twice, and no seq is missing.
func TestKilledInTheMiddleOfSends(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 350 // 8,400 in all, which one join can replay
	p := runs(t)
	const room = "crash"
	p.connects(t, "maker").asks("join", "room", room)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := make([]*sender, senders)
	tokens := make([]string, senders)
	for i := range all {
		all[i] = &sender{user: fmt.Sprint("user", i), acked: map[string]int64{}}
		tokens[i] = p.sign(t, all[i].user)
	}
	for round := 1; round <= 3; round++ {
		watcher := p.connects(t, "watcher")
		head := watcher.asks("join", "room", room, "limit", 0).num("head")
		var wg sync.WaitGroup
		for i, w := range all {
			wg.Go(func() { _ = w.goesOn(ctx, p, tokens[i], room, round*each) })
		}
		// In the middle: some hundreds are written, and the rest is not.
		for n := range int64(500) {
			if _, ok := watcher.await(frame.isEntry); !ok {
				t.Fatalf("the watcher was closed after %d: %v", head+n, watcher.closed)
			}
		}
		p.kill(syscall.SIGKILL)
		<-p.exited
		wg.Wait()
		p.starts()
	}
	for i, w := range all {
		acked := maps.Clone(w.acked)
		if err := w.goesOn(ctx, p, tokens[i], room, 3*each); err != nil {
			t.Fatalf("%s, at last: %v", w.user, err)
		}
		for key, seq := range acked {
			if w.acked[key] != seq {
				t.Errorf("%s was acknowledged as %d, and is %d", key, seq, w.acked[key])
			}
		}
	}
	verify(t, p, room, all, senders*3*each)
}

// verify reads the whole log and compares it with the senders' records.
func verify(t *testing.T, p *process, room string, all []*sender, want int) {
	t.Helper()
	reader := p.connects(t, "reader")
	reader.asks("join", "room", room, "after", 0)
	at := map[string]int64{}
	for _, e := range reader.reads(room, 1, int64(want)) {
		if first, twice := at[e.str("key")]; twice {
			t.Errorf("%s is both %d and %d", e.str("key"), first, e.num("seq"))
		}
		at[e.str("key")] = e.num("seq")
	}
	for _, w := range all {
		for key, seq := range w.acked {
			if at[key] != seq {
				t.Errorf("%s was acknowledged as %d and stands at %d", key, seq, at[key])
			}
		}
	}
	if head := reader.asks("history", "room", room, "limit", 1).num("head"); head != int64(want) {
		t.Errorf("the log has %d entries, want %d", head, want)
	}
}

func TestASignalDrains(t *testing.T) {
	t.Parallel()
	p := runs(t)
	var peers []*peer
	for i := range 20 {
		c := p.connects(t, fmt.Sprint("user", i))
		c.asks("join", "room", "tea")
		peers = append(peers, c)
	}
	for i := range 500 {
		peers[i%20].sends("send", "room", "tea", "body", fmt.Sprint(i), "key", fmt.Sprint("k", i))
	}
	p.kill(syscall.SIGTERM)
	eventually(t, "not ready", func() error {
		response, err := http.Get(p.url + "/readyz")
		if err != nil {
			return nil //nolint:nilerr // it is gone already
		}
		response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			return nil
		}
		return errNotYet
	})
	acked := map[string]bool{}
	for _, c := range peers {
		if f := c.sees("drain"); f.num("reconnect_in_ms") <= 0 {
			t.Errorf("drain: %v", f)
		}
		c.closesWith(1012)
		for _, f := range c.kept {
			if f.is("ok") && f.has("duplicate") {
				acked[fmt.Sprint(f.num("seq"))] = true
			}
		}
	}
	if err := <-p.exited; err != nil {
		t.Fatalf("the process ended with %v", err)
	}
	p.starts()
	c := p.connects(t, "later")
	head := c.asks("join", "room", "tea", "after", 0).num("head")
	c.reads("tea", 1, head)
	if len(acked) == 0 || int64(len(acked)) > head {
		t.Errorf("%d were acknowledged, %d are there", len(acked), head)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := runs(t, "PARLEY_DRAIN=60s")
	c := p.connects(t, "alice")
	p.kill(syscall.SIGTERM)
	c.sees("drain")
	p.kill(syscall.SIGTERM)
	select {
	case err := <-p.exited:
		if err == nil {
			t.Log("it ended before the second signal came")
		}
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
}
