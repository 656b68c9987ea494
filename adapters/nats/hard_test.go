package nats_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/parley-chat/parley/adapters/bus"
	"github.com/parley-chat/parley/adapters/bustest"
	"github.com/parley-chat/parley/adapters/freeaddr"
	"github.com/parley-chat/parley/adapters/nats"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/ports"
)

// faults are the errors that a bus reported.
type faults struct {
	mu  sync.Mutex
	all []error
}

func (f *faults) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err)
}

func (f *faults) say(what string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, err := range f.all {
		if strings.Contains(err.Error(), what) {
			return true
		}
	}
	return false
}

// telling returns a node's place on the bus at a URL, and its faults.
func telling(t *testing.T, url string) (*bus.Bus, *faults) {
	t.Helper()
	f := &faults{}
	b, err := nats.New(nats.Config{URL: url, OnFault: f.add})
	if err != nil {
		t.Fatal(err)
	}
	return b, f
}

// soon fails the test if a call takes long.
func soon(t *testing.T, what string, call func()) {
	t.Helper()
	start := time.Now()
	call()
	if took := time.Since(start); took > time.Second {
		t.Errorf("%s took %v", what, took)
	}
}

// configured starts a server with this configuration.
func configured(t *testing.T, conf string) *bustest.Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return bustest.NATS(t, "-c", path)
}

func TestNobodyWaitsForAServerThatDoesNotTakeWhatIsWritten(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	a := node(t, "nats://"+server.Addr).Connected()
	if err := a.Follow(t.Context(), "tea"); err != nil {
		t.Fatal(err)
	}
	server.Freeze()
	frozen := time.Now()
	batch := []chat.Entry{bustest.Message("tea", 1, 4000)}
	for room := chat.RoomID("a"); ; room += "a" {
		shut := false
		soon(t, "announcing", func() {
			for range 100 {
				err := a.Announce(t.Context(), batch)
				shut = err != nil && strings.Contains(err.Error(), "cannot be reached")
			}
		})
		soon(t, "telling", func() { _ = a.Tell(t.Context(), ports.Alive{Node: "a"}) })
		soon(t, "following no longer", func() { a.Unfollow("tea") })
		soon(t, "following", func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_ = a.Follow(ctx, room)
		})
		soon(t, "checking", func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if a.Check(ctx) == nil {
				t.Error("a server that is frozen answers")
			}
		})
		if shut {
			break
		}
		if time.Since(frozen) > 10*time.Second {
			t.Fatal("it is not missed")
		}
	}
}

func TestAQuietConnectionThatIsHalfOpenIsMissedWithin5Seconds(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	a := node(t, "nats://"+server.Addr).Connected()
	server.Freeze()
	frozen := time.Now()
	bustest.Eventually(t, "it is missed", func() bool { return a.Tell(t.Context(), ports.Alive{Node: "a"}) != nil })
	if took := time.Since(frozen); took > 6*time.Second { // one second more for a busy machine
		t.Errorf("it is missed after %v", took)
	}
}

func TestAServerThatSaysNothingHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	f := &fake{mute: true}
	b, _ := telling(t, f.start(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, &bustest.Node{}) }()
	bustest.Eventually(t, "it is called for a second time", func() bool {
		soon(t, "a round of calls", func() {
			if err := b.Follow(t.Context(), "tea"); err != nil {
				t.Errorf("Follow: %v", err)
			}
			b.Unfollow("tea")
			if b.Announce(t.Context(), []chat.Entry{bustest.Message("tea", 1, 1)}) == nil || b.Check(t.Context()) == nil {
				t.Error("it counts as connected")
			}
		})
		return f.conns.Load() > 1
	})
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not end")
	}
}

func TestFollowsAtOnceShareARoundTrip(t *testing.T) {
	t.Parallel()
	const rooms = 500
	held, release := make(chan struct{}), make(chan struct{})
	f := &fake{next: func(reply func(string)) {
		close(held)
		<-release
		reply("PONG")
	}}
	a := node(t, f.start(t)).Connected()
	f.armed.Store(true)
	before := f.pings.Load()
	var started, wg sync.WaitGroup
	started.Add(rooms)
	for i := range rooms {
		wg.Go(func() {
			started.Done()
			if err := a.Follow(t.Context(), chat.RoomID("r"+strings.Repeat("x", i))); err != nil {
				t.Errorf("Follow: %v", err)
			}
		})
	}
	started.Wait()
	<-held
	close(release)
	wg.Wait()
	if n := f.subs.Load(); n != rooms+1 {
		t.Errorf("%d subscriptions", n)
	}
	if n := f.pings.Load() - before; n > rooms/10 {
		t.Errorf("%d round trips for %d rooms", n, rooms)
	}
}

