package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/memory"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/core/people"
	"github.com/parley-chat/parley/core/session"
	"github.com/parley-chat/parley/ports"
)

// village is a world whose nodes know people.
type village struct {
	*world
	people []*countedPeople
}

// countedPeople counts what a node's hub asks of people by itself, and fails when it is told to.
type countedPeople struct {
	*people.Service
	mu    sync.Mutex
	asked []int // of how many users at once
	fails error
}

// Known implements ports.Profiles.
func (p *countedPeople) Known(ctx context.Context, users []chat.UserID) ([]chat.Profile, error) {
	p.mu.Lock()
	p.asked = append(p.asked, len(users))
	err := p.fails
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return p.Service.Known(ctx, users)
}

func (p *countedPeople) questions() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func newVillage(t *testing.T, nodes int) *village {
	t.Helper()
	v := &village{}
	v.world = newWorld(t, nodes, func(d *session.Config, m *messaging.Config) {
		p := &countedPeople{Service: people.New(people.Config{Store: m.Directory.(*memory.Store), Bus: m.Bus})}
		v.people = append(v.people, p)
		d.Profiles = p
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i, p := range v.people {
		wg.Go(func() { _ = p.Run(ctx, v.nodes[i].hub) })
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	synctest.Wait()
	return v
}

// renames gives users a name, by a node.
func (v *village) renames(node int, name string, users ...chat.UserID) {
	v.t.Helper()
	for _, user := range users {
		admin := chat.Identity{User: "admin", Admin: true}
		if _, err := v.people[node].SetProfile(context.Background(), admin, user, chat.ProfileChange{Name: &name}); err != nil {
			v.t.Fatal(err)
		}
	}
}

// asksFor returns the names of users who are known.
func (c *client) asksFor(users ...chat.UserID) (names []string) {
	c.t.Helper()
	var page ports.ProfilePage
	c.gets(ports.Users{IDs: users}, &page)
	for _, p := range page.Users {
		names = append(names, p.Name)
	}
	return names
}

// heardOf returns what the client was told of users since the last time, by user and in order:
// "bob=Bobby/2".
func (c *client) heardOf() (told []string) {
	c.t.Helper()
	synctest.Wait()
	c.gets(ports.Ping{}, nil)
	rest := c.skipped[:0]
	for _, l := range c.skipped {
		if l.Kind == "user" {
			told = append(told, fmt.Sprintf("%s=%s/%d", l.ID, l.What, l.RetryMS))
		} else {
			rest = append(rest, l)
		}
	}
	c.skipped = rest
	slices.SortStableFunc(told, func(a, b string) int {
		user, _, _ := strings.Cut(a, "=")
		other, _, _ := strings.Cut(b, "=")
		return strings.Compare(user, other)
	})
	return told
}

func mustBe(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestWhoAskedAboutAUserHearsThatTheyChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVillage(t, 2)
		here, there, other := v.connects("alice"), v.connectsTo(1, "alice", 1<<20), v.connects("carol")
		v.renames(0, "Bob", "bob")
		time.Sleep(time.Second)
		mustBe(t, "known", here.asksFor("bob", "nobody", "bob"), "Bob")
		mustBe(t, "known elsewhere", there.asksFor("nobody", "bob"), "Bob")
		v.renames(1, "Bobby", "bob")
		v.renames(0, "Somebody", "nobody")
		time.Sleep(time.Second)
		for _, c := range []*client{here, there} {
			mustBe(t, c.name, c.heardOf(), "bob=Bobby/2", "nobody=Somebody/1")
		}
		mustBe(t, "who did not ask", other.heardOf())
		for i := range 50 {
			v.renames(0, fmt.Sprint("B", i), "bob")
		}
		time.Sleep(time.Second)
		for _, c := range []*client{here, there} {
			if told := c.heardOf(); len(told) == 0 || len(told) > 3 || told[len(told)-1] != "bob=B49/52" {
				t.Errorf("of 50 changes at once %s is told %q", c.name, told)
			}
		}
		before := len(v.people[0].questions())
		here.hangsUp()
		v.renames(1, "Robert", "bob")
		time.Sleep(time.Second)
		mustBe(t, "who stays", there.heardOf(), "bob=Robert/53")
		if now := len(v.people[0].questions()); now != before {
			t.Errorf("where nobody watches, the store is asked %d times", now-before)
		}
	})
}

func TestASessionWatchesThoseThatItAskedForLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVillage(t, 1)
		alice := v.connects("alice")
		all := make([]chat.UserID, ports.MaxWatched+ports.MaxUsers)
		for i := range all {
			all[i] = chat.UserID(fmt.Sprintf("user%04d", i))
		}
		for some := range slices.Chunk(all, ports.MaxUsers) {
			alice.asksFor(some...)
		}
		alice.asksFor(all[ports.MaxUsers]) // again: it is among the last now
		alice.asksFor("one more")
		v.renames(0, "N", all[0], all[ports.MaxUsers-1], all[ports.MaxUsers], all[ports.MaxUsers+1], all[ports.MaxUsers+2], "one more")
		time.Sleep(time.Second)
		mustBe(t, "told", alice.heardOf(), "one more=N/1", "user0100=N/1", "user0102=N/1")
	})
}

func TestWhatWasMissedIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVillage(t, 1)
		alice := v.connects("alice")
		v.renames(0, "Bob", "bob")
		time.Sleep(time.Second)
		alice.asksFor("bob", "carol")
		for user, name := range map[chat.UserID]string{"bob": "Bobby", "carol": "Carol"} { // by a node whose notice does not come
			if _, _, err := v.store.SetProfile(t.Context(), user, chat.ProfileChange{Name: &name}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		mustBe(t, "without a notice", alice.heardOf())
		v.people[0].mu.Lock()
		v.people[0].fails = chat.Errorf(chat.Unavailable, "away")
		v.people[0].mu.Unlock()
		v.nodes[0].hub.Deaf()
		time.Sleep(10 * time.Second)
		mustBe(t, "while the store is away", alice.heardOf())
		v.people[0].mu.Lock()
		v.people[0].fails = nil
		v.people[0].mu.Unlock()
		time.Sleep(2 * time.Second)
		mustBe(t, "after it was deaf", alice.heardOf(), "bob=Bobby/2", "carol=Carol/1")
		v.nodes[0].hub.Deaf()
		time.Sleep(2 * time.Second)
		mustBe(t, "what is no news", alice.heardOf())
	})
}

// What is news by an answer to one session is told to the others who watch.
func TestAnAnswerThatIsNewsIsToldToTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVillage(t, 1)
		alice, carol := v.connects("alice"), v.connects("carol")
		v.renames(0, "Bob", "bob")
		time.Sleep(time.Second)
		alice.asksFor("bob")
		name := "Bobby"
		if _, _, err := v.store.SetProfile(t.Context(), "bob", chat.ProfileChange{Name: &name}); err != nil {
			t.Fatal(err)
		}
		mustBe(t, "known", carol.asksFor("bob"), "Bobby")
		time.Sleep(time.Second)
		mustBe(t, "who asked before", alice.heardOf(), "bob=Bobby/2")
	})
}

// A client that takes nothing costs no more than so many signals, and gets the latest of each user.
func TestAClientThatReadsNothingHearsTheLatestOfFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVillage(t, 1)
		mute := v.connectsTo(0, "mute", 4096)
		mute.pipe.waits()
		users := make([]chat.UserID, ports.MaxUsers)
		for i := range users {
			users[i] = chat.UserID(fmt.Sprintf("user%02d", i))
		}
		mute.asksFor(users...)
		for n := range 40 {
			v.renames(0, fmt.Sprint("N", n), users...)
			time.Sleep(time.Second)
		}
		told := append(mute.heardOf(), mute.heardOf()...) // the answer comes before what waits behind it
		if len(told) < len(users) || len(told) > 5*len(users) {
			t.Errorf("it was told %d times", len(told))
		}
		for _, user := range users {
			if want := string(user) + "=N39/40"; !slices.Contains(told, want) {
				t.Errorf("it was not told %s", want)
			}
		}
	})
}

func TestWithoutPeopleThereIsNobodyToAskAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alice := newWorld(t, 1).connects("alice")
		alice.asks(ports.Users{IDs: []chat.UserID{"bob"}})
		if l := alice.hears("error"); l.What != string(chat.UnknownType) {
			t.Errorf("got %+v", l)
		}
	})
}
