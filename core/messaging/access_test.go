package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/adapters/localbus"
	"github.com/parley-chat/parley/core/chat"
	"github.com/parley-chat/parley/core/messaging"
	"github.com/parley-chat/parley/ports"
)

// The places in a room that scene sets.
const (
	own    chat.Seq = 2 // a message of the user whose access is tested
	others chat.Seq = 3 // a message of the owner
)

// scene makes a room in which the user who has said something, and then got the place that the test
// is about.
func (n *node) scene(room chat.RoomID, public bool, who chat.UserID, member chat.Role, banned bool) {
	n.t.Helper()
	root := n.user("root").asAdmin()
	n.room(room, public)
	root.sets(room, who, chat.Write)
	n.user(string(who)).says(room, "mine")
	root.says(room, "yours")
	switch {
	case banned:
		root.sets(room, who, chat.None)
	case member == chat.None:
		if err := root.RemoveMember(context.Background(), root.Identity, room, who); err != nil {
			n.t.Fatal(err)
		}
	default:
		root.sets(room, who, member)
		root.sets(room, "deputy", chat.Moderate) // so that nobody is the last one
	}
}

// acts are what can be done in a room, each by one call.
var acts = []struct {
	name string
	do   func(user, chat.RoomID) error
}{
	{"enter", func(u user, room chat.RoomID) error {
		st, role, err := u.Enter(context.Background(), u.Identity, room)
		return refusedOr(err, st == (chat.Standing{}) && role == chat.None, st.Room.ID == room && role.May(chat.Read))
	}},
	{"ask what is allowed", func(u user, room chat.RoomID) error {
		role, err := u.Allowed(context.Background(), u.Identity, room)
		return refusedOr(err, role == chat.None, role.May(chat.Read))
	}},
	{"read history", func(u user, room chat.RoomID) error {
		page, err := u.History(context.Background(), u.Identity, ports.History{Room: room, Limit: 10})
		return refusedOr(err, page.Head == 0 && page.Entries == nil, page.Room == room && len(page.Entries) == int(page.Head))
	}},
	{"mark", func(u user, room chat.RoomID) error {
		m, err := u.Mark(context.Background(), u.Identity, ports.Mark{Room: room, Seq: 1})
		return refusedOr(err, m == (ports.Marked{}), m.Read == 1)
	}},
	{"send", changing(func(room chat.RoomID) ports.Change { return ports.Send{Room: room, Body: "hi"} })},
	{"edit one's own", changing(func(room chat.RoomID) ports.Change { return ports.Edit{Room: room, Seq: own, Body: "hi"} })},
	{"edit another's", changing(func(room chat.RoomID) ports.Change { return ports.Edit{Room: room, Seq: others, Body: "hi"} })},
	{"delete one's own", changing(func(room chat.RoomID) ports.Change { return ports.Delete{Room: room, Seq: own} })},
	{"delete another's", changing(func(room chat.RoomID) ports.Change { return ports.Delete{Room: room, Seq: others} })},
	{"react", changing(func(room chat.RoomID) ports.Change { return ports.React{Room: room, Seq: others, Emoji: "👍"} })},
	{"look at the room", func(u user, room chat.RoomID) error {
		v, err := u.Room(context.Background(), u.Identity, room)
		return refusedOr(err, reflect.ValueOf(v).IsZero(), v.Room.ID == room && v.Role.May(chat.Read))
	}},
	{"list members", func(u user, room chat.RoomID) error {
		members, _, err := u.Members(context.Background(), u.Identity, room, "", 10)
		return refusedOr(err, members == nil, true)
	}},
	{"change the room", func(u user, room chat.RoomID) error {
		name := "Tea"
		v, err := u.Change(context.Background(), u.Identity, room, ports.RoomChange{Name: &name})
		return refusedOr(err, reflect.ValueOf(v).IsZero(), v.Room.Name == name)
	}},
	{"add a member", func(u user, room chat.RoomID) error {
		m, err := u.SetMember(context.Background(), u.Identity, room, "carol", chat.Read)
		return refusedOr(err, m == (chat.Member{}), m.User == "carol" && m.Role == chat.Read)
	}},
	{"ban", func(u user, room chat.RoomID) error {
		m, err := u.SetMember(context.Background(), u.Identity, room, "dave", chat.None)
		return refusedOr(err, m == (chat.Member{}), m.User == "dave" && m.Banned)
	}},
	{"remove a member", func(u user, room chat.RoomID) error {
		return u.RemoveMember(context.Background(), u.Identity, room, "carol")
	}},
	{"leave", func(u user, room chat.RoomID) error {
		return u.RemoveMember(context.Background(), u.Identity, room, u.User)
	}},
}