func TestABusGoesOnWhereTheLibraryGivesUp(t *testing.T) {
	t.Parallel()
	f := &fake{next: func(reply func(string)) { reply("-ERR 'Parser Error'") }} // a final error for the library
	b, said := telling(t, f.start(t))
	a := bustest.Run(t, b).Connected()
	if err := a.Follow(t.Context(), "tea"); err != nil {
		t.Fatal(err)
	}
	f.armed.Store(true)
	bustest.Eventually(t, "it connects anew", func() bool { _ = a.Check(t.Context()); return f.conns.Load() > 1 })
	a.Connected()
	bustest.Eventually(t, "it follows what it did", func() bool { return f.subs.Load() == 4 })
	if !said.say("Parser Error") {
		t.Errorf("it told of %v", said.all)
	}
}

// plug is a listener that blocks until it is released.
type plug struct {
	*bustest.Node
	pull chan struct{}
}

func (p plug) Entries([]chat.Entry) { <-p.pull }

func TestANodeThatTakesTooLittleIsDeafAndSaysSo(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	a := node(t, "nats://"+server.Addr).Connected()
	b, said := telling(t, "nats://"+server.Addr)
	slow := plug{&bustest.Node{Bus: b}, make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, slow) }()
	bustest.Eventually(t, "it is connected", func() bool { return slow.Check(t.Context()) == nil && slow.Deafened() > 0 })
	if err := slow.Follow(t.Context(), "tea"); err != nil {
		t.Fatal(err)
	}
	deaf := slow.Deafened()
	batch := make([]chat.Entry, 64)
	for i := range batch {
		batch[i] = bustest.Message("tea", chat.Seq(i+1), 4000)
	}
	overflow := func() bool { _ = a.Announce(t.Context(), batch); return slow.Deafened() > deaf }
	bustest.Eventually(t, "it was deaf", overflow)
	deaf = slow.Deafened()
	bustest.Eventually(t, "it was deaf again, as it lost more", overflow)
	if !said.say("faster than they are taken") {
		t.Errorf("it told of %v", said.all)
	}
	close(slow.pull)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// tally counts what it receives.
type tally struct {
	*bustest.Node
	entries atomic.Int64
}

func (c *tally) Entries(entries []chat.Entry) { c.entries.Add(int64(len(entries))) }

