package portstest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/core/chat"
)

func (s *storeSuite) testPeople(t *testing.T) {
	s.prove(t, []sentence{
		{"who is not known has no profile", knowsNobody},
		{"what a token says makes a profile", learnsProfile},
		{"a claim counts if it is younger and says something new", learnsNews},
		{"a claim that says nothing takes nothing", learnsNothing},
		{"what is set holds, and the rest stays", setsProfile},
		{"what was set stays until tokens say something new later", setsAgainstTokens},
		{"what changes nothing is not written", setsUnchanged},
		{"a version that is not the present one is stale", setsStale},
		{"many claims are learnt at once, each for itself", learnsMany},
		{"text comes as it was", keepsText},
	})
	t.Run("of changes that race each counts", func(t *testing.T) { t.Parallel(); s.racesProfiles(t) })
}

// profile returns a user's profile. It is zero if there is none.
func (u user) profile() chat.Profile {
	u.Helper()
	got, err := u.Profiles(u.Context(), []chat.UserID{u.id, u.id})
	if err != nil || len(got) > 1 {
		u.Fatalf("profiles are %+v, %v", got, err)
	}
	if len(got) == 0 {
		return chat.Profile{}
	}
	return got[0]
}

// claims lets the store learn a claim of the user, and reports whether that changed anything.
func (u user) claims(name, avatar string, issued time.Time) bool {
	u.Helper()
	changed, err := u.Learn(u.Context(), []chat.Claim{{User: u.id, Name: name, Avatar: avatar, Issued: issued}})
	if err != nil || len(changed) > 1 {
		u.Fatalf("learn: %+v, %v", changed, err)
	}
	if len(changed) == 1 {
		mustBeProfile(u, changed[0], u.profile())
	}
	return len(changed) == 1
}

func (u user) sets(change chat.ProfileChange) (chat.Profile, bool) {
	u.Helper()
	is, changed, err := u.SetProfile(u.Context(), u.id, change)
	if err != nil {
		u.Fatalf("set a profile: %v", err)
	}
	mustBeProfile(u, u.profile(), is)
	return is, changed
}

func mustBeProfile(t tester, got, want chat.Profile) {
	t.Helper()
	show := func(p chat.Profile) string {
		return fmt.Sprintf("%q %q %q %q v%d", p.User, p.Name, p.Avatar, p.Custom, p.Version)
	}
	if show(got) != show(want) {
		t.Fatalf("profile is %s, want %s", show(got), show(want))
	}
}

func knowsNobody(t *testing.T, r room) {
	if got, err := r.Profiles(t.Context(), []chat.UserID{r.user("nobody").id}); err != nil || len(got) > 0 {
		t.Fatalf("profiles are %+v, %v", got, err)
	}
	if got, err := r.Profiles(t.Context(), nil); err != nil || len(got) > 0 {
		t.Fatalf("profiles of none are %+v, %v", got, err)
	}
	if got, err := r.Learn(t.Context(), nil); err != nil || len(got) > 0 {
		t.Fatalf("of nothing it learns %+v, %v", got, err)
	}
}

func learnsProfile(t *testing.T, r room) {
	alice, bob := r.user("alice"), r.user("bob")
	if !alice.claims("Alice", "https://a.example/1.png", time.Now()) {
		t.Fatal("nothing was learnt")
	}
	mustBeProfile(t, alice.profile(), chat.Profile{User: alice.id, Name: "Alice", Avatar: "https://a.example/1.png", Version: 1})
	mustBeProfile(t, bob.profile(), chat.Profile{})
	if !bob.claims("Bob", "", time.Time{}) { // the token does not say when it was issued
		t.Fatal("nothing was learnt of a token without a time")
	}
	if bob.claims("Bobby", "", time.Time{}) {
		t.Fatal("of two that do not say when they were issued the second one counts")
	}
	if !bob.claims("Robert", "", time.Now()) {
		t.Fatal("one that says when it was issued does not count")
	}
}