func changing(change func(chat.RoomID) ports.Change) func(user, chat.RoomID) error {
	return func(u user, room chat.RoomID) error {
		r, err := u.tries(change(room)).wait()
		return refusedOr(err, r == (ports.Receipt{}), r.Room == room && r.Seq > others)
	}
}

// refusedOr returns err if nothing came with it, or nil if nothing failed and the result is right.
func refusedOr(err error, nothing, right bool) error {
	switch {
	case err != nil && !nothing:
		return fmt.Errorf("a refusal that comes with something: %w", errors.New(err.Error()))
	case err == nil && !right:
		return errors.New("the answer is not right")
	}
	return err
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	const (
		read     = "enter, ask what is allowed, read history, mark, look at the room, list members, leave"
		write    = read + ", send, edit one's own, delete one's own, react"
		moderate = write + ", delete another's, change the room, add a member, ban, remove a member"
	)
	n := newNode(t)
	for i, row := range []struct {
		who    string
		public bool
		member chat.Role
		banned bool
		grants chat.Grants
		admin  bool
		may    string
		kind   chat.Kind // of the rest
	}{
		{who: "somebody in a private room", kind: chat.NotFound},
		{who: "somebody in a public room", public: true, may: write, kind: chat.Forbidden},
		{who: "somebody with a token for other rooms in a public room", public: true, grants: chat.Grants{"x*": chat.Moderate}, kind: chat.NotFound},
		{who: "somebody with a token for no rooms in a public room", public: true, grants: chat.Grants{}, kind: chat.NotFound},
		{who: "a reader", member: chat.Read, may: read, kind: chat.Forbidden},
		{who: "a reader of a public room", public: true, member: chat.Read, may: write, kind: chat.Forbidden},
		{who: "a writer", member: chat.Write, may: write, kind: chat.Forbidden},
		{who: "a writer with a token for other rooms", member: chat.Write, grants: chat.Grants{"x": chat.Read}, may: write, kind: chat.Forbidden},
		{who: "a writer with a token to read", member: chat.Write, grants: chat.Grants{"r*": chat.Read}, may: write, kind: chat.Forbidden},
		{who: "a moderator", member: chat.Moderate, may: moderate, kind: chat.Forbidden},
		{who: "somebody with a token to read", grants: chat.Grants{"r*": chat.Read}, may: read, kind: chat.Forbidden},
		{who: "somebody with a token to write", grants: chat.Grants{"*": chat.Write}, may: write, kind: chat.Forbidden},
		{who: "somebody with a token to moderate", grants: chat.Grants{"r*": chat.Moderate}, may: moderate, kind: chat.Forbidden},
		{who: "somebody who is banned", banned: true, kind: chat.Forbidden},
		{who: "somebody who is banned from a public room", public: true, banned: true, kind: chat.Forbidden},
		{who: "somebody who is banned, with a token to moderate", banned: true, grants: chat.Grants{"*": chat.Moderate}, kind: chat.Forbidden},
		{who: "an admin", admin: true, may: moderate, kind: chat.Forbidden},
		{who: "an admin with a token for no rooms", admin: true, grants: chat.Grants{}, may: moderate, kind: chat.Forbidden},
		{who: "an admin who is banned", admin: true, banned: true, may: strings.Replace(moderate, ", leave", "", 1), kind: chat.Forbidden},
	} {
		t.Run(row.who, func(t *testing.T) {
			t.Parallel()
			may := strings.Split(row.may, ", ")
			for j, act := range acts {
				room, who := chat.RoomID(fmt.Sprintf("r%d.%d", i, j)), fmt.Sprintf("user%d.%d", i, j)
				n.scene(room, row.public, chat.UserID(who), row.member, row.banned)
				u := n.user(who)
				u.Grants, u.Admin = row.grants, row.admin
				want := row.kind
				for _, name := range may {
					if name == act.name {
						want = ""
					}
				}
				if err := act.do(u, room); want == "" && err != nil || want != "" && !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %q", act.name, err, want)
				}
			}
		})
	}
}

func TestAHiddenRoomLooksLikeOneThatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, autocreate := range map[string]bool{"rooms are made first": false, "rooms are made on entering": true} {
		t.Run("where "+name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, func(c *messaging.Config) { c.Autocreate = autocreate })
			bob := n.user("bob").granted(chat.Grants{"else": chat.Write})
			for i, act := range acts {
				hidden, missing := chat.RoomID(fmt.Sprint("hidden", i)), chat.RoomID(fmt.Sprint("missing", i))
				n.scene(hidden, i%2 == 0, "bob", chat.None, false)
				was, is := act.do(bob, missing), act.do(bob, hidden)
				if !errors.Is(is, chat.NotFound) || strings.ReplaceAll(fmt.Sprint(was), "missing", "hidden") != fmt.Sprint(is) {
					t.Errorf("%s: of a hidden room %v, of a missing one %v", act.name, is, was)
				}
				if _, err := n.store.Standing(t.Context(), missing, "bob"); !errors.Is(err, chat.NotFound) {
					t.Errorf("%s made a room", act.name)
				}
			}
		})
	}
}