func TestABurstOfPacketsIsNotLost(t *testing.T) {
	t.Parallel()
	const rooms, batches = 64, 400
	server := bustest.NATS(t)
	a := node(t, "nats://"+server.Addr).Connected()
	b, said := telling(t, "nats://"+server.Addr)
	to := &tally{Node: &bustest.Node{Bus: b}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, to) }()
	defer func() { cancel(); <-done }()
	bustest.Eventually(t, "it is connected", func() bool { return to.Check(t.Context()) == nil && to.Deafened() > 0 })
	batch := make([]chat.Entry, rooms)
	for i := range batch {
		batch[i] = bustest.Message(chat.RoomID("r"+strings.Repeat("x", i)), 0, 64)
		if err := b.Follow(t.Context(), batch[i].Room); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range chat.Seq(batches) {
		for i := range batch {
			batch[i].Seq = seq + 1
		}
		if err := a.Announce(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	bustest.Eventually(t, "all are heard of", func() bool { return to.entries.Load() == rooms*batches || said.say("are lost") })
	if said.say("are lost") || to.Deafened() > 1 {
		t.Errorf("heard of %d of %d, and was told of %v", to.entries.Load(), rooms*batches, said.all)
	}
}

func TestAPacketThatCannotBeReadMakesDeaf(t *testing.T) {
	t.Parallel()
	server := bustest.NATS(t)
	b, said := telling(t, "nats://"+server.Addr)
	a := bustest.Run(t, b).Connected()
	bustest.Eventually(t, "it has begun", func() bool { return a.Deafened() > 0 })
	deaf := a.Deafened()
	stranger, err := client.Connect("nats://" + server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := stranger.Publish("parley.node", []byte("hello there")); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "it was deaf, and says so", func() bool { return a.Deafened() > deaf && said.say("read a packet") })
}

func TestWhatTheServerDoesNotAllowIsSaid(t *testing.T) {
	t.Parallel()
	server := configured(t, `authorization { users: [
		{user: parley, password: p, permissions: {publish: ["parley.room.*", "parley.node"], subscribe: ["parley.room.*", "parley.node"]}}
		{user: other, password: p, permissions: {publish: "other.>", subscribe: "other.>"}}
	] }`)
	a, b := node(t, "nats://parley:p@"+server.Addr).Connected(), node(t, "nats://parley:p@"+server.Addr).Connected()
	b.HearsOf(a)
	refused, said := telling(t, "nats://other:p@"+server.Addr)
	c := bustest.Run(t, refused)
	bustest.Eventually(t, "it says what", func() bool {
		err := c.Check(t.Context())
		return errors.Is(err, chat.Unavailable) && strings.Contains(err.Error(), `"parley.node"`) && said.say("Permissions Violation")
	})
}

func TestServersWithoutCredentialsGetTheFirst(t *testing.T) {
	t.Parallel()
	const password = "s3,cr?t/@:"
	for name, user := range map[string]struct {
		args []string
		url  *url.Userinfo
	}{
		"a password": {[]string{"--user", "parley", "--pass", password}, url.UserPassword("parley", password)},
		"a token":    {[]string{"--auth", "t0ken"}, url.User("t0ken")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := bustest.NATS(t, user.args...), bustest.NATS(t, user.args...)
			one.Stop()
			info := strings.ReplaceAll(user.url.String(), ",", "%2C")
			seeds := "nats://" + info + "@" + one.Addr + ",nats://" + two.Addr
			a, b := node(t, seeds).Connected(), node(t, seeds).Connected()
			b.HearsOf(a)
		})
	}
}

func TestServersOfTheClusterThatWereNotNamedGetTheCredentialsToo(t *testing.T) {
	t.Parallel()
	routes := []string{"nats://" + freeaddr.Must(t), "nats://" + freeaddr.Must(t)}
	var servers []*bustest.Server
	for i := range routes {
		servers = append(servers, bustest.NATS(t, "--user", "parley", "--pass", "s3cret",
			"--cluster_name", "test", "--cluster", routes[i], "--routes", strings.Join(routes, ",")))
	}
	a := node(t, "nats://parley:s3cret@"+servers[0].Addr).Connected()
	b := node(t, "nats://parley:s3cret@"+servers[1].Addr).Connected()
	b.HearsOf(a) // after this the servers know each other
	servers[0].Stop()
	b.HearsOf(a.Connected())
}

func TestAddressesOfTheClusterHaveCertificatesWithTheNameThatWasGiven(t *testing.T) {
	t.Parallel()
	cert, key := bustest.Certificate(t, "localhost")
	routes := []string{"nats://" + freeaddr.Must(t), "nats://" + freeaddr.Must(t)}
	var servers []*bustest.Server
	var urls []string
	for i := range routes {
		s := bustest.NATS(t, "--tls", "--tlscert", cert, "--tlskey", key,
			"--cluster_name", "test", "--cluster", routes[i], "--routes", strings.Join(routes, ","))
		servers = append(servers, s)
		_, port, _ := net.SplitHostPort(s.Addr)
		urls = append(urls, "tls://localhost:"+port+"?tls_ca="+cert)
	}
	a, b := node(t, urls[0]).Connected(), node(t, urls[1]).Connected()
	b.HearsOf(a) // after this the servers know each other
	servers[0].Stop()
	b.HearsOf(a.Connected())
}

func TestPrefixesThatMakeNoSubjectAreRefused(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{".", "a..b", "a b", "a.*", ">", "a.", "é"} {
		if _, err := nats.New(nats.Config{URL: "nats://h", Prefix: prefix}); err == nil {
			t.Errorf("%q is taken", prefix)
		}
	}
	if _, err := nats.New(nats.Config{URL: "nats://h", Prefix: "prod.Parley-1_a"}); err != nil {
		t.Error(err)
	}
}

// key makes a user's key, and returns the public key and the seed.
func key(t *testing.T) (public string, seed []byte) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	if seed, err = pair.Seed(); err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return public, seed
}

func TestAUserWithAnNkey(t *testing.T) {
	t.Parallel()
	public, seed := key(t)
	path := filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(path, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	server := configured(t, "authorization { users: [ { nkey: "+public+" } ] }")
	a, b := node(t, "nats://"+server.Addr+"?nkey="+path).Connected(), node(t, "nats://"+server.Addr+"?nkey="+path).Connected()
	b.HearsOf(a)
}

func TestACredentialsFileMayComeLate(t *testing.T) {
	t.Parallel()
	f := &fake{}
	path := filepath.Join(t.TempDir(), "user.creds")
	a := node(t, f.start(t)+"?creds="+path)
	bustest.Eventually(t, "it says that the file is not there", func() bool {
		err := a.Check(t.Context())
		return errors.Is(err, chat.Unavailable) && strings.Contains(err.Error(), path)
	})
	_, seed := key(t)
	creds := "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n" +
		"-----BEGIN USER NKEY SEED-----\n" + string(seed) + "\n------END USER NKEY SEED------\n"
	if err := os.WriteFile(path+".new", []byte(creds), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	a.Connected()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.Contains(f.connect, `"jwt":"a.b.c"`) || !strings.Contains(f.connect, `"sig":"`) {
		t.Errorf("it said of itself %s", f.connect)
	}
}