func learnsNews(t *testing.T, r room) {
	alice := r.user("alice")
	now := time.Now().UTC().Truncate(time.Second)
	alice.claims("Alice", "", now)
	for _, row := range []struct {
		name, avatar string
		issued       time.Time
		want         chat.Profile
	}{
		{"Older", "", now.Add(-time.Second), chat.Profile{Name: "Alice", Version: 1}},
		{"As old", "", now, chat.Profile{Name: "Alice", Version: 1}},
		{"Alice", "", now.Add(time.Second), chat.Profile{Name: "Alice", Version: 1}},
		{"Ann", "", now.Add(2 * time.Second), chat.Profile{Name: "Ann", Version: 2}},
		{"Ann", "/a.png", now.Add(3 * time.Second), chat.Profile{Name: "Ann", Avatar: "/a.png", Version: 3}},
		{"", "/b.png", now.Add(4 * time.Second), chat.Profile{Name: "Ann", Avatar: "/b.png", Version: 4}},
		{"Alice", "/c.png", now.Add(4 * time.Second), chat.Profile{Name: "Ann", Avatar: "/b.png", Version: 4}},
	} {
		before := alice.profile().Version
		if changed := alice.claims(row.name, row.avatar, row.issued); changed != (row.want.Version > before) {
			t.Fatalf("%+v: changed is %v", row, changed)
		}
		row.want.User = alice.id
		mustBeProfile(t, alice.profile(), row.want)
	}
}

func learnsNothing(t *testing.T, r room) {
	alice := r.user("alice")
	if alice.claims("", "", time.Now()) {
		t.Fatal("a claim that is empty makes a profile")
	}
	alice.claims("Alice", "/a.png", time.Now())
	if alice.claims("", "", time.Now().Add(time.Hour)) {
		t.Fatal("a claim that is empty changes a profile")
	}
	mustBeProfile(t, alice.profile(), chat.Profile{User: alice.id, Name: "Alice", Avatar: "/a.png", Version: 1})
}

func setsProfile(t *testing.T, r room) {
	alice := r.user("alice")
	custom := []byte(`{"pronouns": "she/her",  "n":1.50}`)
	is, changed := alice.sets(chat.ProfileChange{Name: new("Alice"), Custom: custom})
	if want := (chat.Profile{User: alice.id, Name: "Alice", Custom: custom, Version: 1}); !changed {
		t.Fatal("nothing changed")
	} else {
		mustBeProfile(t, is, want)
	}
	is, _ = alice.sets(chat.ProfileChange{Avatar: new("/a.png")})
	mustBeProfile(t, is, chat.Profile{User: alice.id, Name: "Alice", Avatar: "/a.png", Custom: custom, Version: 2})
	is, _ = alice.sets(chat.ProfileChange{Name: new(""), Custom: []byte("{ }")})
	mustBeProfile(t, is, chat.Profile{User: alice.id, Avatar: "/a.png", Version: 3})
}

func setsAgainstTokens(t *testing.T, r room) {
	alice := r.user("alice")
	before, after := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	alice.claims("Alice", "", before)
	alice.sets(chat.ProfileChange{Name: new("Ally")})
	if alice.claims("Alice B.", "", before.Add(time.Minute)) {
		t.Fatal("a token that was issued before the name was set counts")
	}
	if alice.claims("Alice", "", after) {
		t.Fatal("a token that says what tokens said before takes the name that was set")
	}
	mustEqual(t, "name", alice.profile().Name, "Ally")
	if !alice.claims("Alice C.", "", after.Add(time.Second)) {
		t.Fatal("a younger token that says something new does not count")
	}
	mustBeProfile(t, alice.profile(), chat.Profile{User: alice.id, Name: "Alice C.", Version: 3})
}

func setsUnchanged(t *testing.T, r room) {
	alice := r.user("alice")
	alice.sets(chat.ProfileChange{Name: new("Alice"), Custom: []byte(`{"a":1}`)})
	for _, change := range []chat.ProfileChange{{}, {Name: new("Alice")}, {Custom: []byte(`{"a":1}`)}, {Avatar: new("")}} {
		if is, changed := alice.sets(change); changed || is.Version != 1 {
			t.Fatalf("%+v changes it to %+v", change, is)
		}
	}
	if is, changed, err := r.SetProfile(t.Context(), r.user("bob").id, chat.ProfileChange{Name: new("")}); err != nil || changed || is.Version != 0 {
		t.Fatalf("of who is not known nothing becomes %+v, %v, %v", is, changed, err)
	}
	mustBeProfile(t, r.user("bob").profile(), chat.Profile{})
}