func TestOneOwnsWhatOneWroteOnly(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	alice, root := n.user("alice"), n.user("root").asAdmin()
	n.scene("tea", false, "alice", chat.Write, false)
	for name, change := range map[string]ports.Change{
		"editing an entry that is no message":  ports.Edit{Room: "tea", Seq: 1, Body: "x"},
		"deleting an entry that is no message": ports.Delete{Room: "tea", Seq: 1},
		"editing what is not there":            ports.Edit{Room: "tea", Seq: 99, Body: "x"},
		"deleting what is not there":           ports.Delete{Room: "tea", Seq: 99},
		"editing the place before the first":   ports.Edit{Room: "tea", Seq: 0, Body: "x"},
		"reacting to what is not there":        ports.React{Room: "tea", Seq: 99, Emoji: "👍"},
	} {
		for _, u := range []user{alice, root} {
			if _, err := u.tries(change).wait(); !errors.Is(err, chat.NotFound) {
				t.Errorf("%s by %s: got %v, want not_found", name, u.User, err)
			}
		}
	}
	alice.does(ports.Delete{Room: "tea", Seq: own})
	alice.isRefused(ports.Edit{Room: "tea", Seq: own, Body: "x"}, chat.Conflict)
	if r := alice.does(ports.Delete{Room: "tea", Seq: own}); !r.Unchanged {
		t.Errorf("deleting twice got %+v", r)
	}
}

func TestABanCountsAtOnceHereAndWithinSecondsElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		here := newNode(t)
		there := newNodeOn(t, here.store)
		room := here.room("tea", true)
		root := here.user("root").asAdmin()
		bobHere, bobThere := here.user("bob"), there.user("bob")
		bobHere.says(room, "here")
		bobThere.says(room, "there")
		root.sets(room, "bob", chat.None)
		bobHere.isRefused(ports.Send{Room: room, Body: "here"}, chat.Forbidden)
		if _, err := here.Allowed(t.Context(), bobHere.Identity, room); !errors.Is(err, chat.Forbidden) {
			t.Errorf("allowed here: %v", err)
		}
		if _, err := there.Allowed(t.Context(), bobThere.Identity, room); err != nil {
			t.Errorf("allowed there, as far as is known: %v", err)
		}
		bobThere.isRefused(ports.Send{Room: room, Body: "there"}, chat.Forbidden) // the log knows
		if _, err := there.Allowed(t.Context(), bobThere.Identity, room); !errors.Is(err, chat.Forbidden) {
			t.Errorf("allowed there, once it is known: %v", err)
		}
		root.sets(room, "bob", chat.Write)
		bobHere.says(room, "here again")
		time.Sleep(3*time.Second + time.Millisecond)
		bobThere.says(room, "there again")
	})
}

// hearsBy runs a node's bus, which tells the service what other nodes tell.
func (n *node) hearsBy(bus *localbus.Bus) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { bus.Run(ctx, standingListener{n.told, n.Service}) })
	n.t.Cleanup(func() { cancel(); wg.Wait() })
}

type standingListener struct {
	*record
	service *messaging.Service
}

func (l standingListener) Hear(n ports.Notice) { l.service.Hear(n) }
func (l standingListener) Deaf()               { l.service.Deaf() }

func TestByTheBusABanCountsAtOnceEverywhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hereBus := localbus.New()
		thereBus := hereBus.Node()
		here := newNode(t, func(c *messaging.Config) { c.Bus = hereBus })
		there := newNodeOn(t, here.store, func(c *messaging.Config) { c.Bus = thereBus })
		there.hearsBy(thereBus)
		synctest.Wait()
		room := here.room("tea", true)
		root, bob, carol := here.user("root").asAdmin(), there.user("bob"), there.user("carol")
		bob.says(room, "hi")
		carol.says(room, "hi")
		root.sets(room, "bob", chat.None)
		synctest.Wait()
		bob.isRefused(ports.Send{Room: room, Body: "hi"}, chat.Forbidden)
		root.sets(room, "bob", chat.Write)
		synctest.Wait()
		bob.says(room, "hi again")

		thereBus.Cut()
		root.sets(room, "bob", chat.None)
		synctest.Wait()
		if _, err := there.Allowed(t.Context(), bob.Identity, room); err != nil {
			t.Errorf("allowed for a moment still: %v", err)
		}
		thereBus.Mend()
		bob.isRefused(ports.Send{Room: room, Body: "hi"}, chat.Forbidden)

		public := false
		if _, err := here.Change(t.Context(), root.Identity, room, ports.RoomChange{Public: &public}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		carol.isRefused(ports.Send{Room: room, Body: "hi"}, chat.NotFound)
	})
}

