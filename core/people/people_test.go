package people_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/people"
	"github.com/parley-chat/parley/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a service on a store that counts.
type world struct {
	*people.Service
	t     *testing.T
	store *memory.Store
	ear   *ear

	mu     sync.Mutex
	learns [][]chat.Claim
	fails  error
}

// ear hears notices, of this node and those that go to others.
type ear struct {
	ports.Listener
	ports.Bus
	mu         sync.Mutex
	here, away []ports.Notice
}

func (e *ear) Hear(n ports.Notice) { e.mu.Lock(); defer e.mu.Unlock(); e.here = append(e.here, n) }
func (e *ear) Tell(_ context.Context, n ports.Notice) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = append(e.away, n)
	return nil
}

// heard returns what was told, here and to others.
func (e *ear) heard() (here, away []ports.Notice) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.here), slices.Clone(e.away)
}

// failsWith has the store learn nothing, unless err is nil.
func (w *world) failsWith(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails = err
}

// learn is a store's, and counts.
func (w *world) learn(ctx context.Context, claims []chat.Claim) ([]chat.Profile, error) {
	w.mu.Lock()
	w.learns = append(w.learns, slices.Clone(claims))
	err := w.fails
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return w.store.Learn(ctx, claims)
}

// store is what the service learns to.
type store struct {
	*memory.Store
	w *world
}

func (s store) Learn(ctx context.Context, claims []chat.Claim) ([]chat.Profile, error) {
	return s.w.learn(ctx, claims)
}

// begin runs a service in a bubble, until the returned function is called.
func begin(t *testing.T, tweak func(*people.Config)) (*world, func()) {
	t.Helper()
	w := &world{t: t, store: memory.New(), ear: &ear{Bus: localbus.New()}}
	cfg := people.Config{Store: store{w.store, w}, Bus: w.ear}
	if tweak != nil {
		tweak(&cfg)
	}
	w.Service = people.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx, w.ear); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return w, func() { cancel(); wg.Wait() }
}

func token(user, name string, issued time.Time) chat.Identity {
	return chat.Identity{User: chat.UserID(user), Name: name, Issued: issued}
}

// told returns how many claims the store was asked to learn, by calls.
func (w *world) told() (calls []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.learns {
		calls = append(calls, len(l))
	}
	return calls
}

func (w *world) of(users ...chat.UserID) []chat.Profile {
	w.t.Helper()
	page, err := w.Profiles(w.t.Context(), chat.Identity{User: "anybody"}, users)
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Users
}

func TestWhatATokenSaysIsWrittenOnceAndTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := begin(t, nil)
		defer end()
		now := time.Now()
		for range 100 {
			w.Heard(token("alice", "Alice", now))
		}
		w.Heard(token("nameless", "", now))
		synctest.Wait()
		if got := w.told(); !slices.Equal(got, []int{1}) {
			t.Fatalf("the store was asked to learn %v", got)
		}
		if got := w.of("alice", "nameless", "alice"); len(got) != 1 || got[0].Name != "Alice" || got[0].Version != 1 {
			t.Fatalf("known is %+v", got)
		}
		time.Sleep(time.Second)
		w.Heard(token("alice", "Alice", now.Add(time.Minute))) // a fresh token that says the same
		w.Heard(token("alice", "Older", now.Add(-time.Minute)))
		time.Sleep(time.Second)
		if got := w.told(); len(got) != 1 {
			t.Fatalf("what is no news was written: %v", got)
		}
		w.Heard(token("alice", "Ally", now.Add(2*time.Minute)))
		time.Sleep(time.Second)
		want := []ports.Notice{ports.ProfileChanged{User: "alice", Version: 1}, ports.ProfileChanged{User: "alice", Version: 2}}
		if here, away := w.ear.heard(); !slices.Equal(here, want) || !slices.Equal(away, want) {
			t.Errorf("told are %v here and %v elsewhere", here, away)
		}
	})
}

func TestManyTokensAreFewWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := begin(t, nil)
		defer end()
		for i := range 10_000 { // more than may wait
			w.Heard(token(fmt.Sprint("user", i), "Somebody", time.Now()))
		}
		time.Sleep(time.Minute)
		claims := 0
		for _, n := range w.told() {
			claims += n
			if n > 256 {
				t.Errorf("a batch has %d claims", n)
			}
		}
		if calls := len(w.told()); claims < 4096 || claims > 2*4096 || calls > 40 { // those that wait, and those that are being written
			t.Errorf("%d claims are written by %d calls", claims, calls)
		}
		w.Heard(token("user9999", "Somebody", time.Now())) // it was lost, and is told again
		time.Sleep(time.Second)
		if len(w.of("user9999")) != 1 {
			t.Error("who was lost is not learnt the next time")
		}
	})
}

func TestWhatCannotBeWrittenIsToldAgainByTheNextRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := begin(t, nil)
		defer end()
		w.failsWith(chat.Errorf(chat.Unavailable, "away"))
		w.Heard(token("alice", "Alice", time.Now()))
		time.Sleep(time.Second)
		w.failsWith(nil)
		if len(w.of("alice")) != 0 {
			t.Fatal("it was written")
		}
		w.Heard(token("alice", "Alice", time.Now()))
		time.Sleep(time.Second)
		if len(w.of("alice")) != 1 {
			t.Error("it was not written")
		}
	})
}