func setsStale(t *testing.T, r room) {
	alice := r.user("alice")
	tries := func(version int64, name string) error {
		_, _, err := alice.SetProfile(t.Context(), alice.id, chat.ProfileChange{Name: &name, IfVersion: &version})
		return err
	}
	there := func(name string) error {
		_, _, err := alice.SetProfile(t.Context(), alice.id, chat.ProfileChange{Name: &name, IfThere: true})
		return err
	}
	mustStale(t, there("Alice"))
	mustStale(t, tries(1, "Alice"))
	mustStale(t, tries(-1, "Alice"))
	mustBeProfile(t, alice.profile(), chat.Profile{})
	if err := tries(0, "Alice"); err != nil {
		t.Fatal(err)
	}
	mustStale(t, tries(0, "Alice"))
	mustStale(t, tries(2, "Ann"))
	if err := tries(1, "Ann"); err != nil {
		t.Fatal(err)
	}
	mustStale(t, tries(1, "Ann"))
	mustBeProfile(t, alice.profile(), chat.Profile{User: alice.id, Name: "Ann", Version: 2})
}

func mustStale(t tester, err error) {
	t.Helper()
	mustFail(t, err, chat.Conflict)
	mustEqual(t, "detail", chat.AsError(err).Detail, chat.Stale)
}

func learnsMany(t *testing.T, r room) {
	var claims []chat.Claim
	var users []chat.UserID
	for i := range 100 {
		u := r.user(fmt.Sprint("user", i))
		users = append(users, u.id)
		claims = append(claims, chat.Claim{User: u.id, Name: fmt.Sprint("User ", i), Issued: time.Now()})
	}
	for i, want := range []int{50, 50, 0} {
		from, to := max(i-1, 0)*50, 50+min(i, 1)*50
		got, err := r.Learn(t.Context(), claims[from:to])
		if err != nil || len(got) != want {
			t.Fatalf("of claims %d to %d it learns %d, %v", from, to, len(got), err)
		}
	}
	got, err := r.Profiles(t.Context(), users)
	if err != nil || len(got) != 100 {
		t.Fatalf("there are %d profiles, %v", len(got), err)
	}
	for _, p := range got {
		if i := slices.Index(users, p.User); p.Name != fmt.Sprint("User ", i) || p.Version != 1 {
			t.Errorf("the profile of %s is %+v", p.User, p)
		}
	}
}

func keepsText(t *testing.T, r room) {
	u := r.user(`we,ird/ "\ö☕`)
	want := chat.Profile{
		User: u.id, Name: strings.Repeat("😀", chat.MaxNameChars), Avatar: "https://ä.example/" + strings.Repeat("ü", chat.MaxAvatarChars-18),
		Custom: []byte(`{"x":"\u0000\ud83d\ude00` + strings.Repeat("y", 4000) + `"}`), Version: 1,
	}
	is, _ := u.sets(chat.ProfileChange{Name: &want.Name, Avatar: &want.Avatar, Custom: want.Custom})
	mustBeProfile(t, is, want)
}

// racesProfiles changes one profile from many goroutines, each with the version that it knows. Each
// new version must belong to exactly one of them.
func (s *storeSuite) racesProfiles(t *testing.T) {
	r := newRoom(t, s.store)
	stores := []StoreUnderTest{s.store}
	if s.again != nil {
		stores = append(stores, s.again(t, s.store))
	}
	alice := r.user("alice")
	var won atomic.Int64
	together(t, 8, func(i int) {
		store := stores[i%len(stores)]
		for n := range 10 {
			got, err := store.Profiles(t.Context(), []chat.UserID{alice.id})
			var version int64
			if err == nil && len(got) > 0 {
				version = got[0].Version
			}
			_, _, err = store.SetProfile(t.Context(), alice.id, chat.ProfileChange{Name: new(fmt.Sprint(i, "-", n)), IfVersion: &version})
			switch {
			case err == nil:
				won.Add(1)
			case chat.AsError(err).Detail != chat.Stale:
				t.Errorf("set a profile: %v", err)
			}
		}
	})
	if got := alice.profile().Version; got != won.Load() || got == 0 {
		t.Errorf("%d have won, and the version is %d", won.Load(), got)
	}
}