// overtaken is a directory whose answers are overtaken by what happens next.
type overtaken struct {
	ports.Directory
	by func()
}

func (d *overtaken) Places(ctx context.Context, places []ports.Place) ([]chat.Standing, error) {
	standings, err := d.Directory.Places(ctx, places)
	if by := d.by; by != nil {
		d.by = nil
		by()
	}
	return standings, err
}

func TestNothingIsStoredOfWhoLostTheRightAfterTheCheck(t *testing.T) {
	t.Parallel()
	name, public := "Tea", false
	sends := func(u user, room chat.RoomID) error {
		_, err := u.tries(ports.Send{Room: room, Body: "late"}).wait()
		return err
	}
	for what, row := range map[string]struct {
		place  chat.Role
		public bool
		change func(root user, room chat.RoomID) error
		late   func(u user, room chat.RoomID) error
		want   chat.Kind
	}{
		"a ban": {chat.None, true, func(root user, room chat.RoomID) error {
			_, err := root.SetMember(context.Background(), root.Identity, room, "bob", chat.None)
			return err
		}, sends, chat.Forbidden},
		"a removal": {chat.Write, false, func(root user, room chat.RoomID) error {
			return root.RemoveMember(context.Background(), root.Identity, room, "bob")
		}, sends, chat.NotFound},
		"a lower role": {chat.Write, false, func(root user, room chat.RoomID) error {
			_, err := root.SetMember(context.Background(), root.Identity, room, "bob", chat.Read)
			return err
		}, sends, chat.Forbidden},
		"a hidden room": {chat.None, true, func(root user, room chat.RoomID) error {
			_, err := root.Change(context.Background(), root.Identity, room, ports.RoomChange{Public: &public})
			return err
		}, sends, chat.NotFound},
		"a moderator no more, who renames": {chat.Moderate, false, func(root user, room chat.RoomID) error {
			_, err := root.SetMember(context.Background(), root.Identity, room, "bob", chat.Write)
			return err
		}, func(u user, room chat.RoomID) error {
			_, err := u.Change(context.Background(), u.Identity, room, ports.RoomChange{Name: &name})
			return err
		}, chat.Forbidden},
		"a moderator no more, who bans": {chat.Moderate, false, func(root user, room chat.RoomID) error {
			_, err := root.SetMember(context.Background(), root.Identity, room, "bob", chat.Write)
			return err
		}, func(u user, room chat.RoomID) error {
			_, err := u.SetMember(context.Background(), u.Identity, room, "carol", chat.None)
			return err
		}, chat.Forbidden},
		"a moderator no more, who deletes": {chat.Moderate, false, func(root user, room chat.RoomID) error {
			_, err := root.SetMember(context.Background(), root.Identity, room, "bob", chat.Write)
			return err
		}, func(u user, room chat.RoomID) error {
			_, err := u.tries(ports.Delete{Room: room, Seq: 1}).wait()
			return err
		}, chat.Forbidden},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			here := newNode(t)
			late := &overtaken{Directory: here.store}
			there := newNodeOn(t, here.store, func(c *messaging.Config) { c.Directory = late })
			root, room := here.user("root").asAdmin(), here.room("tea", row.public)
			root.says(room, "first")
			if row.place != chat.None {
				root.sets(room, "bob", row.place)
			}
			late.by = func() {
				if err := row.change(root, room); err != nil {
					t.Errorf("the change: %v", err)
				}
			}
			before := len(here.logged(room)) + 1
			if err := row.late(there.user("bob"), room); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
			mustEqual(t, "entries", len(here.logged(room)), before)
			if err := row.late(there.user("bob"), room); !errors.Is(err, row.want) {
				t.Errorf("again: got %v, want %s", err, row.want)
			}
		})
	}
}

func TestARoomsChangeCountsAtOnceForAll(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	root, room := n.user("root").asAdmin(), n.room("tea", true)
	bob, carol := n.user("bob"), n.user("carol")
	bob.says(room, "hi")
	carol.says(room, "hi")
	public := false
	if _, err := n.Change(t.Context(), root.Identity, room, ports.RoomChange{Public: &public}); err != nil {
		t.Fatal(err)
	}
	bob.isRefused(ports.Send{Room: room, Body: "hi"}, chat.NotFound)
	carol.isRefused(ports.Send{Room: room, Body: "hi"}, chat.NotFound)
}

// asking notes each question to the directory and the log.
type asking struct {
	ports.Directory
	ports.Log
	asked *[]string
}

func (a asking) note(what string) { *a.asked = append(*a.asked, what) }