func TestAUserSetsTheirOwnProfileAndAnAdministratorAny(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := begin(t, nil)
		defer end()
		alice, bob := token("alice", "Alice", time.Now()), token("bob", "", time.Now())
		is, err := w.SetProfile(t.Context(), alice, "alice", chat.ProfileChange{Avatar: new("/a.png")})
		if err != nil || is.Name != "Alice" || is.Avatar != "/a.png" || is.Version != 2 {
			t.Fatalf("got %+v, %v", is, err)
		}
		if _, err := w.SetProfile(t.Context(), bob, "alice", chat.ProfileChange{Name: new("x")}); !errors.Is(err, chat.Forbidden) {
			t.Errorf("another user's: %v", err)
		}
		bob.Admin = true
		if is, err := w.SetProfile(t.Context(), bob, "alice", chat.ProfileChange{Name: new("Ally")}); err != nil || is.Name != "Ally" || is.Version != 3 {
			t.Errorf("by an administrator: %+v, %v", is, err)
		}
		before, _ := w.ear.heard()
		is, err = w.SetProfile(t.Context(), alice, "alice", chat.ProfileChange{Name: new("Ally")})
		if after, _ := w.ear.heard(); err != nil || is.Version != 3 || len(after) != len(before) {
			t.Errorf("what changes nothing: %+v, %v, told %v", is, err, after)
		}
		alice.Issued = alice.Issued.Add(time.Hour) // with the name that tokens said before
		w.Heard(alice)
		time.Sleep(time.Second)
		if got := w.of("alice"); got[0].Name != "Ally" {
			t.Errorf("a fresh token took the name that was set: %+v", got)
		}
	})
}

func TestAnAnswerHasTheProfilesThatFit(t *testing.T) {
	t.Parallel()
	const most = 10_000
	synctest.Test(t, func(t *testing.T) {
		w, end := begin(t, func(cfg *people.Config) { cfg.AnswerBytes = most })
		defer end()
		admin := chat.Identity{User: "admin", Admin: true}
		var users []chat.UserID
		for i := range 10 {
			user := chat.UserID(fmt.Sprint("user", i))
			users = append(users, user)
			if _, err := w.SetProfile(t.Context(), admin, user, chat.ProfileChange{Custom: []byte(`{"x":"` + strings.Repeat("x", 3000) + `"}`)}); err != nil {
				t.Fatal(err)
			}
		}
		asked, got := append([]chat.UserID{"nobody"}, users...), []chat.UserID{}
		for pages := 0; len(asked) > 0; pages++ {
			page, err := w.Profiles(t.Context(), admin, asked)
			if err != nil || len(page.Users) == 0 || len(page.Users) > 3 || pages > 5 {
				t.Fatalf("page %d: %d users, %v", pages, len(page.Users), err)
			}
			for _, p := range page.Users {
				got = append(got, p.User)
			}
			asked = page.Rest
		}
		if !slices.Equal(got, users) {
			t.Errorf("got %v", got)
		}
	})
}

func TestAsMuchIsAskedAsMayBe(t *testing.T) {
	t.Parallel()
	s := people.New(people.Config{Store: memory.New()})
	for _, n := range []int{0, ports.MaxUsers + 1} {
		if _, err := s.Profiles(t.Context(), chat.Identity{User: "a"}, make([]chat.UserID, n)); !errors.Is(err, chat.Invalid) {
			t.Errorf("%d users: %v", n, err)
		}
	}
	refusing := people.New(people.Config{Store: memory.New(), Limiter: refuses{}})
	if _, err := refusing.Profiles(t.Context(), chat.Identity{User: "a"}, []chat.UserID{"a"}); !errors.Is(err, chat.RateLimited) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := refusing.SetProfile(t.Context(), chat.Identity{User: "a"}, "a", chat.ProfileChange{}); !errors.Is(err, chat.RateLimited) {
		t.Errorf("over the limit: %v", err)
	}
}

type refuses struct{}

func (refuses) Charge(chat.Identity) error     { return chat.Errorf(chat.RateLimited, "no") }
func (refuses) ChargeRead(chat.Identity) error { return chat.Errorf(chat.RateLimited, "no") }

func TestTokensAreHeardOnceTheyAreVerified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, end := begin(t, nil)
		defer end()
		v := w.Verifier(names{})
		if who, err := v.Verify(t.Context(), "alice"); err != nil || who.User != "alice" {
			t.Fatalf("got %+v, %v", who, err)
		}
		if _, err := v.Verify(t.Context(), "forged"); err == nil {
			t.Fatal("a forged token is taken")
		}
		time.Sleep(time.Second)
		if got := w.of("alice", "forged"); len(got) != 1 || got[0].User != "alice" {
			t.Errorf("known are %+v", got)
		}
	})
}

type names struct{}

func (names) Verify(_ context.Context, token string) (chat.Identity, error) {
	who := chat.Identity{User: chat.UserID(token), Name: token}
	if token == "forged" {
		return who, chat.Errorf(chat.Unauthenticated, "forged")
	}
	return who, nil
}