func (a asking) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	a.note("places")
	return a.Directory.Places(ctx, asked)
}

func (a asking) Standing(ctx context.Context, room chat.RoomID, user chat.UserID) (chat.Standing, error) {
	a.note("standing")
	return a.Directory.Standing(ctx, room, user)
}

func (a asking) Members(ctx context.Context, room chat.RoomID, after chat.UserID, limit int) ([]chat.Member, error) {
	a.note("members")
	return a.Directory.Members(ctx, room, after, limit)
}

func (a asking) Mark(ctx context.Context, marks []ports.ReadMark) ([]ports.MarkOutcome, error) {
	a.note("mark")
	return a.Directory.Mark(ctx, marks)
}

func (a asking) Read(ctx context.Context, room chat.RoomID, span ports.Span) ([]chat.Entry, error) {
	a.note("read")
	return a.Log.Read(ctx, room, span)
}

func (a asking) Entry(ctx context.Context, room chat.RoomID, seq chat.Seq) (chat.Entry, error) {
	a.note("entry")
	return a.Log.Entry(ctx, room, seq)
}

// The time of an answer must not tell that a room exists. So the store is asked the same questions
// for both, the first time and the next.
func TestAHiddenRoomCostsWhatOneThatIsNotThereDoes(t *testing.T) {
	t.Parallel()
	var asked []string
	n := newNode(t, func(c *messaging.Config) {
		a := asking{c.Directory, c.Log, &asked}
		c.Directory, c.Log = a, a
	})
	for i, act := range acts {
		hidden, missing := chat.RoomID(fmt.Sprint("hidden", i)), chat.RoomID(fmt.Sprint("missing", i))
		n.scene(hidden, false, "bob", chat.None, false)
		questions := func(room chat.RoomID) string {
			asked = nil
			for range 2 {
				if err := act.do(n.user("bob"), room); !errors.Is(err, chat.NotFound) {
					t.Errorf("%s in %s: %v", act.name, room, err)
				}
			}
			return strings.Join(asked, ", ")
		}
		mustEqual(t, act.name, questions(hidden), questions(missing))
		mustEqual(t, act.name, questions(hidden), "places, places")
	}
}

func TestWhoMayStillReadIsOneQuestionThatChargesNobody(t *testing.T) {
	t.Parallel()
	here, counted := newNode(t), &lookup{}
	for room, banned := range map[chat.RoomID]bool{"den": false, "jail": true} {
		here.scene(room, false, "bob", chat.None, banned)
	}
	here.room("tea", true)
	n := newNodeOn(t, here.store, func(c *messaging.Config) {
		counted.Directory, c.Directory, c.Autocreate = c.Directory, counted, true
		c.RateLimit = messaging.Rate{PerSecond: 0.001, Burst: 1}
	})
	var asked []ports.Follower
	for range 100 {
		for _, room := range []chat.RoomID{"tea", "den", "jail", "nowhere"} {
			asked = append(asked, ports.Follower{By: n.user("bob").Identity, Room: room})
		}
	}
	rights, err := n.MayRead(t.Context(), asked)
	if err != nil || len(rights) != len(asked) {
		t.Fatalf("%d rights, %v", len(rights), err)
	}
	for i, want := range []chat.Kind{"", chat.NotFound, chat.Forbidden, ""} {
		if rights[i].Unmade != (i == 3) {
			t.Errorf("%s: unmade is %v", asked[i].Room, rights[i].Unmade)
		}
		if err := rights[i].Err; want == "" && err != nil || want != "" && !errors.Is(err, want) {
			t.Errorf("%s: %v, want %q", asked[i].Room, err, want)
		}
	}
	mustEqual(t, "questions", counted.asked, 1)
	if _, err := n.store.Standing(t.Context(), "nowhere", "bob"); !errors.Is(err, chat.NotFound) {
		t.Errorf("the question made a room: %v", err)
	}
	n.user("bob").says("tea", "I have done nothing yet")
}

func TestWhoMayReadIsKnownOfRoomsThatAreNotAway(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.Directory = lacking{c.Directory, "den"} })
	n.room("tea", true)
	n.room("den", true)
	bob := n.user("bob").Identity
	rights, err := n.MayRead(t.Context(), []ports.Follower{{By: bob, Room: "den"}, {By: bob, Room: "tea"}})
	if err != nil || !errors.Is(rights[0].Err, chat.Unavailable) || rights[1].Err != nil {
		t.Errorf("rights are %+v, %v", rights, err)
	}
}

// lacking is a directory of which one room is away.
type lacking struct {
	ports.Directory
	room chat.RoomID
}

func (d lacking) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	standings := make([]chat.Standing, len(asked))
	for i := range asked {
		if asked[i].Room == d.room {
			continue
		}
		one, err := d.Directory.Places(ctx, asked[i:i+1])
		if err != nil {
			return nil, err
		}
		standings[i] = one[0]
	}
	lacks := func(room chat.RoomID) bool { return room == d.room }
	return standings, &ports.Partial{Lacks: lacks, Err: chat.Errorf(chat.Unavailable, "away")}
}

// lookup stands between a service and its directory's Places.
type lookup struct {
	ports.Directory
	delay func() // once the answer is there
	asked int
}

func (d *lookup) Places(ctx context.Context, asked []ports.Place) ([]chat.Standing, error) {
	st, err := d.Directory.Places(ctx, asked)
	d.asked++
	if d.delay != nil {
		d.delay()
	}
	return st, err
}

func TestAnAnswerThatWasLongOnItsWayIsNotGoodForLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		here := newNode(t)
		slow := &lookup{Directory: here.store}
		there := newNodeOn(t, here.store, func(c *messaging.Config) { c.Directory = slow })
		room := here.room("tea", true)
		slow.delay = func() { time.Sleep(2 * time.Second) }
		there.user("bob").says(room, "may I?") // known as it was 2 s ago
		slow.delay = nil
		here.user("root").asAdmin().sets(room, "bob", chat.None)
		time.Sleep(time.Second + time.Millisecond)
		there.user("bob").isRefused(ports.Send{Room: room, Body: "still?"}, chat.Forbidden)
	})
}

func TestAnAnswerThatABanHasOvertakenIsNotRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &lookup{}
		n := newNode(t, func(c *messaging.Config) { slow.Directory, c.Directory = c.Directory, slow })
		room, bob := n.room("tea", true), n.user("bob")
		slow.delay = func() {
			slow.delay = nil
			n.user("root").asAdmin().sets(room, "bob", chat.None)
		}
		if _, err := n.Allowed(t.Context(), bob.Identity, room); err != nil {
			t.Errorf("looked up before the ban: %v", err)
		}
		bob.isRefused(ports.Send{Room: room, Body: "too late"}, chat.Forbidden)
	})
}

func TestWhoWritesMuchIsLookedUpSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		counted := &lookup{}
		n := newNode(t, func(c *messaging.Config) { counted.Directory, c.Directory = c.Directory, counted })
		room, bob := n.room("tea", true), n.user("bob")
		for range 100 {
			bob.says(room, "hi")
			time.Sleep(50 * time.Millisecond)
		}
		mustEqual(t, "look-ups in 5 s", counted.asked, 2)
	})
}

func TestARoomThatIsNotThereIsAnEmptyOneToWhoMayMakeIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		off  bool
		by   chat.Identity
		want chat.Role // None: there is no room
	}{
		"for somebody":                           {by: chat.Identity{User: "bob"}, want: chat.Write},
		"for an admin":                           {by: chat.Identity{User: "bob", Admin: true}, want: chat.Moderate},
		"for an admin with a token for no rooms": {by: chat.Identity{User: "bob", Admin: true, Grants: chat.Grants{}}, want: chat.Moderate},
		"for a token to read it":                 {by: chat.Identity{User: "bob", Grants: chat.Grants{"t*": chat.Read}}, want: chat.Read},
		"for a token to moderate it":             {by: chat.Identity{User: "bob", Grants: chat.Grants{"tea": chat.Moderate}}, want: chat.Moderate},
		"not for a token for other rooms":        {by: chat.Identity{User: "bob", Grants: chat.Grants{"den": chat.Moderate}}},
		"not for a token for no rooms":           {by: chat.Identity{User: "bob", Grants: chat.Grants{}}},
		"not where that is off":                  {off: true, by: chat.Identity{User: "bob"}},
		"not for an admin where that is off":     {off: true, by: chat.Identity{User: "bob", Admin: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, func(c *messaging.Config) { c.Autocreate = !row.off })
			user := user{n, row.by}
			st, role, err := n.Enter(t.Context(), row.by, "tea")
			if row.want == chat.None {
				if !errors.Is(err, chat.NotFound) {
					t.Errorf("entering got %+v, %v", st, err)
				}
				n.follow("tea")
				user.isRefused(ports.Send{Room: "tea", Body: "hi"}, chat.NotFound)
			} else if err != nil || role != row.want || !st.Room.Public || st.Room.Made() || st.Room.Head != 0 || st.Member != (chat.Member{}) {
				t.Errorf("got %+v, %v, %v", st, role, err)
			}
			views, next, err := n.Mine(t.Context(), row.by, "", 10)
			if err != nil || len(views) != 0 || next != "" {
				t.Errorf("it is in a list: %+v, %q, %v", views, next, err)
			}
			if made, err := n.store.Standing(t.Context(), "tea", "bob"); !errors.Is(err, chat.NotFound) {
				t.Errorf("then the room is %+v, %v", made, err)
			}
		})
	}
}

func TestARoomThatNobodyMadeOrFollowsIsNotThere(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.Autocreate = true })
	for _, u := range []user{n.user("bob"), n.user("root").asAdmin()} {
		for _, act := range acts {
			if err := act.do(u, "tea"); act.name != "enter" && !errors.Is(err, chat.NotFound) {
				t.Errorf("%s by %s: got %v, want not_found", act.name, u.User, err)
			}
		}
	}
	n.user("bob").isRefused(ports.Send{Room: "tea", Body: "hi", ReplyTo: 1, Makes: true}, chat.NotFound)
	if made, err := n.store.Standing(t.Context(), "tea", "bob"); !errors.Is(err, chat.NotFound) {
		t.Errorf("a message that is refused made the room: %+v, %v", made, err)
	}
	if r := n.user("bob").does(ports.Send{Room: "tea", Body: "hi", Makes: true}); r.Seq != 1 || r.Made == nil {
		t.Errorf("a message that makes it got %+v", r)
	}
	for _, act := range acts {
		if err := act.do(n.user("root").asAdmin(), "tea"); errors.Is(err, chat.NotFound) && strings.Contains(err.Error(), "no room") {
			t.Errorf("then to %s got %v", act.name, err)
		}
	}
}

func TestOnlyAMessageMakesARoom(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.Autocreate = true })
	n.follow("tea")
	root := n.user("root").asAdmin()
	for _, act := range acts {
		if act.name == "send" {
			continue
		}
		err := act.do(root, "tea")
		asks := act.name == "enter" || act.name == "ask what is allowed" || act.name == "read history" || act.name == "look at the room" || act.name == "list members"
		invalid := act.name == "mark" // at 1
		if asks && err != nil || invalid && !errors.Is(err, chat.Invalid) || !asks && !invalid && !errors.Is(err, chat.NotFound) {
			t.Errorf("%s: got %v", act.name, err)
		}
		if made, err := n.store.Standing(t.Context(), "tea", "root"); !errors.Is(err, chat.NotFound) {
			t.Fatalf("%s made the room: %+v, %v", act.name, made, err)
		}
	}
	if m, err := n.Mark(t.Context(), root.Identity, ports.Mark{Room: "tea"}); err != nil || m != (ports.Marked{Room: "tea"}) {
		t.Errorf("a mark at 0 got %+v, %v", m, err)
	}
	after := chat.Seq(3)
	if _, err := n.History(t.Context(), root.Identity, ports.History{Room: "tea", After: &after, Limit: 1}); !errors.Is(err, chat.Invalid) {
		t.Errorf("history ahead of it got %v", err)
	}
	v, err := n.Room(t.Context(), root.Identity, "tea")
	if err != nil || v.Room != chat.Unmade("tea") || v.Role != chat.Moderate {
		t.Errorf("the room is %+v, %v", v, err)
	}
}

func TestWhoMakesARoomByWritingModeratesItWhereTheirTokenLetsThem(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		by        chat.Identity
		moderator chat.UserID
		want      chat.Kind
	}{
		"somebody":                  {by: chat.Identity{User: "bob"}, moderator: "bob"},
		"an admin":                  {by: chat.Identity{User: "bob", Admin: true, Grants: chat.Grants{}}, moderator: "bob"},
		"a token to moderate there": {by: chat.Identity{User: "bob", Grants: chat.Grants{"t*": chat.Moderate}}, moderator: "bob"},
		"a token to write there":    {by: chat.Identity{User: "bob", Grants: chat.Grants{"tea": chat.Write}}},
		"a token to read there":     {by: chat.Identity{User: "bob", Grants: chat.Grants{"tea": chat.Read}}, want: chat.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, func(c *messaging.Config) { c.Autocreate = true })
			n.follow("tea")
			bob := user{n, row.by}
			if row.want != "" {
				bob.isRefused(ports.Send{Room: "tea", Body: "hi"}, row.want)
				return
			}
			r := bob.says("tea", "hi")
			if r.Seq != 1 || r.Made == nil || r.Made.Moderator != row.moderator {
				t.Errorf("the first message got %+v", r)
			}
			if again := bob.says("tea", "hi"); again.Made != nil || again.Seq != 2 {
				t.Errorf("the second got %+v", again)
			}
			st, err := n.store.Standing(t.Context(), "tea", "bob")
			if err != nil || st.Member.User != row.moderator || !st.Room.Public {
				t.Errorf("the room is %+v, %v", st, err)
			}
		})
	}
}

func TestManyWhoWriteFirstMakeARoomOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *messaging.Config) { c.Autocreate = true })
	n.follow("tea")
	var wg sync.WaitGroup
	var made atomic.Int64
	for i := range 20 {
		wg.Go(func() {
			if n.user(fmt.Sprint("user", i)).says("tea", "hi").Made != nil {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	mustEqual(t, "makers", made.Load(), 1)
	mustEqual(t, "messages", len(n.logged("tea")), 20)
	members, _, err := n.Members(t.Context(), n.user("root").asAdmin().Identity, "tea", "", 10)
	if err != nil || len(members) != 1 || members[0].Role != chat.Moderate {
		t.Errorf("members are %+v, %v", members, err)
	}
}

// rival makes each room a moment before somebody else does.
type rival struct {
	ports.Directory
	public bool
}

func (d rival) Create(ctx context.Context, room chat.Room, owner chat.UserID) (chat.Room, error) {
	if _, err := d.Directory.Create(ctx, chat.Room{ID: room.ID, Name: "the rival's", Public: d.public}, "rival"); err != nil {
		return chat.Room{}, err
	}
	return d.Directory.Create(ctx, room, owner)
}

func TestWhoIsSecondInMakingARoomIsJudgedByTheOneThatIsThere(t *testing.T) {
	t.Parallel()
	for public, want := range map[bool]chat.Kind{true: "", false: chat.NotFound} {
		n := newNode(t, func(c *messaging.Config) {
			c.Autocreate, c.Directory, c.RoomsLimit = true, rival{c.Directory, public}, messaging.Rate{PerSecond: 1e-9, Burst: 1}
		})
		n.follow("tea", "den")
		bob := n.user("bob")
		for _, room := range []chat.RoomID{"tea", "den"} { // none of which he has made, after all
			if want != "" {
				bob.isRefused(ports.Send{Room: room, Body: "hi"}, want)
				mustEqual(t, "entries", len(n.logged(room)), 0)
			} else if r := bob.says(room, "hi"); r.Made != nil || r.Seq != 1 {
				t.Errorf("got %+v", r)
			}
		}
	}
}

func TestHowManyRoomsAUserMakesIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) {
			c.Autocreate, c.RoomsLimit = true, messaging.Rate{PerSecond: 3. / 3600, Burst: 3}
		})
		n.follow("r1", "r3", "r4", "r5")
		bob, root := n.user("bob"), n.user("root").asAdmin()
		makes := func(u user, room chat.RoomID) error {
			_, err := n.Create(t.Context(), u.Identity, chat.Room{ID: room})
			return err
		}
		bob.says("r1", "hi")
		if err := makes(bob, "r2"); err != nil {
			t.Fatal(err)
		}
		for range 5 { // there is one: nothing is made
			if err := makes(bob, "r2"); !errors.Is(err, chat.Conflict) {
				t.Errorf("making it again got %v", err)
			}
		}
		bob.says("r3", "hi")
		bob.says("r3", "and so on")
		for _, err := range []error{makes(bob, "r4"), bob.isRefused(ports.Send{Room: "r4", Body: "hi"}, chat.RateLimited)} {
			if e := chat.AsError(err); e.Kind != chat.RateLimited || e.RetryAfter < 19*time.Minute || e.RetryAfter > 20*time.Minute {
				t.Errorf("one more got %v, to be tried again in %v", err, e.RetryAfter)
			}
		}
		n.user("carol").says("r4", "hi")
		bob.says("r4", "hi")
		for i := range 10 {
			if err := makes(root, chat.RoomID(fmt.Sprint("root", i))); err != nil {
				t.Errorf("an admin got %v", err)
			}
		}
		time.Sleep(20 * time.Minute)
		bob.says("r5", "hi")
	})
}

func TestTheLimitHoldsForEveryAct(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, func(c *messaging.Config) { c.RateLimit = messaging.Rate{PerSecond: 0.05, Burst: 4} })
		for i, act := range acts {
			u := n.user(fmt.Sprint("user", i)).granted(chat.Grants{"*": chat.Moderate})
			room := n.room(chat.RoomID(fmt.Sprint("r", i)), false)
			for range 4 {
				u.says(room, "hi")
			}
			err := act.do(u, room)
			if e := chat.AsError(err); e.Kind != chat.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > 20*time.Second {
				t.Errorf("%s over the limit: got %v, wait %v", act.name, err, e.RetryAfter)
			}
		}
		u := n.user("user0")
		if _, _, err := n.Mine(t.Context(), u.Identity, "", 10); !errors.Is(err, chat.RateLimited) {
			t.Errorf("listing rooms over the limit: got %v", err)
		}
		if _, err := n.Create(t.Context(), u.Identity, chat.Room{ID: "new"}); !errors.Is(err, chat.RateLimited) {
			t.Errorf("making a room over the limit: got %v", err)
		}
	})
}
